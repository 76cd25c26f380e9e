#include "handlers/access.h"

#include "handlers/base64.h"
#include "server/base/clock.h"

enum { BASIC_BYTES_MAX = 512 };

static enum access refuse(struct req *q, const char *detail)
{
    (void)err_set(&q->err, ERR_UNAUTHENTICATED, "%s", detail);
    return ACCESS_REFUSED;
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

static enum access judge(struct req *q, const struct key_facts *f)
{
    struct op_state *s = op_state(q);
    unsigned needed = q->route->scope;
    if (!sha256_same(f->hash, s->key->hash))
        return refuse(q, "there is no such key");
    if (f->revoked)
        return refuse(q, "the key was revoked");
    if (f->expires_us && f->expires_us <= clock_us())
        return refuse(q, "the key has expired");
    s->caller = (struct caller){.name = f->caller, .key = s->key->id};
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

enum access access_begin(struct req *q)
{
    const struct app *app = q->app;
    struct op_state *s = op_state(q);
    struct key_facts f;
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
        return refuse(q, "a key is needed, as Authorization: Bearer mono_… or X-API-Key");
    case -1:
        return refuse(q, "what was sent is not a key: one Authorization or X-API-Key with mono_…");
    default:
        break;
    }
    if (op_require_schema(q, &q->err) < 0)
        return ACCESS_REFUSED;
    return key_cache_get(app->keys, s->key->id, q->arena, &f) ? judge(q, &f) : ask(q);
}

static unsigned read_scopes(struct str names)
{
    unsigned scopes = 0;
    while (names.n)
        scopes |= scope_of(str_next(&names, ','));
    return scopes;
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
        return refuse(q, "there is no such key");
    }
    if (!read_facts(q, s->rows, &f)) {
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
        return ACCESS_REFUSED;
    }
    key_cache_put(app->keys, &f);
    return judge(q, &f);
}
