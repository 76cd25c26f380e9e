#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/limits.h"
#include "handlers/once.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "server/json/write.h"

enum { SECONDS_MAX = 315360000, OVERLAP_MAX = 7776000, OVERLAP_DEFAULT = 86400 };

struct key_body {
    struct str name;
    struct list scopes, datasets;
    struct opt_int expires_in;
    struct limits_body *limits;
};

const struct field key_fields[] = {
    {FIELD_STRING, "name", .required = true, .offset = offsetof(struct key_body, name), .min = 1,
     .max = KEY_NAME_CHARS_MAX},
    {FIELD_STRINGS, "scopes", .required = true, .offset = offsetof(struct key_body, scopes),
     .min = 1, .max = 5, .values = scope_names},
    {FIELD_STRINGS, "datasets", .offset = offsetof(struct key_body, datasets), .min = 1,
     .max = KEY_DATASETS_MAX, .len_max = DATASET_NAME_MAX},
    {FIELD_INT, "expires_in", .offset = offsetof(struct key_body, expires_in), .min = 60,
     .max = SECONDS_MAX},
    {FIELD_OBJECT, "limits", .offset = offsetof(struct key_body, limits), .fields = limits_fields,
     .size = sizeof(struct limits_body)},
    {.type = FIELD_END},
};

struct rotate_body {
    struct opt_int overlap;
};

const struct field rotate_fields[] = {
    {FIELD_INT, "overlap", .offset = offsetof(struct rotate_body, overlap), .min = 0,
     .max = OVERLAP_MAX},
    {.type = FIELD_END},
};

static int key_not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such key");
}

static int bind_key(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e)
{
    call_init(c, stmt);
    if (!key_id_is_valid(q->params[0]))
        return key_not_found(e);
    bind_caller(q, c);
    return bind_copy(q, c, q->params[0], e);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "qt", "0|", 100, e);
    if (!p)
        return -1;
    call_init(c, STMT_KEYS_LIST);
    bind_caller(q, c);
    page_bind_key(c, p);
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_key(q, c, STMT_KEY_GET, e);
}

static int item_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return key_not_found(e);
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    return 0;
}

static int revoke_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_key(q, c, STMT_KEY_REVOKE, e);
}

/* What this process knew of the key that the path names is no longer so. */
static void forget(struct req *q)
{
    const struct app *app = q->app;
    struct str id = arena_str(q->arena, q->params[0]);
    if (app->keys && id.p)
        key_cache_drop(app->keys, id.p);
}

static int revoke_render(struct req *q, const struct rows *r, struct err *e)
{
    forget(q);
    return item_render(q, r, e);
}

/* Whoever may see some datasets only could give more than they have. */
static int check(const struct key_body *b, struct err *e)
{
    const struct str *names = b->datasets.items, *scopes = b->scopes.items;
    for (size_t i = 0; i < b->datasets.n; i++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/datasets/%zu", i);
        if (!dataset_name_is_valid(names[i]))
            (void)err_field(e, pointer, "must match ^[a-z0-9][a-z0-9._-]{0,62}$");
    }
    for (size_t i = 0; b->datasets.set && i < b->scopes.n; i++)
        if (str_is(scopes[i], "admin"))
            (void)err_field(e, "/datasets", "an admin key cannot be limited to some datasets");
    return e->code == ERR_NONE ? 0 : -1;
}

static int bind_texts(struct req *q, struct db_call *c, const struct list *texts, struct err *e)
{
    const struct str *items = texts->items;
    if (!texts->set) {
        call_null(c);
        return 0;
    }
    struct array *a = op_array(q, ARRAY_TEXT, 65536);
    for (size_t i = 0; i < texts->n; i++)
        array_add(a, items[i]);
    return op_call_array(c, a, e);
}

/* A new key as the operation's data, until it is shown. */
static struct key *new_key(struct req *q, const char *id, struct err *e)
{
    struct key *k = arena_alloc(q->arena, sizeof(*k));
    if (!k)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the key");
    else
        key_make(k, id);
    op_state(q)->data = k;
    return k;
}

static int create_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct key_body *b = op_body(q);
    uint8_t today[SHA256_BYTES], yesterday[SHA256_BYTES];
    bool once = once_ids(q, today, yesterday);
    char *id = arena_alloc(q->arena, KEY_ID_CHARS + 1);
    char *earlier = arena_alloc(q->arena, KEY_ID_CHARS + 1);
    if (!id || !earlier)
        return err_set(e, ERR_NO_MEMORY, "no memory for the key");
    key_id_from(today, id);
    key_id_from(yesterday, earlier);
    const struct key *k = new_key(q, once ? id : NULL, e);
    if (!k || check(b, e) < 0)
        return -1;
    call_init(c, STMT_KEY_PUT);
    bind_caller(q, c);
    call_z(c, k->id);
    call_text(c, b->name);
    call_bytes(c, k->hash, sizeof(k->hash));
    if (bind_texts(q, c, &b->scopes, e) < 0 || bind_texts(q, c, &b->datasets, e) < 0)
        return -1;
    bind_int(c, b->expires_in);
    call_z(c, once ? earlier : NULL);
    limits_bind_body(b->limits, c);
    return 0;
}

static int locate(struct req *q, struct str id, struct err *e)
{
    const char *location = arena_printf(q->arena, "/v1/keys/" STR_FMT, STR_ARG(id));
    if (!location)
        return err_set(e, ERR_NO_MEMORY, "no memory for the key");
    res_json(q, 201);
    res_header(q, "Location", location);
    return 0;
}

/* The key's JSON with the secret in it, which is shown this once. */
static int show(struct req *q, struct str json, struct err *e)
{
    const struct key *k = op_state(q)->data;
    struct buf *b = &q->res.body;
    if (locate(q, str_of(k->id), e) < 0)
        return -1;
    json_open(b, '{');
    json_key(b, "key");
    json_z(b, k->text);
    buf_addc(b, ',');
    buf_adds(b, str_from(json, 1));
    return 0;
}

/* What the same request is answered later on. */
static struct str without_secret(struct req *q, struct str json)
{
    return str_of(
        arena_printf(q->arena, "{\"key_withheld\":true," STR_FMT, STR_ARG(str_from(json, 1))));
}

static int create_render(struct req *q, const struct rows *r, struct err *e)
{
    struct str withheld = without_secret(q, rows_text(r, 0, 0));
    if (!withheld.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the key");
    if (!rows_bool(r, 0, 2)) {
        once_keep(q, withheld);
        return show(q, rows_text(r, 0, 0), e);
    }
    buf_adds(&q->res.body, withheld);
    once_replayed(q);
    return locate(q, rows_text(r, 0, 1), e);
}

static int rotate_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct rotate_body *b = op_body(q);
    const struct key *k = new_key(q, NULL, e);
    if (!k || bind_key(q, c, STMT_KEY_ROTATE, e) < 0)
        return -1;
    call_z(c, k->id);
    call_bytes(c, k->hash, sizeof(k->hash));
    call_i64(c, b->overlap.set ? b->overlap.v : OVERLAP_DEFAULT);
    return 0;
}

static int rotate_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return key_not_found(e);
    if (!rows_bool(r, 0, 0))
        return err_set(e, ERR_CONFLICT, "the key was revoked or has expired: create another one");
    forget(q);
    return show(q, rows_text(r, 0, 1), e);
}

const struct operation op_list_keys = {.bind = list_bind, .render = page_render_global};
const struct operation op_get_key = {.bind = get_bind, .render = item_render};
const struct operation op_create_key = {.bind = create_bind,
                                        .render = create_render,
                                        .body_size = sizeof(struct key_body),
                                        .retry_conflict = true,
                                        .once = true};
const struct operation op_revoke_key = {.bind = revoke_bind, .render = revoke_render};
const struct operation op_rotate_key = {.bind = rotate_bind,
                                        .render = rotate_render,
                                        .body_size = sizeof(struct rotate_body),
                                        .body_optional = true};
