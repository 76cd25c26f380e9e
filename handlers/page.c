#include "handlers/page.h"

#include <stdio.h>
#include <string.h>

#include "handlers/base64.h"
#include "handlers/bind.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum {
    TOKEN_VERSION = 1,
    BINDING_BYTES = 8,
    TOKEN_HEAD = 1 + BINDING_BYTES,
    TOKEN_MAX = 600,
    LINK_MAX = 16384
};

static void add_part(struct buf *b, struct str s)
{
    buf_addi(b, (int64_t)s.n);
    buf_addc(b, ':');
    buf_adds(b, s);
}

/* Hash of what the position belongs to, and of the position, so that a token which was altered or
 * taken elsewhere is noticed. It keeps nobody out: a forged one is a position like any other. */
static void binding(const struct req *q, struct str key, uint8_t out[BINDING_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct buf b;
    buf_init(&b, 65536);
    add_part(&b, str_of(q->route->operation_id));
    add_part(&b, q->params[0]);
    for (int i = 0; q->route->query && q->route->query[i].name; i++) {
        const char *name = q->route->query[i].name;
        if (!q->query[i].set || strncmp(name, "page_", 5) == 0)
            continue;
        add_part(&b, str_of(name));
        add_part(&b, q->query[i].text);
    }
    add_part(&b, key);
    sha256(buf_str(&b), digest);
    memcpy(out, digest, BINDING_BYTES);
    buf_free(&b);
}

static bool is_hex(struct str s, size_t digits)
{
    uint8_t bytes[64];
    return s.n % 2 == 0 && s.n / 2 <= sizeof(bytes) && (digits == 0 || s.n == digits) &&
           hex_decode(s, bytes, s.n / 2);
}

/* 32 hex digits, with or without PostgreSQL's dashes. */
static bool is_id(struct str s)
{
    char digits[33];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '-') {
            if (n == 32)
                return false;
            digits[n++] = s.p[i];
        }
    return s.n <= 36 && is_hex((struct str){digits, n}, 32);
}

static bool part_is_valid(char form, struct str s)
{
    int64_t v;
    switch (form) {
    case 'n':
        return str_to_i64(s, -1, SHARDS_MAX - 1, &v);
    case 's':
        return str_to_i64(s, 0, INT16_MAX, &v);
    case 'q':
        return str_to_i64(s, 0, INT64_MAX, &v);
    case 'u':
        return is_id(s);
    case 'x':
        return is_hex(s, 0);
    default:
        return text_is_valid(s, NULL);
    }
}

/* Splits at '|'; the last part has all that is left. */
static bool split(struct req *q, const char *forms, struct str key, struct page *p)
{
    p->n_parts = 0;
    for (; forms[p->n_parts]; p->n_parts++) {
        bool last = forms[p->n_parts + 1] == '\0';
        const char *bar = last || !key.n ? NULL : memchr(key.p, '|', key.n);
        if (!last && !bar)
            return false;
        struct str part = {key.p, bar ? (size_t)(bar - key.p) : key.n};
        if (!part_is_valid(forms[p->n_parts], part))
            return false;
        struct str copy = arena_str(q->arena, part.p ? part : STR(""));
        if (!copy.p)
            return false;
        p->parts[p->n_parts] = copy.p;
        key = str_from(key, part.n + 1);
    }
    return true;
}

static bool read_token(struct req *q, struct str token, const char *forms, struct page *p)
{
    struct buf b;
    uint8_t expected[BINDING_BYTES];
    buf_init(&b, TOKEN_MAX);
    bool ok = base64url_decode(&b, token) && b.n >= TOKEN_HEAD && b.p[0] == TOKEN_VERSION;
    if (ok) {
        struct str key = {b.p + TOKEN_HEAD, b.n - TOKEN_HEAD};
        binding(q, key, expected);
        ok = memcmp(b.p + 1, expected, BINDING_BYTES) == 0 && split(q, forms, key, p);
    }
    buf_free(&b);
    return ok;
}

static int bad_token(struct err *e)
{
    struct err_field *f = &e->fields[0];
    (void)snprintf(f->pointer, sizeof(f->pointer), "?page_token");
    (void)snprintf(f->detail, sizeof(f->detail),
                   "is not a token that this list gave out with these filters");
    e->n_fields = 1;
    return err_set(e, ERR_PARAMETER, "%s %s", f->pointer, f->detail);
}

struct page *page_read(struct req *q, const char *forms, const char *first, int64_t default_size,
                       struct err *e)
{
    const struct query_value *size = req_query(q, "page_size"), *token = req_query(q, "page_token");
    struct page *p = arena_alloc(q->arena, sizeof(*p));
    if (!p) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the request");
        return NULL;
    }
    op_state(q)->data = p;
    p->size = size->set ? size->number : default_size;
    if (token->set ? read_token(q, token->text, forms, p) : split(q, forms, str_of(first), p))
        return p;
    (void)bad_token(e);
    return NULL;
}

void page_bind_key(struct db_call *c, const struct page *p)
{
    for (int i = 0; i < p->n_parts; i++)
        call_z(c, p->parts[i]);
}

void page_bind_size(struct db_call *c, const struct page *p)
{
    call_i64(c, p->size + 1);
}

static void add_escaped(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c && strchr("-._~", c));
        if (plain) {
            buf_addc(b, (char)c);
            continue;
        }
        buf_addc(b, '%');
        buf_addc(b, digits[c >> 4]);
        buf_addc(b, digits[c & 15]);
    }
}

/* The request again, with another token: for clients that follow Link. */
static void link_next(struct req *q, struct str token)
{
    struct buf b;
    buf_init(&b, LINK_MAX);
    buf_addc(&b, '<');
    buf_adds(&b, q->path);
    buf_addz(&b, "?page_token=");
    buf_adds(&b, token);
    for (int i = 0; q->route->query[i].name; i++) {
        const char *name = q->route->query[i].name;
        if (!q->query[i].set || strcmp(name, "page_token") == 0)
            continue;
        buf_addf(&b, "&%s=", name);
        add_escaped(&b, q->query[i].text);
    }
    buf_addz(&b, ">; rel=\"next\"");
    const char *link = b.failed ? NULL : arena_dup(q->arena, b.p, b.n);
    if (link)
        res_header(q, "Link", link);
    buf_free(&b);
}

void page_write_token(struct req *q, struct str key)
{
    struct buf raw, token;
    uint8_t hash[BINDING_BYTES];
    buf_init(&raw, TOKEN_MAX);
    buf_init(&token, 2 * TOKEN_MAX);
    binding(q, key, hash);
    buf_addc(&raw, TOKEN_VERSION);
    buf_add(&raw, hash, sizeof(hash));
    buf_adds(&raw, key);
    base64url_encode(&token, raw.p, raw.n);
    json_key(&q->res.body, "next_page_token");
    json_str(&q->res.body, buf_str(&token));
    q->res.body.failed |= raw.failed || token.failed;
    link_next(q, buf_str(&token));
    buf_free(&token);
    buf_free(&raw);
}

int page_render_with(struct req *q, const struct rows *r,
                     void (*extend)(struct buf *b, const struct rows *r, int row), struct err *e)
{
    const struct page *p = op_state(q)->data;
    struct buf *b = &q->res.body;
    int64_t size = p->size;
    int n = rows_count(r);
    if (n == 0)
        return dataset_not_found(q, e);
    bool more = n > size;
    int shown = rows_null(r, 0, 0) ? 0 : more ? (int)size : n;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int i = 0; i < shown; i++) {
        json_raw(b, rows_text(r, i, 0));
        if (extend)
            extend(b, r, i);
    }
    json_close(b, ']');
    if (more)
        page_write_token(q, rows_text(r, shown - 1, 1));
    json_close(b, '}');
    return 0;
}

int page_render(struct req *q, const struct rows *r, struct err *e)
{
    return page_render_with(q, r, NULL, e);
}

int page_render_global(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) > 0)
        return page_render(q, r, e);
    res_json(q, 200);
    buf_adds(&q->res.body, STR("{\"items\":[]}"));
    return 0;
}
