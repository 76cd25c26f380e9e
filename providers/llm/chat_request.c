#include "providers/llm/chat.h"
#include "server/json/write.h"

static void write_message(struct buf *out, const char *role, struct str content)
{
    json_open(out, '{');
    json_key(out, "role");
    json_z(out, role);
    json_key(out, "content");
    json_str(out, content);
    json_close(out, '}');
}

static void write_messages(const struct llm_request *r, struct buf *out)
{
    json_key(out, "messages");
    json_open(out, '[');
    if (r->system.n > 0)
        write_message(out, "system", r->system);
    write_message(out, "user", r->user);
    json_close(out, ']');
}

/* The nested form: the one that all servers understand, while the flat ones are ignored by some. */
static void write_schema(const struct llm_request *r, struct buf *out)
{
    json_key(out, "response_format");
    json_open(out, '{');
    json_key(out, "type");
    json_z(out, "json_schema");
    json_key(out, "json_schema");
    json_open(out, '{');
    json_key(out, "name");
    json_str(out, r->schema_name.n > 0 ? r->schema_name : STR("answer"));
    json_key(out, "strict");
    json_bool(out, true);
    json_key(out, "schema");
    json_raw(out, r->schema);
    json_close(out, '}');
    json_close(out, '}');
}

static void write_sampling(const struct llm_settings *s, const struct llm_request *r,
                           struct buf *out)
{
    if (r->temperature >= 0) {
        json_key(out, "temperature");
        json_double(out, r->temperature);
    }
    if (r->top_p >= 0) {
        json_key(out, "top_p");
        json_double(out, r->top_p);
    }
    if (r->max_tokens > 0) {
        json_key(out, s->max_tokens_field ? s->max_tokens_field : "max_tokens");
        json_int(out, r->max_tokens);
    }
}

int chat_request_open(const struct llm_settings *s, const struct llm_request *r, struct buf *out,
                      struct err *e)
{
    json_open(out, '{');
    json_key(out, "model");
    json_z(out, s->model);
    write_messages(r, out);
    write_sampling(s, r, out);
    if (r->schema.n > 0)
        write_schema(r, out);
    if (out->failed)
        return err_set(e, ERR_TOO_LARGE, "the request exceeds %d bytes", CHAT_REQUEST_MAX);
    return 0;
}

void chat_request_close(struct buf *out, int64_t seed)
{
    if (seed >= 0) {
        json_key(out, "seed");
        json_int(out, seed);
    }
    json_close(out, '}');
}
