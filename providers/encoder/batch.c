#include <stdio.h>
#include <stdlib.h>

#include "providers/encoder/embeddings.h"
#include "providers/encoder/request.h"
#include "providers/encoder/state.h"
#include "server/base/text.h"

enum {
    REQUEST_MAX = 64 << 20,
    NUMBER_BYTES = 26, /* of one value, written at length with its comma */
    REPLY_SLACK = 65536,
    RAW_MAX = 16384,
    STRANGE_MAX = 3,     /* replies of another dimension that stop the encoder */
    BYTES_LEAST = 65536, /* no server takes less; what is refused below was too many texts */
    WORDS_WITHIN = 4096, /* of an error, looked at for what it is about */
};

/* The two halves of a part that was refused: both went through, so its size was the reason. */
struct pair {
    int passed;
    bool by_bytes; /* rather than by the number of texts */
    size_t bytes;  /* of the larger half */
};

struct batch {
    struct encoder *encoder;
    struct lane *lane;
    uint8_t trace[TRACE_BYTES];
    encoder_done_fn done;
    void *arg, *ctx;
    size_t n;
    int open;           /* parts that have not ended */
    struct pair *pairs; /* n: more splits than that are not possible */
    size_t n_pairs;
    char *copy;
    struct str *texts;
    int dimension; /* of the vectors, once there are any */
    float *vectors;
    enum encoder_outcome *outcome;
    bool *truncated;
    const char **reason;
    char (*reason_text)[24];
    char detail[200];
    struct buf raw;
    int tokens_in;
    char model[201];
};

/* Texts lo up to hi of a batch in one call. */
struct part {
    struct job job; /* first: a job is its part */
    struct batch *batch;
    size_t lo, hi, bytes;
    struct pair *pair;
    bool base64;  /* asked for */
    bool refused; /* and not taken */
};

void batch_free(struct batch *b)
{
    if (!b)
        return;
    free(b->pairs);
    free(b->copy);
    free(b->texts);
    free(b->vectors);
    free(b->outcome);
    free(b->truncated);
    free(b->reason);
    free(b->reason_text);
    buf_free(&b->raw);
    free(b);
}

static bool copy_texts(struct batch *b, const struct str *texts)
{
    size_t total = 1;

    for (size_t i = 0; i < b->n; i++)
        total += texts[i].n;
    b->copy = malloc(total);
    if (!b->copy)
        return false;
    char *at = b->copy;
    for (size_t i = 0; i < b->n; i++) {
        b->texts[i] = (struct str){at, texts[i].n};
        if (texts[i].n > 0)
            memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    return true;
}

struct batch *batch_new(struct encoder *c, struct lane *l, const struct str *texts, size_t n)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->encoder = c;
    b->lane = l;
    b->n = n;
    b->pairs = calloc(n, sizeof(*b->pairs));
    b->texts = calloc(n, sizeof(*b->texts));
    b->outcome = calloc(n, sizeof(*b->outcome));
    b->truncated = calloc(n, sizeof(*b->truncated));
    b->reason = calloc(n, sizeof(*b->reason));
    b->reason_text = calloc(n, sizeof(*b->reason_text));
    buf_init(&b->raw, RAW_MAX);
    for (size_t i = 0; b->outcome && i < n; i++)
        b->outcome[i] = ENCODER_RETURNED;
    if (b->pairs && b->texts && b->outcome && b->truncated && b->reason && b->reason_text &&
        copy_texts(b, texts))
        return b;
    batch_free(b);
    return NULL;
}

static void set_outcome(struct batch *b, size_t i, enum encoder_outcome outcome, const char *reason)
{
    b->outcome[i] = outcome;
    b->reason[i] = NULL;
    if (!reason)
        return;
    snprintf(b->reason_text[i], sizeof(b->reason_text[i]), "%s", reason);
    b->reason[i] = b->reason_text[i];
}

/* The last failure is the one that is told at length. */
static void keep_failure(struct batch *b, const char *detail, struct str raw)
{
    snprintf(b->detail, sizeof(b->detail), "%s", detail);
    buf_reset(&b->raw);
    buf_add(&b->raw, raw.p, raw.n < RAW_MAX ? raw.n : RAW_MAX);
}

static void write_request(struct part *p)
{
    struct encoder *c = p->batch->encoder;

    p->base64 = !p->refused && !atomic_load(&c->plain);
    buf_reset(&p->job.body);
    request_write(&c->settings, p->batch->texts + p->lo, p->hi - p->lo, p->base64, &p->job.body);
}

/* What was learned since it was written; only ever makes it shorter. */
static void prepare(struct job *j, int endpoint)
{
    struct part *p = (struct part *)j;

    (void)endpoint;
    if (p->base64 && (p->refused || atomic_load(&p->batch->encoder->plain)))
        write_request(p);
}

static size_t reply_bound(struct encoder *c, size_t n)
{
    int dimension = encoder_dimension(c);
    size_t values = (size_t)(dimension ? dimension : ENCODER_DIMENSION_MAX);

    return n * (values * NUMBER_BYTES + 256) + REPLY_SLACK;
}

/* All vectors of a batch have the dimension that its first answer found. */
static bool allocate_vectors(struct batch *b)
{
    if (b->vectors)
        return true;
    b->dimension = encoder_dimension(b->encoder);
    if (b->dimension > 0)
        b->vectors = calloc(b->n * (size_t)b->dimension, sizeof(*b->vectors));
    return b->vectors;
}

static const char *const fault_names[] = {
    [VECTOR_INVALID] = "invalid_reply",
    [VECTOR_DIMENSION] = "wrong_dimension",
    [VECTOR_INFINITE] = "not_finite",
    [VECTOR_ZERO] = "zero_vector",
};

/* One vector of the wrong length is an accident, replies full of them are another model. */
static void judge_strangeness(struct encoder *c, size_t got, struct verdict *v)
{
    verdict_set(v, VERDICT_OK, FAULT_CALL, "", "vectors of %zu numbers where %d are expected", got,
                encoder_dimension(c));
    if (atomic_fetch_add(&c->strange, 1) + 1 >= STRANGE_MAX)
        upstream_stop(c->upstream, v->detail);
}

static void read_vectors(struct part *p, const struct str *values, struct verdict *v)
{
    struct batch *b = p->batch;
    double *scratch = allocate_vectors(b) ? calloc((size_t)b->dimension, sizeof(*scratch)) : NULL;
    size_t dimension = (size_t)b->dimension, strange = 0;

    if (!scratch) {
        verdict_set(v, VERDICT_AGAIN, FAULT_NONE, "no_memory", "out of memory");
        return;
    }
    v->kind = VERDICT_OK;
    for (size_t i = p->lo; i < p->hi; i++) {
        enum vector_fault fault =
            vector_read(values[i - p->lo], dimension, scratch, b->vectors + i * dimension);
        set_outcome(b, i, fault == VECTOR_OK ? ENCODER_OK : ENCODER_FAILED, fault_names[fault]);
        strange += fault == VECTOR_DIMENSION;
        if (fault != VECTOR_OK)
            keep_failure(b, "the vector is not usable", values[i - p->lo]);
    }
    free(scratch);
    if (strange == p->hi - p->lo)
        judge_strangeness(b->encoder, vector_dimension(values[0]), v);
    else
        atomic_store(&b->encoder->strange, 0);
}

/* Whoever comes first decides the dimension that was left open. */
static bool learn_dimension(struct encoder *c, struct str value)
{
    size_t dimension = vector_dimension(value);
    int unknown = 0;

    if (encoder_dimension(c) != 0)
        return true;
    if (dimension < 1 || dimension > ENCODER_DIMENSION_MAX)
        return false;
    atomic_compare_exchange_strong(&c->dimension, &unknown, (int)dimension);
    return true;
}

/* A model that reads max_tokens of each text has read as many of all of them, or fewer. */
static void note_truncated(const struct part *p, const struct embeddings_info *info)
{
    struct batch *b = p->batch;
    int64_t most = b->encoder->settings.max_tokens;
    size_t n = p->hi - p->lo;
    bool all = most > 0 && info->tokens_in >= most * (int64_t)n;

    for (size_t i = 0; i < n; i++)
        b->truncated[p->lo + i] = all || info->truncated[i];
}

/* A server that answers numbers, asked for base64 or not, need not be asked again. */
static void note_form(const struct part *p, struct str value)
{
    struct encoder *c = p->batch->encoder;

    if (p->refused || (value.n > 0 && value.p[0] == '['))
        atomic_store(&c->plain, true);
    atomic_store(&c->answered, true);
}

static void note_reply(struct batch *b, const struct embeddings_info *info)
{
    if (info->tokens_in <= INT32_MAX - b->tokens_in)
        b->tokens_in += info->tokens_in;
    if (info->model.n < sizeof(b->model) && text_is_valid(info->model, NULL))
        snprintf(b->model, sizeof(b->model), STR_FMT, STR_ARG(info->model));
}

static void judge(struct job *j, int endpoint, struct str body, struct verdict *v)
{
    struct part *p = (struct part *)j;
    struct embeddings_info info;
    size_t n = p->hi - p->lo;
    struct str *values = calloc(n, sizeof(*values));

    (void)endpoint;
    if (!values) {
        verdict_set(v, VERDICT_AGAIN, FAULT_NONE, "no_memory", "out of memory");
        return;
    }
    const char *why = p->batch->encoder->tei ? embeddings_split_rows(body, n, values, &info)
                                             : embeddings_split(body, n, values, &info);
    if (!why && !learn_dimension(p->batch->encoder, values[0]))
        why = "the first vector has no usable dimension";
    if (why)
        verdict_of_odd_body(body, why, v);
    else
        read_vectors(p, values, v);
    j->tokens_out = (int64_t)n; /* what the time of an answer goes with */
    if (v->kind == VERDICT_OK) {
        note_reply(p->batch, &info);
        note_truncated(p, &info);
        note_form(p, values[0]);
    }
    free(values);
}

/* Asked again at once for numbers. That the server has no base64 is believed when it takes the same
 * request without. Vectors of the dimension that is asked for are a matter of the settings, as long
 * as it has taken nothing. */
static void refused(struct job *j, int endpoint, int status, struct str body, struct verdict *v)
{
    static const char *const base64[] = {"encoding_format", "encoding format", "base64", NULL};
    static const char *const shorter[] = {"dimensions", "matryoshka", NULL};
    struct part *p = (struct part *)j;
    const struct encoder *c = p->batch->encoder;

    (void)endpoint;
    if (status != 400 && status != 415 && status != 422 && status != 501)
        return;
    if (p->base64 && verdict_mentions(body, WORDS_WITHIN, base64)) {
        p->refused = true;
        v->kind = VERDICT_RESEND;
        v->fault = FAULT_NONE;
    } else if (c->settings.matryoshka && !atomic_load(&c->answered) &&
               verdict_mentions(body, WORDS_WITHIN, shorter)) {
        v->kind = VERDICT_STOP;
    }
}

static void work(struct job *j, struct verdict *v)
{
    struct part *p = (struct part *)j;
    struct batch *b = p->batch;

    if (!allocate_vectors(b)) {
        verdict_set(v, VERDICT_RETURNED, FAULT_NONE, "no_memory", "out of memory");
        return;
    }
    for (size_t i = p->lo; i < p->hi; i++) {
        bool ok = offline_encode(b->texts[i], b->vectors + i * OFFLINE_ENCODER_DIMENSION);
        set_outcome(b, i, ok ? ENCODER_OK : ENCODER_FAILED, ok ? NULL : fault_names[VECTOR_ZERO]);
        if (!ok)
            keep_failure(b, "the text has no word", (struct str){NULL, 0});
    }
    snprintf(b->model, sizeof(b->model), "%s", OFFLINE_ENCODER_MODEL);
    v->kind = VERDICT_OK;
}

static void finish(struct batch *b)
{
    struct encoder_reply reply = {
        .ctx = b->ctx,
        .n = b->n,
        .dimension = b->vectors ? b->dimension : encoder_dimension(b->encoder),
        .vectors = b->vectors,
        .outcome = b->outcome,
        .reason = b->reason,
        .truncated = b->truncated,
        .raw = buf_str(&b->raw),
        .tokens_in = b->tokens_in,
        .model = str_of(b->model[0] ? b->model : b->encoder->settings.model),
    };

    memcpy(reply.detail, b->detail, sizeof(reply.detail));
    lane_release(b->lane);
    b->done(b->arg, &reply);
    batch_free(b);
}

static bool send_part(struct batch *b, size_t lo, size_t hi, struct pair *pair, int attempts);

/* Faults that one text of several may be the cause of. */
static bool may_be_split(const struct part *p, const struct verdict *v)
{
    static const char *const reasons[] = {"http_400", "http_413", "http_422", "http_424",
                                          "http_500"};

    if (v->kind != VERDICT_ROW || p->hi - p->lo < 2 || p->batch->n_pairs == p->batch->n)
        return false;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (strcmp(v->reason, reasons[i]) == 0)
            return true;
    return false;
}

static void split(const struct part *p, bool too_large)
{
    struct batch *b = p->batch;
    size_t middle = p->lo + (p->hi - p->lo + 1) / 2;
    struct pair *pair = &b->pairs[b->n_pairs++];
    pair->by_bytes = too_large && p->bytes >= BYTES_LEAST;
    /* What used up its attempts as a whole gets two more in halves. */
    int used = p->job.attempts > 2 ? p->job.attempts - 2 : 0;

    send_part(b, p->lo, middle, pair, used);
    send_part(b, middle, p->hi, pair, used);
}

static void note_passed(struct part *p)
{
    struct pair *pair = p->pair;

    if (!pair)
        return;
    if (p->bytes > pair->bytes)
        pair->bytes = p->bytes;
    if (++pair->passed < 2)
        return;
    if (pair->by_bytes)
        request_learn_bytes(p->batch->encoder, pair->bytes);
    else
        request_learn_count(p->batch->encoder, (int)(p->hi - p->lo));
}

static void note_end(struct part *p, const struct verdict *v, struct str raw)
{
    struct batch *b = p->batch;

    if (v->kind == VERDICT_OK) {
        note_passed(p);
        return;
    }
    keep_failure(b, v->detail, raw);
    for (size_t i = p->lo; i < p->hi; i++)
        set_outcome(b, i, v->kind == VERDICT_ROW ? ENCODER_FAILED : ENCODER_RETURNED, v->reason);
}

static void part_done(struct job *j, const struct verdict *v, struct str raw)
{
    struct part *p = (struct part *)j;
    struct batch *b = p->batch;

    if (may_be_split(p, v))
        split(p, strcmp(v->reason, "http_413") == 0);
    else
        note_end(p, v, raw);
    buf_free(&j->body);
    free(p);
    if (--b->open == 0)
        finish(b);
}

static const struct job_ops ops = {
    .prepare = prepare, .judge = judge, .refused = refused, .work = work, .done = part_done};

/* false: no memory for it; its texts stay undecided. */
static bool send_part(struct batch *b, size_t lo, size_t hi, struct pair *pair, int attempts)
{
    struct part *p = calloc(1, sizeof(*p));

    if (!p)
        return false;
    p->job.ops = &ops;
    p->job.arg = b->arg;
    p->job.attempts = attempts;
    memcpy(p->job.trace, b->trace, sizeof(p->job.trace));
    p->job.reply_max = reply_bound(b->encoder, hi - lo);
    p->batch = b;
    p->lo = lo;
    p->hi = hi;
    p->pair = pair;
    buf_init(&p->job.body, REQUEST_MAX);
    for (size_t i = lo; i < hi; i++)
        p->bytes += text_size_of(b->texts[i]).bytes;
    if (!b->encoder->offline)
        write_request(p);
    if (p->job.body.failed) {
        buf_free(&p->job.body);
        free(p);
        return false;
    }
    b->open++;
    lane_submit(b->lane, &p->job);
    return true;
}

int batch_start(struct batch *b, void *ctx, encoder_done_fn done, void *arg, struct err *e)
{
    b->ctx = ctx;
    b->done = done;
    b->arg = arg;
    lane_trace(b->lane, b->trace);
    for (size_t lo = 0, hi; lo < b->n; lo = hi) {
        hi = request_end(b->encoder, b->texts, b->n, lo);
        if (!send_part(b, lo, hi, NULL, 0) && b->open == 0)
            return err_set(e, ERR_TOO_LARGE, "the batch is too large, or memory is short");
    }
    return 0;
}
