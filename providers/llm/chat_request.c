#include <jansson.h>
#include <stdlib.h>

#include "providers/llm/chat.h"
#include "server/json/decode.h"
#include "server/json/write.h"

enum { EXTRA_NODES_MAX = 10000, EXTRA_MAX = 65536, TAIL_FIXED = 256 };

/* What the service decides itself, and reads the answer by. */
static const char *const reserved[] = {"messages", "model", "stream", "stream_options"};

static json_t *parse_object(struct str text)
{
    struct err e = {0};

    if (text.n > EXTRA_MAX || json_scan(text, EXTRA_NODES_MAX, &e) != 0)
        return NULL;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

static const char *fault_of(const json_t *root)
{
    if (!root)
        return "a JSON object of at most 64 KiB";
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (json_object_get(root, reserved[i]))
            return "a JSON object without messages, model, stream and stream_options";
    return NULL;
}

const char *llm_extra_body_fault(struct str text)
{
    json_t *root = parse_object(text);
    const char *fault = fault_of(root);

    json_decref(root);
    return fault;
}

/* Members of the object, and which of our own they replace. */
static int take_extra(struct chat_form *f, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    size_t n = text ? strlen(text) : 0;

    f->temperature = json_object_get(root, "temperature");
    f->top_p = json_object_get(root, "top_p");
    f->max_tokens =
        json_object_get(root, "max_tokens") || json_object_get(root, "max_completion_tokens");
    f->seed = json_object_get(root, "seed");
    f->response_format = json_object_get(root, "response_format");
    if (n > 2)
        buf_add(&f->extra, text + 1, n - 2);
    free(text);
    return n < 2 || f->extra.failed ? -1 : 0;
}

int chat_form_init(struct chat_form *f, const struct llm_settings *s, struct err *e)
{
    *f = (struct chat_form){
        .model = s->model,
        .max_tokens_field = s->max_tokens_field ? s->max_tokens_field : "max_tokens",
        .stream = s->stream,
    };
    buf_init(&f->extra, 2 * EXTRA_MAX);
    if (!s->extra_body)
        return 0;
    json_t *root = parse_object(str_of(s->extra_body));
    const char *fault = fault_of(root);
    int rc = fault                      ? err_set(e, ERR_VALIDATION, "extra_body must be %s", fault)
             : take_extra(f, root) != 0 ? err_set(e, ERR_NO_MEMORY, "out of memory")
                                        : 0;
    json_decref(root);
    return rc;
}

void chat_form_free(struct chat_form *f)
{
    buf_free(&f->extra);
}

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

static void write_sampling(const struct chat_form *f, const struct llm_request *r, struct buf *out)
{
    if (r->temperature >= 0 && !f->temperature) {
        json_key(out, "temperature");
        json_double(out, r->temperature);
    }
    if (r->top_p >= 0 && !f->top_p) {
        json_key(out, "top_p");
        json_double(out, r->top_p);
    }
    if (r->max_tokens > 0 && !f->max_tokens) {
        json_key(out, f->max_tokens_field);
        json_int(out, r->max_tokens);
    }
}

static void write_stream(struct buf *out)
{
    json_key(out, "stream");
    json_bool(out, true);
    json_key(out, "stream_options");
    json_open(out, '{');
    json_key(out, "include_usage");
    json_bool(out, true);
    json_close(out, '}');
}

int chat_request_open(const struct chat_form *f, const struct llm_request *r, struct buf *out,
                      struct err *e)
{
    json_open(out, '{');
    json_key(out, "model");
    json_z(out, f->model);
    write_messages(r, out);
    write_sampling(f, r, out);
    if (f->stream)
        write_stream(out);
    if (out->failed)
        return err_set(e, ERR_TOO_LARGE, "the request exceeds %d bytes", CHAT_REQUEST_MAX);
    return 0;
}

/* The nested form: the one that all servers understand, while the flat ones are ignored by some. */
void chat_request_schema(const struct llm_request *r, struct buf *out)
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

size_t chat_request_tail(const struct chat_form *f, struct str schema)
{
    return schema.n + f->extra.n + TAIL_FIXED;
}

void chat_request_close(const struct chat_form *f, struct str schema, int64_t seed, struct buf *out)
{
    if (schema.n > 0) {
        buf_addc(out, ',');
        buf_adds(out, schema);
    }
    if (seed >= 0 && !f->seed) {
        json_key(out, "seed");
        json_int(out, seed);
    }
    if (f->extra.n > 0) {
        buf_addc(out, ',');
        buf_adds(out, buf_str(&f->extra));
    }
    json_close(out, '}');
}
