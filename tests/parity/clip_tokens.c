/* Usage: clip_tokens DIRECTORY LIMIT [ROUNDS]
 * Reads texts from standard input, each behind its length (32 bits, this machine's order), and
 * writes of each the number of its ids, whether it was truncated, and the ids, 32 bits each. With
 * ROUNDS nothing of the kind: the texts are tokenized that many times, and the tokens between BOS
 * and EOS and the seconds of the fastest round are printed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "providers/clip/tokenizer.h"
#include "server/base/buf.h"
#include "server/base/cleanup.h"
#include "server/base/clock.h"

enum { TEXT_MAX = 1 << 26, LIMIT_MAX = 1 << 26 };

static bool read_text(struct buf *text)
{
    uint32_t n;

    buf_reset(text);
    if (fread(&n, sizeof(n), 1, stdin) != 1 || !buf_room(text, n))
        return false;
    text->n = n;
    return fread(text->p, 1, n, stdin) == n;
}

static int answer(const struct clip_tokenizer *t, int limit, int32_t *ids)
{
    _cleanup_(buf_free) struct buf text = {0};

    buf_init(&text, TEXT_MAX);
    while (read_text(&text)) {
        bool truncated = false;
        int n = clip_tokenize(t, buf_str(&text), limit, ids, &truncated);
        if (n < 0)
            return 1;
        int32_t head[2] = {n, truncated};
        fwrite(head, sizeof(*head), 2, stdout);
        fwrite(ids, sizeof(*ids), (size_t)n, stdout);
        fflush(stdout);
    }
    return 0;
}

static int64_t one_round(const struct clip_tokenizer *t, const struct buf *all, int limit,
                         int32_t *ids, int64_t *tokens)
{
    int64_t began = clock_us();

    *tokens = 0;
    for (size_t i = 0; i < all->n;) {
        uint32_t n;
        bool truncated;
        memcpy(&n, all->p + i, sizeof(n));
        i += sizeof(n);
        *tokens += clip_tokenize(t, (struct str){all->p + i, n}, limit, ids, &truncated) - 2;
        i += n;
    }
    return clock_us() - began;
}

static int measure(const struct clip_tokenizer *t, int limit, int32_t *ids, long rounds)
{
    _cleanup_(buf_free) struct buf text = {0}, all = {0};
    int64_t best = INT64_MAX, tokens = 0;

    buf_init(&text, TEXT_MAX);
    buf_init(&all, (size_t)1 << 32);
    while (read_text(&text)) {
        uint32_t n = (uint32_t)text.n;
        buf_add(&all, &n, sizeof(n));
        buf_adds(&all, buf_str(&text));
    }
    for (long i = 0; i < rounds; i++) {
        int64_t us = one_round(t, &all, limit, ids, &tokens);
        best = us < best ? us : best;
    }
    printf("%lld %.6f\n", (long long)tokens, (double)best / 1e6);
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    long limit = argc >= 3 ? strtol(argv[2], NULL, 10) : 0;

    if (limit < 2 || limit > LIMIT_MAX) {
        fputs("usage: clip_tokens DIRECTORY LIMIT [ROUNDS]\n", stderr);
        return 2;
    }
    struct clip_tokenizer *t = clip_tokenizer_load(argv[1], &e);
    int32_t *ids = malloc((size_t)limit * sizeof(*ids));
    int code = 1;
    if (!t)
        fprintf(stderr, "clip_tokens: %s\n", e.msg);
    else if (ids)
        code = argc > 3 ? measure(t, (int)limit, ids, strtol(argv[3], NULL, 10))
                        : answer(t, (int)limit, ids);
    free(ids);
    clip_tokenizer_free(t);
    return code;
}
