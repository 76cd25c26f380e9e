#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "providers/encoder/clip_tower.h"
#include "providers/encoder/state.h"

enum { BRIEF_ROWS = 256 }; /* a batch of no more goes before the others */

struct clip_batch;

struct clip_part_job {
    struct clip_job job; /* first: a job is its part */
    struct clip_batch *batch;
    const struct clip_part *part;
};

/* Its parts are computed by several threads; the rest belongs to the engine's. */
struct clip_batch {
    struct job job; /* first */
    struct encoder *encoder;
    struct lane *lane;
    encoder_done_fn done;
    void *arg, *ctx;
    size_t n;
    int tokens;
    int32_t *ids;
    struct clip_sequence *sequences;
    struct clip_pack pack;
    struct clip_part_job *parts;
    float *vectors;
    enum encoder_outcome *outcome;
    const char **reason;
    bool *truncated;
    char detail[200];
    atomic_size_t open;
    atomic_bool stopped;
    atomic_bool short_of_memory;
};

static void batch_free_all(struct clip_batch *b)
{
    free(b->ids);
    free(b->sequences);
    clip_pack_free(&b->pack);
    free(b->parts);
    free(b->vectors);
    free(b->outcome);
    free(b->reason);
    free(b->truncated);
    free(b);
}

static const struct clip_tower *tower_of(const struct clip_batch *b)
{
    return b->encoder->clip;
}

static void fail_item(struct clip_batch *b, size_t i, const char *reason, const char *detail)
{
    b->outcome[i] = ENCODER_FAILED;
    b->reason[i] = reason;
    (void)snprintf(b->detail, sizeof(b->detail), "%s", detail);
}

/* Sequences of the texts that can be computed; returns how many. */
static size_t tokenize(struct clip_batch *b, const struct str *texts)
{
    const struct clip_config *c = &tower_of(b)->model->config;
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        int32_t *ids = b->ids + i * c->positions;
        int count = clip_tokenize(tower_of(b)->tokenizer, texts[i], (int)c->positions, ids,
                                  &b->truncated[i]);
        if (count < 1) {
            fail_item(b, i, "no_memory", "out of memory");
            continue;
        }
        b->tokens += count;
        size_t end = clip_config_end(c, ids, (size_t)count);
        b->sequences[n++] = (struct clip_sequence){.ids = ids, .n = end + 1, .item = i};
    }
    return n;
}

static bool allocate(struct clip_batch *b)
{
    size_t positions = tower_of(b)->model->config.positions;
    size_t dimension = clip_model_dimension(tower_of(b)->model);

    b->ids = calloc(b->n * positions, sizeof(*b->ids));
    b->sequences = calloc(b->n, sizeof(*b->sequences));
    b->parts = calloc(b->n, sizeof(*b->parts));
    b->vectors = calloc(b->n * dimension, sizeof(*b->vectors));
    b->outcome = calloc(b->n, sizeof(*b->outcome));
    b->reason = calloc(b->n, sizeof(*b->reason));
    b->truncated = calloc(b->n, sizeof(*b->truncated));
    return b->ids && b->sequences && b->parts && b->vectors && b->outcome && b->reason &&
           b->truncated;
}

static void run_part(struct clip_job *j, struct clip_workspace *w)
{
    struct clip_part_job *p = (struct clip_part_job *)j;
    struct clip_batch *b = p->batch;
    struct err e = {0};

    if (!atomic_load(&b->stopped) &&
        clip_model_run(tower_of(b)->model, p->part, w, b->vectors, &e) < 0)
        atomic_store(&b->short_of_memory, true);
    if (atomic_fetch_sub(&b->open, 1) == 1)
        job_post(&b->job);
}

static void start(struct job *j)
{
    struct clip_batch *b = (struct clip_batch *)j;
    size_t rows = 0, n = b->pack.n_parts;

    for (size_t i = 0; i < n; i++)
        rows += b->pack.parts[i].rows;
    atomic_store(&b->open, n);
    if (n == 0)
        job_post(j);
    for (size_t i = 0; i < n; i++) {
        b->parts[i] = (struct clip_part_job){
            {.run = run_part, .brief = rows <= BRIEF_ROWS}, b, &b->pack.parts[i]};
        clip_threads_submit(&b->parts[i].job);
    }
}

static void stop(struct job *j)
{
    atomic_store(&((struct clip_batch *)j)->stopped, true);
}

static void to_unit(struct clip_batch *b, size_t i, size_t dimension)
{
    float *v = b->vectors + i * dimension;
    double squares = 0;

    for (size_t k = 0; k < dimension; k++)
        squares += (double)v[k] * (double)v[k];
    if (!isfinite(squares)) {
        fail_item(b, i, "not_finite", "the vector is not usable");
    } else if (squares <= 0) {
        fail_item(b, i, "zero_vector", "the vector is not usable");
    } else {
        double norm = sqrt(squares);
        for (size_t k = 0; k < dimension; k++)
            v[k] = (float)((double)v[k] / norm);
    }
}

static void work(struct job *j, struct verdict *v)
{
    struct clip_batch *b = (struct clip_batch *)j;

    if (atomic_load(&b->short_of_memory)) {
        verdict_set(v, VERDICT_RETURNED, FAULT_NONE, "no_memory", "out of memory");
        return;
    }
    v->kind = VERDICT_OK;
    for (size_t i = 0; i < b->n; i++)
        if (b->outcome[i] == ENCODER_OK)
            to_unit(b, i, clip_model_dimension(tower_of(b)->model));
}

static void done(struct job *j, const struct verdict *v, struct str raw)
{
    struct clip_batch *b = (struct clip_batch *)j;
    struct encoder_reply reply = {
        .ctx = b->ctx,
        .n = b->n,
        .dimension = encoder_dimension(b->encoder),
        .vectors = b->vectors,
        .outcome = b->outcome,
        .reason = b->reason,
        .truncated = b->truncated,
        .tokens_in = b->tokens,
        .model = str_of(b->encoder->settings.model),
    };

    (void)raw;
    for (size_t i = 0; v->kind != VERDICT_OK && i < b->n; i++) {
        b->outcome[i] = ENCODER_RETURNED;
        b->reason[i] = v->reason;
        memcpy(b->detail, v->detail, sizeof(b->detail));
    }
    memcpy(reply.detail, b->detail, sizeof(reply.detail));
    lane_release(b->lane);
    b->done(b->arg, &reply);
    batch_free_all(b);
}

static const struct job_ops ops = {.work = work, .start = start, .stop = stop, .done = done};

int clip_batch_start(struct encoder *c, struct lane *l, const struct str *texts, size_t n,
                     void *ctx, encoder_done_fn done_fn, void *arg, struct err *e)
{
    struct clip_batch *b = calloc(1, sizeof(*b));

    if (!b)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *b = (struct clip_batch){.job = {.ops = &ops, .arg = arg},
                             .encoder = c,
                             .lane = l,
                             .done = done_fn,
                             .arg = arg,
                             .ctx = ctx,
                             .n = n};
    if (!allocate(b)) {
        batch_free_all(b);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    size_t usable = tokenize(b, texts);
    if (usable > 0 && clip_pack_make(b->sequences, usable, &tower_of(b)->limits, &b->pack, e) < 0) {
        batch_free_all(b);
        return -1;
    }
    lane_submit(l, &b->job);
    return 0;
}
