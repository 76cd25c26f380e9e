/* The trainers' form: alternating turns, the picture's mark in the first one, options shuffled by a
 * seeded hash. */
#include <stdio.h>

#include "server/base/hash.h"
#include "server/json/write.h"
#include "stages/dialogue/dialogue.h"

enum { CONVERSATION_BYTES_MAX = 64 << 10 };

/* A seeded permutation of 0..3: hash in factorial base. */
static void permutation(struct str purpose, struct str id, int out[OPTIONS])
{
    uint64_t h = hash_choice(purpose, id) >> 8;
    for (int i = 0; i < OPTIONS; i++)
        out[i] = i;
    for (int i = OPTIONS - 1; i > 0; i--) {
        int k = (int)(h % (uint64_t)(i + 1));
        h /= (uint64_t)(i + 1);
        int swap = out[i];
        out[i] = out[k];
        out[k] = swap;
    }
}

/* Where the right option of question i goes: each block of four questions uses each letter once, so
 * that letters are balanced within a dialogue and over the whole set. */
static int right_place(struct str id, size_t i)
{
    char purpose[32];
    int letters[OPTIONS];
    (void)snprintf(purpose, sizeof(purpose), "letters:%zu", i / OPTIONS);
    permutation(str_of(purpose), id, letters);
    return letters[i % OPTIONS];
}

static char shuffle_options(const struct pair *p, struct str id, size_t i, struct str out[OPTIONS])
{
    char purpose[32];
    int order[OPTIONS], place = right_place(id, i), n = 0;
    (void)snprintf(purpose, sizeof(purpose), "options:%zu", i);
    permutation(str_of(purpose), id, order);
    out[place] = p->option[p->right];
    for (int k = 0; k < OPTIONS; k++) {
        if (order[k] == p->right)
            continue;
        n += n == place;
        out[n++] = p->option[order[k]];
    }
    return (char)('A' + place);
}

static void write_turn(struct buf *b, const char *from, const struct buf *value)
{
    json_open(b, '{');
    json_key(b, "from");
    json_z(b, from);
    json_key(b, "value");
    json_str(b, buf_str(value));
    json_close(b, '}');
    b->failed = b->failed || value->failed;
}

static void write_pair(struct buf *b, const struct pair *p, struct str id, size_t i)
{
    struct buf human, gpt;
    buf_init(&human, CONVERSATION_BYTES_MAX);
    buf_init(&gpt, CONVERSATION_BYTES_MAX);
    if (i == 0)
        buf_addz(&human, "<image>\n");
    buf_adds(&human, p->question);
    if (p->n_options > 0) {
        struct str shuffled[OPTIONS];
        char letter = shuffle_options(p, id, i, shuffled);
        for (int k = 0; k < OPTIONS; k++)
            buf_addf(&human, "\n%c: " STR_FMT, 'A' + k, STR_ARG(shuffled[k]));
        buf_addc(&gpt, letter);
    } else {
        buf_adds(&gpt, p->answer);
    }
    write_turn(b, "human", &human);
    write_turn(b, "gpt", &gpt);
    buf_free(&human);
    buf_free(&gpt);
}

struct str draft_write(const struct draft *d, struct str id, struct arena *a)
{
    struct buf b;
    buf_init(&b, CONVERSATION_BYTES_MAX);
    json_open(&b, '[');
    for (size_t i = 0; i < d->n; i++)
        write_pair(&b, &d->pairs[i], id, i);
    json_close(&b, ']');
    struct str text = b.failed ? (struct str){NULL, 0} : arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}
