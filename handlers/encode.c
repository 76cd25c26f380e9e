#include "handlers/encode.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/base/clock.h"

enum { POLL_MS = 100, DEADLINE_MIN_S = 60, RETRY_AFTER_S = 5 };

int encode_check(const struct list *input, struct err *e)
{
    const struct str *texts = input->items;
    char pointer[40];
    for (size_t i = 0; i < input->n; i++) {
        (void)snprintf(pointer, sizeof(pointer), "/input/%zu", i);
        if (texts[i].n == 0)
            (void)err_field(e, pointer, "must have at least 1 character");
    }
    return e->code == ERR_NONE ? 0 : -1;
}

/* One request's batches on one engine. */
struct encoding {
    struct encoded *out;
    struct err *e;
    size_t answered; /* texts */
    int in_flight;   /* batches */
};

/* One batch; lives until its answer. */
struct batch {
    struct encoding *run;
    size_t first;
};

/* Reasons live as long as the program when the providers name them, which is what they promise of
 * stable codes; others are reported as one of ours. */
static const char *stable(const char *reason)
{
    static const char *const known[] = {
        "zero_vector", "not_finite", "wrong_dimension", "invalid_reply", "timeout",
        "too_large",   NULL};
    for (int i = 0; reason && known[i]; i++)
        if (strcmp(reason, known[i]) == 0)
            return known[i];
    return "refused";
}

static void take_item(struct encoding *run, const struct encoder_reply *r, size_t i, size_t at)
{
    struct encoded *out = run->out;
    switch (r->outcome[i]) {
    case ENCODER_OK:
        memcpy(out->vectors + at * (size_t)out->dimension, r->vectors + i * (size_t)r->dimension,
               (size_t)out->dimension * sizeof(float));
        break;
    case ENCODER_FAILED:
        out->reason[at] = stable(r->reason[i]);
        /* What is not about the text is about the server, and the request's fault is the server's.
         */
        if (strcmp(out->reason[at], "zero_vector") != 0)
            (void)err_set(run->e, ERR_PROVIDER, "the encoder failed: %s",
                          r->detail[0] ? r->detail : out->reason[at]);
        break;
    case ENCODER_RETURNED:
        (void)err_set(run->e, ERR_UNAVAILABLE, "the encoder does not answer now");
        break;
    }
}

/* The dimension is known with the first answer at the latest. */
static bool make_room(struct encoding *run, int dimension)
{
    struct encoded *out = run->out;
    if (out->vectors || dimension <= 0)
        return out->dimension == dimension || dimension <= 0;
    out->dimension = dimension;
    out->vectors = calloc(out->n, (size_t)dimension * sizeof(float));
    return out->vectors != NULL;
}

static void on_reply(void *arg, const struct encoder_reply *r)
{
    struct encoding *run = arg;
    struct batch *b = r->ctx;
    if (!make_room(run, r->dimension))
        (void)err_set(run->e, ERR_PROVIDER, "the encoder's vectors do not fit together");
    else
        for (size_t i = 0; i < r->n; i++)
            take_item(run, r, i, b->first + i);
    run->out->tokens += r->tokens_in;
    run->answered += r->n;
    run->in_flight--;
    free(b);
}

static int submit_next(struct work_ctx *ctx, struct encoder *c, const struct str *texts,
                       size_t *next, struct encoding *run)
{
    int limit = encoder_get_settings(c)->batch;
    size_t n = run->out->n - *next;
    size_t most = limit > 0 && limit < ENCODER_BATCH_MAX ? (size_t)limit : ENCODER_BATCH_MAX;
    struct batch *b = malloc(sizeof(*b));
    if (!b)
        return err_set(run->e, ERR_NO_MEMORY, "no memory for a batch of texts");
    n = n < most ? n : most;
    *b = (struct batch){run, *next};
    if (encoder_submit(ctx->engine, c, texts + *next, n, b, on_reply, run, run->e) < 0) {
        free(b);
        return -1;
    }
    run->in_flight++;
    *next += n;
    return 0;
}

static int64_t deadline_of(const struct encoder *c)
{
    int s = encoder_get_settings(c)->timeout_s;
    return clock_us() + (int64_t)(s > DEADLINE_MIN_S ? s : DEADLINE_MIN_S) * 1000000;
}

/* Ends what is under way; every batch is answered before the engine is used again. */
static void abandon(struct work_ctx *ctx, struct encoding *run)
{
    engine_cancel(ctx->engine, run);
    while (run->in_flight)
        (void)engine_poll(ctx->engine, POLL_MS);
}

static void drive(struct work_ctx *ctx, struct encoder *c, const struct str *texts,
                  struct encoding *run)
{
    size_t next = 0;
    int64_t until = deadline_of(c);
    char why[200];
    while (run->answered < run->out->n && run->e->code == ERR_NONE) {
        while (next < run->out->n && run->e->code == ERR_NONE && encoder_room(ctx->engine, c) > 0)
            (void)submit_next(ctx, c, texts, &next, run);
        if (run->e->code == ERR_NONE && run->answered < run->out->n)
            (void)engine_poll(ctx->engine, POLL_MS);
        if (clock_us() > until)
            (void)err_set(run->e, ERR_PROVIDER, "the encoder did not answer in time");
        if (encoder_stopped(c, why))
            (void)err_set(run->e, ERR_UNAVAILABLE, "the encoder is stopped: %s", why);
        if (!request_pool_sleep(ctx->pool, 0))
            (void)err_set(run->e, ERR_UNAVAILABLE, "the server is ending");
    }
}

/* A stop says more than "returned". */
static void explain(struct encoder *c, struct err *e)
{
    char why[200];
    if (e->code != ERR_UNAVAILABLE && e->code != ERR_PROVIDER)
        return;
    if (encoder_stopped(c, why)) {
        err_clear(e);
        (void)err_set(e, ERR_UNAVAILABLE, "the encoder is stopped: %s", why);
    }
    if (e->code == ERR_UNAVAILABLE)
        e->retry_after = RETRY_AFTER_S;
}

int encode_texts(struct work_ctx *ctx, struct encoder *encoder, const struct str *texts, size_t n,
                 struct encoded *out, struct err *e)
{
    *out = (struct encoded){.n = n};
    out->reason = calloc(n, sizeof(*out->reason));
    if (!out->reason)
        return err_set(e, ERR_NO_MEMORY, "no memory for %zu vectors", n);
    struct encoding run = {.out = out, .e = e};
    char why[200];
    /* Whoever asks now may have seen to what stopped it: one call finds out. */
    if (encoder_stopped(encoder, why))
        encoder_reset(encoder);
    drive(ctx, encoder, texts, &run);
    abandon(ctx, &run);
    explain(encoder, e);
    return e->code == ERR_NONE ? 0 : -1;
}

void encoded_free(struct encoded *x)
{
    free(x->vectors);
    free(x->reason);
    *x = (struct encoded){0};
}
