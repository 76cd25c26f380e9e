#include "handlers/access.h"

#include <time.h>

#include "handlers/audit.h"
#include "handlers/base64.h"
#include "handlers/limits.h"
#include "handlers/signed_url.h"
#include "server/base/clock.h"

enum { BASIC_BYTES_MAX = 512 };

static enum access refuse(struct req *q, const char *detail)
{
    (void)err_set(&q->err, ERR_UNAUTHENTICATED, "%s", detail);
    return ACCESS_REFUSED;
}

/* Of a key that is none. */
static enum access refuse_guess(struct req *q, const char *detail)
{
    return limits_guess(q, &q->err) < 0 ? ACCESS_REFUSED : refuse(q, detail);
}

static bool scheme_is(struct str value, struct str scheme, struct str *rest)
{
    if (value.n <= scheme.n || value.p[scheme.n] != ' ' ||
        !str_ieq((struct str){value.p, scheme.n}, scheme))
        return false;
    *rest = str_trim(str_from(value, scheme.n));
    return true;
}

/* Whoever has nothing but a URL to put a key in writes it as the password, or as the user alone. */
static bool read_basic(struct str encoded, struct key *k)
{
    struct buf b;
    buf_init(&b, BASIC_BYTES_MAX);
    bool ok = encoded.n <= BASIC_BYTES_MAX && base64_decode(&b, encoded);
    const char *colon = ok && b.n ? memchr(b.p, ':', b.n) : NULL;
    if (colon) {
        struct str user = {b.p, (size_t)(colon - b.p)},
                   password = str_from(buf_str(&b), user.n + 1);
        ok = key_parse(password.n ? password : user, k);
    }
    buf_free(&b);
    return ok && colon;
}

/* -1 when there is something that is no key, 0 when there is none. */
static int read_key(const struct req *q, struct key *k)
{
    struct str authorization = req_header(q, "Authorization"), header = req_header(q, "X-API-Key");
    struct str rest;
    if (!authorization.p && !header.p)
        return 0;
    if (authorization.p && header.p)
        return -1;
    if (header.p)
        return key_parse(header, k) ? 1 : -1;
    if (scheme_is(authorization, STR("Bearer"), &rest))
        return key_parse(rest, k) ? 1 : -1;
    if (scheme_is(authorization, STR("Basic"), &rest))
        return read_basic(rest, k) ? 1 : -1;
    return -1;
}

static const char no_such_key[] = "there is no such key";
static const char bad_signature[] = "the signature is not of this URL";

static bool proven(const struct op_state *s, const struct key_facts *f)
{
    return s->signature ? signature_holds(s->signature, f->hash)
                        : sha256_same(f->hash, s->key->hash);
}

static enum access judge(struct req *q, const struct key_facts *f)
{
    struct op_state *s = op_state(q);
    unsigned needed = q->route->scope;
    if (!proven(s, f)) {
        audit_key(q, f, KEY_FORGED);
        return refuse_guess(q, s->signature ? bad_signature : no_such_key);
    }
    s->caller = (struct caller){.name = f->caller, .key = s->key->id, .limits = f->limits};
    if (f->revoked) {
        audit_key(q, f, KEY_REVOKED);
        return refuse(q, "the key was revoked");
    }
    if (f->expires_us && f->expires_us <= clock_us()) {
        audit_key(q, f, KEY_EXPIRED);
        return refuse(q, "the key has expired");
    }
    if (limits_request(q, &q->err) < 0)
        return ACCESS_REFUSED;
    audit_key(q, f, KEY_USED);
    if (f->scopes & (needed | SCOPE_ADMIN))
        return ACCESS_GIVEN;
    (void)err_set(&q->err, ERR_FORBIDDEN, "the key lacks the scope %s, which this operation needs",
                  scope_name(needed));
    return ACCESS_REFUSED;
}

static enum access ask(struct req *q)
{
    struct op_state *s = op_state(q);
    call_init(&s->call, STMT_KEY_FIND);
    call_z(&s->call, s->key->id);
    call_bytes(&s->call, s->key->hash, sizeof(s->key->hash));
    return ACCESS_UNKNOWN;
}

void access_open(struct req *q)
{
    op_state(q)->caller = (struct caller){.name = "{default}"};
}

static enum access look_up(struct req *q)
{
    const struct app *app = q->app;
    const struct op_state *s = op_state(q);
    struct key_facts f;
    if (op_require_schema(q, &q->err) < 0)
        return ACCESS_REFUSED;
    if (key_cache_get(app->keys, s->key->id, q->arena, &f))
        return judge(q, &f);
    /* Guesses of others behind the same address do not lock out a key that was good before. */
    if (!key_cache_knew(app->keys, s->key) && limits_may_guess(q, &q->err) < 0)
        return ACCESS_REFUSED;
    return ask(q);
}

/* A request without a key. */
static enum access by_signature(struct req *q)
{
    struct op_state *s = op_state(q);
    struct signature *signature = arena_alloc(q->arena, sizeof(*signature));
    if (!signature) {
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
        return ACCESS_REFUSED;
    }
    int found = q->route->scope == SCOPE_EXPORT ? signature_read(q, signature) : 0;
    if (found == 0)
        return refuse(q, "a key is needed, as Authorization: Bearer mono_… or X-API-Key");
    if (found < 0)
        return refuse(q, bad_signature);
    if (signature->expires <= (int64_t)time(NULL))
        return refuse(q, "the signed URL has expired");
    memcpy(s->key->id, signature->key, sizeof(s->key->id));
    s->signature = signature;
    return look_up(q);
}

enum access access_begin(struct req *q)
{
    const struct app *app = q->app;
    struct op_state *s = op_state(q);
    access_open(q);
    if (q->route->scope == SCOPE_NONE || !app->keys)
        return ACCESS_GIVEN;
    s->key = arena_alloc(q->arena, sizeof(*s->key));
    if (!s->key) {
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
        return ACCESS_REFUSED;
    }
    switch (read_key(q, s->key)) {
    case 0:
        return by_signature(q);
    case -1:
        return refuse_guess(
            q, "what was sent is not a key: one Authorization or X-API-Key with mono_…");
    default:
        break;
    }
    return look_up(q);
}

static unsigned read_scopes(struct str names)
{
    unsigned scopes = 0;
    while (names.n)
        scopes |= scope_of(str_next(&names, ','));
    return scopes;
}

/* 0 is "none" in a column and in the configuration alike. */
static int64_t read_limit(const struct rows *r, int column, int64_t configured)
{
    return rows_null(r, 0, column) ? configured : rows_i64(r, 0, column);
}

static void read_limits(const struct config *c, const struct rows *r, struct key_limits *out)
{
    *out = (struct key_limits){
        .requests_per_minute = read_limit(r, 5, c->key_requests_per_minute),
        .seeds_per_day = read_limit(r, 6, c->key_seeds_per_day),
        .runs_in_flight = read_limit(r, 7, c->key_runs_in_flight),
    };
}

static bool read_facts(struct req *q, const struct rows *r, struct key_facts *f)
{
    struct str caller = arena_str(q->arena, rows_text(r, 0, 1));
    if (!caller.p || !hex_decode(rows_text(r, 0, 0), f->hash, sizeof(f->hash)))
        return false;
    memcpy(f->id, op_state(q)->key->id, sizeof(f->id));
    f->caller = caller.p;
    f->scopes = read_scopes(rows_text(r, 0, 2));
    f->revoked = rows_bool(r, 0, 3);
    read_limits(((const struct app *)q->app)->config, r, &f->limits);
    f->expires_us = rows_null(r, 0, 4) ? 0 : clock_us() + (int64_t)(rows_double(r, 0, 4) * 1000000);
    return true;
}

enum access access_finish(struct req *q)
{
    const struct app *app = q->app;
    const struct op_state *s = op_state(q);
    static const uint8_t nothing[SHA256_BYTES];
    struct key_facts f;
    if (q->err.code != ERR_NONE)
        return ACCESS_REFUSED;
    if (rows_count(s->rows) == 0) {
        (void)sha256_same(nothing, s->key->hash); /* as long as for a key that there is */
        return refuse_guess(q, s->signature ? bad_signature : no_such_key);
    }
    if (!read_facts(q, s->rows, &f)) {
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
        return ACCESS_REFUSED;
    }
    key_cache_put(app->keys, &f);
    return judge(q, &f);
}
