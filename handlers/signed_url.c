#include "handlers/signed_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "handlers/operations.h"
#include "server/base/clock.h"
#include "server/json/write.h"

enum { EXPIRES_DEFAULT = 3600, EXPIRES_MAX = 604800 };

#define MARK STR("signature=")

static void digest(const struct signature *s, const uint8_t key_hash[SHA256_BYTES],
                   uint8_t out[SHA256_BYTES])
{
    char end[24];
    int n = snprintf(end, sizeof(end), "%" PRId64, s->expires);
    const struct str parts[] = {
        STR("monoceros signed url\n"), s->path, STR("\n"), s->query, STR("\n"), {end, (size_t)n}};
    hmac_sha256(key_hash, parts, sizeof(parts) / sizeof(parts[0]), out);
}

void signature_make(struct signature *s, const uint8_t key_hash[SHA256_BYTES])
{
    digest(s, key_hash, s->mac);
}

void signature_text(const struct signature *s, char out[SIGNATURE_CHARS_MAX + 1])
{
    char mac[2 * SHA256_BYTES + 1];
    hex_encode(s->mac, sizeof(s->mac), mac);
    (void)snprintf(out, SIGNATURE_CHARS_MAX + 1, "%s.%" PRId64 ".%s", s->key, s->expires, mac);
}

bool signature_holds(const struct signature *s, const uint8_t key_hash[SHA256_BYTES])
{
    uint8_t expected[SHA256_BYTES];
    digest(s, key_hash, expected);
    return sha256_same(expected, s->mac);
}

static int parse(struct str value, struct signature *s)
{
    struct str key = str_next(&value, '.'), end = str_next(&value, '.');
    if (!key_id_is_valid(key) || !str_to_i64(end, 0, 99999999999, &s->expires) ||
        !hex_decode(value, s->mac, sizeof(s->mac)))
        return -1;
    memcpy(s->key, key.p, KEY_ID_CHARS);
    s->key[KEY_ID_CHARS] = '\0';
    return 1;
}

/* What stands behind it would not be signed. */
int signature_read(const struct req *q, struct signature *s)
{
    struct str query = q->raw_query;
    ptrdiff_t at = str_find(query, MARK);
    if (at < 0)
        return 0;
    if (at > 0 && query.p[at - 1] != '&')
        return -1;
    s->path = q->path;
    s->query = (struct str){query.p, at > 0 ? (size_t)at - 1 : 0};
    return parse(str_from(query, (size_t)at + MARK.n), s);
}

struct sign_body {
    struct str url;
    struct opt_int expires_in;
};

const struct field sign_fields[] = {
    {FIELD_STRING, "url", .required = true, .offset = offsetof(struct sign_body, url), .min = 1,
     .max = 2000},
    {FIELD_INT, "expires_in", .offset = offsetof(struct sign_body, expires_in), .min = 1,
     .max = EXPIRES_MAX},
    {.type = FIELD_END},
};

static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return true;
}

static int check_url(struct req *q, struct str url, struct signature *s, struct err *e)
{
    s->query = url;
    s->path = str_next(&s->query, '?');
    bool bare = url.n > 0 && url.p[url.n - 1] == '?';
    const struct route *r = is_visible(url) ? http_route_of(q, HTTP_GET, s->path) : NULL;
    if (!r || r->scope != SCOPE_EXPORT || bare)
        (void)err_field(e, "/url",
                        "must be the path of a file, with its query, such as "
                        "/v1/datasets/street/representations.npy?transfer=none");
    else if (str_find(s->query, MARK) >= 0)
        (void)err_field(e, "/url", "is signed already");
    return e->code == ERR_NONE ? 0 : -1;
}

/* As it was given where nobody needs a key: there nobody needs a signature. */
static const char *signed_url(struct req *q, struct str url, struct signature *s)
{
    const struct key *k = op_state(q)->key;
    char text[SIGNATURE_CHARS_MAX + 1];
    if (!k)
        return arena_printf(q->arena, STR_FMT, STR_ARG(url));
    memcpy(s->key, k->id, sizeof(s->key));
    signature_make(s, k->hash);
    signature_text(s, text);
    return arena_printf(q->arena, STR_FMT "%csignature=%s", STR_ARG(url), s->query.n ? '&' : '?',
                        text);
}

static int sign_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    const struct sign_body *b = op_body(q);
    struct signature s;
    char end[25];
    if (check_url(q, b->url, &s, e) < 0)
        return -1;
    s.expires = (int64_t)time(NULL) + (b->expires_in.set ? b->expires_in.v : EXPIRES_DEFAULT);
    clock_rfc3339_at(s.expires * 1000000, end);
    const char *url = signed_url(q, b->url, &s);
    if (!url)
        return err_set(e, ERR_NO_MEMORY, "no memory for the URL");
    res_json(q, 200);
    json_open(&q->res.body, '{');
    json_key(&q->res.body, "url");
    json_z(&q->res.body, url);
    json_key(&q->res.body, "expires_at");
    json_z(&q->res.body, end);
    json_close(&q->res.body, '}');
    return 0;
}

const struct operation op_sign_url = {.render = sign_render, .body_size = sizeof(struct sign_body)};
