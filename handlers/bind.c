#include "handlers/bind.h"

#include <stdio.h>

#include "server/base/cleanup.h"
#include "server/base/hash.h"

void bind_caller(const struct req *q, struct db_call *c)
{
    call_z(c, op_state(q)->caller.name);
}

int bind_copy(struct req *q, struct db_call *c, struct str s, struct err *e)
{
    if (!s.p) {
        call_null(c);
        return 0;
    }
    struct str copy = arena_str(q->arena, s);
    if (!copy.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    call_text(c, copy);
    return 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ^[a-z0-9][a-z0-9._-]{0,62}$ */
void bind_int(struct db_call *c, struct opt_int v)
{
    if (v.set)
        call_i64(c, v.v);
    else
        call_null(c);
}

bool dataset_name_is_valid(struct str name)
{
    if (name.n == 0 || name.n > DATASET_NAME_MAX || !is_name_char(name.p[0]))
        return false;
    for (size_t i = 1; i < name.n; i++) {
        char c = name.p[i];
        if (!is_name_char(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

int dataset_not_found(struct req *q, struct err *e)
{
    struct str name = q->params[0];
    return err_set(e, ERR_NOT_FOUND, "there is no dataset named \"%.*s\"",
                   (int)(name.n < 63 ? name.n : 63), name.p);
}

int bind_dataset(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e)
{
    call_init(c, stmt);
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    bind_caller(q, c);
    return bind_copy(q, c, q->params[0], e);
}

int require_dataset(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_DATASET_EXISTS, e) < 0 || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    return rows_count(rows) ? 0 : dataset_not_found(q, e);
}

int no_such(const char *what, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such %s", what);
}

int bind_id(struct req *q, struct db_call *c, enum stmt_id stmt, const char *what, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    call_init(c, stmt);
    if (!seed_id_parse(q->params[0], id))
        return no_such(what, e);
    bind_caller(q, c);
    return bind_copy(q, c, q->params[0], e);
}

int bind_query(struct req *q, struct db_call *c, const char *name, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    return bind_copy(q, c, v->set ? v->text : (struct str){NULL, 0}, e);
}

int bind_query_id(struct req *q, struct db_call *c, const char *name, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    uint8_t id[SEED_ID_BYTES];
    char pointer[40];
    if (v->set && !seed_id_parse(v->text, id)) {
        (void)snprintf(pointer, sizeof(pointer), "?%s", name);
        return err_field(e, pointer, "must be an id of 32 hexadecimal digits");
    }
    return bind_query(q, c, name, e);
}

const char *hex_text(struct req *q, const uint8_t *p, size_t n)
{
    char *text = arena_alloc(q->arena, 2 * n + 1);
    if (text)
        hex_encode(p, n, text);
    return text;
}

int bind_caption_id(struct req *q, struct db_call *c, struct str id, struct err *e)
{
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES];
    if (!caption_id_parse(id, seed, hash))
        return err_set(e, ERR_NOT_FOUND, "there is no such caption");
    call_z(c, hex_text(q, seed, sizeof(seed)));
    call_z(c, hex_text(q, hash, sizeof(hash)));
    return 0;
}

int render_item(struct req *q, const struct rows *r, const char *what, struct err *e)
{
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    if (rows_null(r, 0, 0))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such %s", what);
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    return 0;
}
