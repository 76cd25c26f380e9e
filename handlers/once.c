#include "handlers/once.h"

#include "handlers/bind.h"

enum { TOKEN_BYTES = 16, BUSY_RETRY_S = 1 };

enum phase { CLAIMS, EXECUTES, ENDS };

struct once {
    enum phase phase;
    const char *path, *key;
    uint8_t request[SHA256_BYTES];
    char token[2 * TOKEN_BYTES + 1];
    int64_t dataset;
    uint8_t ids[2][SHA256_BYTES];
    struct str kept;
    struct err err; /* of the operation, while the key is given free */
};

/* Visible ASCII. */
static bool is_key(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n >= 1 && s.n <= ONCE_KEY_MAX;
}

static bool names_dataset(const struct req *q)
{
    return str_starts(str_of(q->route->path), STR("/v1/datasets/{dataset}"));
}

static int bind_claim(struct req *q, struct db_call *c, struct err *e)
{
    const struct once *o = op_state(q)->once;
    call_init(c, STMT_IDEMPOTENCY_CLAIM);
    bind_caller(q, c);
    call_z(c, o->path);
    call_z(c, o->key);
    call_bytes(c, o->request, sizeof(o->request));
    call_z(c, o->token);
    return bind_copy(q, c, names_dataset(q) ? q->params[0] : (struct str){NULL, 0}, e);
}

int once_begin(struct req *q, struct err *e)
{
    struct op_state *s = op_state(q);
    struct str key = req_header(q, "Idempotency-Key");
    uint8_t token[TOKEN_BYTES];
    if (!key.p)
        return 0;
    if (!is_key(key))
        return err_set(e, ERR_MALFORMED, "Idempotency-Key must have 1 to %d visible characters",
                       ONCE_KEY_MAX);
    struct once *o = arena_alloc(q->arena, sizeof(*o));
    struct str kept_key = arena_str(q->arena, key), path = arena_str(q->arena, q->path);
    if (!o || !kept_key.p || !path.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    *o = (struct once){.phase = CLAIMS, .path = path.p, .key = kept_key.p};
    random_bytes(token, sizeof(token));
    hex_encode(token, sizeof(token), o->token);
    sha256(q->body, o->request);
    s->once = o;
    return bind_claim(q, &s->call, e);
}

/* A header's value from a column that may be NULL. */
static void add_header(struct req *q, const char *name, struct str value)
{
    if (value.p)
        res_header(q, name, arena_str(q->arena, value).p);
}

static enum once_next replay(struct req *q, const struct rows *r)
{
    res_json(q, (int)rows_i64(r, 0, 2));
    add_header(q, "Location", rows_text(r, 0, 3));
    add_header(q, "Retry-After", rows_text(r, 0, 4));
    once_replayed(q);
    buf_adds(&q->res.body, rows_text(r, 0, 5));
    return ONCE_REPLY;
}

static enum once_next claimed(struct req *q, struct once *o, const struct rows *r)
{
    o->phase = EXECUTES;
    o->dataset = rows_i64(r, 0, 1);
    for (int i = 0; i < 2; i++)
        if (!hex_decode(rows_text(r, 0, 6 + i), o->ids[i], SHA256_BYTES)) {
            (void)err_set(&q->err, ERR_INTERNAL, "the claim of an Idempotency-Key has no ids");
            return ONCE_REPLY;
        }
    return ONCE_EXECUTE;
}

static enum once_next heard_claim(struct req *q, struct once *o)
{
    const struct rows *r = op_state(q)->rows;
    if (q->err.code != ERR_NONE)
        return ONCE_REPLY;
    if (rows_count(r) == 0) {
        op_state(q)->once = NULL; /* no dataset: the operation says so */
        return ONCE_EXECUTE;
    }
    struct str state = rows_text(r, 0, 0);
    if (str_is(state, "claimed"))
        return claimed(q, o, r);
    if (str_is(state, "answered"))
        return replay(q, r);
    if (str_is(state, "reused")) {
        (void)err_set(&q->err, ERR_KEY_REUSED, "this Idempotency-Key came with another body");
        return ONCE_REPLY;
    }
    (void)err_set(&q->err, ERR_KEY_IN_FLIGHT,
                  "the first request with this Idempotency-Key is under way");
    q->err.retry_after = BUSY_RETRY_S;
    return ONCE_REPLY;
}

enum once_next once_heard(struct req *q)
{
    struct once *o = op_state(q)->once;
    if (!o || o->phase == EXECUTES)
        return ONCE_NOTHING;
    if (o->phase == CLAIMS)
        return heard_claim(q, o);
    q->err = o->err; /* an answer that could not be kept is made again from the same ids */
    return ONCE_REPLY;
}

static struct str header_of(const struct req *q, const char *name)
{
    for (int i = 0; i < q->res.n_headers; i++)
        if (strcmp(q->res.headers[i].name, name) == 0)
            return str_of(q->res.headers[i].value);
    return (struct str){NULL, 0};
}

static bool is_done(const struct req *q)
{
    return q->err.code == ERR_NONE && q->res.status >= 200 && q->res.status < 300 &&
           !q->res.body.failed;
}

static void bind_answer(struct req *q, struct db_call *c, const struct once *o)
{
    struct str body = o->kept.p ? o->kept : buf_str(&q->res.body);
    call_i64(c, q->res.status);
    call_text(c, header_of(q, "Location"));
    call_text(c, header_of(q, "Retry-After"));
    call_text(c, body.n <= ONCE_BODY_MAX ? arena_str(q->arena, body) : (struct str){NULL, 0});
}

bool once_end(struct req *q)
{
    struct op_state *s = op_state(q);
    struct once *o = s->once;
    struct db_call *c = &s->call;
    bool done = is_done(q);
    if (!o || o->phase != EXECUTES)
        return false;
    o->phase = ENDS;
    o->err = q->err;
    err_clear(&q->err);
    call_init(c, done ? STMT_IDEMPOTENCY_ANSWER : STMT_IDEMPOTENCY_RELEASE);
    bind_caller(q, c);
    call_i64(c, o->dataset);
    call_z(c, o->path);
    call_z(c, o->key);
    call_z(c, o->token);
    if (done)
        bind_answer(q, c, o);
    return true;
}

bool once_ids(const struct req *q, uint8_t today[SHA256_BYTES], uint8_t yesterday[SHA256_BYTES])
{
    const struct once *o = op_state(q)->once;
    if (!o) {
        random_bytes(today, SHA256_BYTES);
        random_bytes(yesterday, SHA256_BYTES);
        return false;
    }
    memcpy(today, o->ids[0], SHA256_BYTES);
    memcpy(yesterday, o->ids[1], SHA256_BYTES);
    return true;
}

void once_replayed(struct req *q)
{
    res_header(q, "Idempotency-Replayed", "true");
}

void once_keep(struct req *q, struct str body)
{
    struct once *o = op_state(q)->once;
    if (o)
        o->kept = body;
}
