#include <stdlib.h>

#include "providers/encoder/clip.h"
#include "providers/encoder/state.h"

static int check(const struct encoder_settings *s, struct err *e)
{
    bool offline = strcmp(s->kind, "offline") == 0, clip = strcmp(s->kind, "clip") == 0;

    if (!offline && !clip && strcmp(s->kind, "openai") != 0 && strcmp(s->kind, "tei") != 0)
        return err_set(e, ERR_VALIDATION, "%s: unknown kind of encoder: %.40s", s->name, s->kind);
    if (s->max_in_flight < 1 || s->timeout_s < 1 || s->connect_timeout_s < 1 || s->attempts < 1 ||
        s->stop_after < 1)
        return err_set(e, ERR_VALIDATION, "%s: a limit is below 1", s->name);
    if (s->batch < 1 || s->batch > ENCODER_BATCH_MAX)
        return err_set(e, ERR_VALIDATION, "%s: batch is not within 1 and %d", s->name,
                       ENCODER_BATCH_MAX);
    if (s->batch_bytes < 0 || s->batch_tokens < 0 || s->max_tokens < 0)
        return err_set(e, ERR_VALIDATION, "%s: a limit is below 0", s->name);
    if (s->dimension < 0 || s->dimension > ENCODER_DIMENSION_MAX ||
        (offline && s->dimension != 0 && s->dimension != OFFLINE_ENCODER_DIMENSION))
        return err_set(e, ERR_VALIDATION, "%s: dimension %d is not possible", s->name,
                       s->dimension);
    if (clip && (!s->path || s->url))
        return err_set(e, ERR_VALIDATION, "%s: a clip encoder has a path, and no URL", s->name);
    if (!offline && !clip && (!s->url || !s->model))
        return err_set(e, ERR_VALIDATION, "%s: URL and model are needed", s->name);
    return 0;
}

/* Of a path; all of it when it ends in a slash. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static struct upstream *reach(const struct encoder_settings *s, bool offline, struct err *e)
{
    struct upstream_settings settings = {
        .name = s->name,
        .urls = offline ? NULL : s->url,
        .path = strcmp(s->kind, "tei") == 0 ? "/embed" : "/embeddings",
        .api_key = s->api_key,
        .max_in_flight = s->max_in_flight,
        .timeout_s = s->timeout_s,
        .connect_timeout_s = s->connect_timeout_s,
        .attempts = s->attempts,
        .stop_after = s->stop_after,
    };

    return upstream_new(&settings, e);
}

/* Its batches are cut up here, by what computes well and not by what a server takes. */
static int open_tower(struct encoder *c, struct err *e)
{
    struct encoder_settings *s = &c->settings;

    c->clip = clip_tower_open(s->path, e);
    if (!c->clip)
        return -1;
    int dimension = clip_tower_dimension(c->clip);
    if (s->dimension != 0 && s->dimension != dimension)
        return err_set(e, ERR_VALIDATION, "%s: the model's vectors have %d numbers and not %d",
                       s->name, dimension, s->dimension);
    atomic_store(&c->dimension, dimension);
    s->batch = ENCODER_BATCH_MAX;
    if (!s->model)
        s->model = last_part(s->path);
    return 0;
}

struct encoder *encoder_new(const struct encoder_settings *s, struct err *e)
{
    if (check(s, e) != 0)
        return NULL;
    struct encoder *c = calloc(1, sizeof(*c));
    if (!c) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    c->settings = *s;
    c->offline = strcmp(s->kind, "offline") == 0;
    c->tei = strcmp(s->kind, "tei") == 0;
    atomic_init(&c->dimension, c->offline ? OFFLINE_ENCODER_DIMENSION : s->dimension);
    atomic_init(&c->batch, s->batch);
    atomic_init(&c->bytes, (size_t)s->batch_bytes);
    atomic_init(&c->plain, c->tei);
    atomic_init(&c->answered, false);
    atomic_init(&c->strange, 0);
    c->upstream = reach(s, c->offline, e);
    if (c->upstream && (strcmp(s->kind, "clip") != 0 || open_tower(c, e) == 0))
        return c;
    encoder_free(c);
    return NULL;
}

void encoder_free(struct encoder *c)
{
    if (!c)
        return;
    clip_tower_close(c->clip);
    upstream_unref(c->upstream);
    free(c);
}

const struct encoder_settings *encoder_get_settings(const struct encoder *c)
{
    return &c->settings;
}

int encoder_dimension(struct encoder *c)
{
    return atomic_load(&c->dimension);
}

void encoder_forget_dimension(struct encoder *c)
{
    if (!c->settings.url)
        return; /* what is in the process does not change */
    atomic_store(&c->dimension, c->settings.dimension);
    atomic_store(&c->strange, 0);
}

const char *encoder_weights_hash(const struct encoder *c)
{
    return c->clip ? clip_tower_hash(c->clip) : "";
}

bool encoder_waits(struct encoder *c, struct waits *ret)
{
    return upstream_waits(c->upstream, ret);
}

bool encoder_stopped(struct encoder *c, char reason[200])
{
    return upstream_stopped(c->upstream, reason);
}

void encoder_reset(struct encoder *c)
{
    atomic_store(&c->strange, 0);
    upstream_reset(c->upstream);
}

static int refuse_full(const struct encoder *c, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "%s: the window of calls is full or stopped",
                   c->settings.name);
}

static int submit_clip(struct encoder *c, struct lane *l, const struct str *texts, size_t n,
                       void *ctx, encoder_done_fn done, void *arg, struct err *e)
{
    if (!lane_hold(l))
        return refuse_full(c, e);
    if (clip_batch_start(c, l, texts, n, ctx, done, arg, e) == 0)
        return 0;
    lane_release(l);
    return -1;
}

int encoder_submit(struct engine *g, struct encoder *c, const struct str *texts, size_t n,
                   void *ctx, encoder_done_fn done, void *arg, struct err *e)
{
    struct lane *l = engine_lane(g, c->upstream, e);

    if (!l)
        return -1;
    if (n < 1 || n > ENCODER_BATCH_MAX)
        return err_set(e, ERR_VALIDATION, "a batch has 1 to %d texts", ENCODER_BATCH_MAX);
    if (c->clip)
        return submit_clip(c, l, texts, n, ctx, done, arg, e);
    struct batch *b = batch_new(c, l, texts, n);
    if (!b)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (!lane_hold(l)) {
        batch_free(b);
        return refuse_full(c, e);
    }
    if (batch_start(b, ctx, done, arg, e) != 0) {
        lane_release(l);
        batch_free(b);
        return -1;
    }
    return 0;
}

int encoder_room(struct engine *g, struct encoder *c)
{
    struct err e = {0};
    struct lane *l = engine_lane(g, c->upstream, &e);

    return l ? lane_room(l) : 0;
}
