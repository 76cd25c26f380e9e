/* An encoder as its operators see it: the settings but for secrets, and what was learned. */
#include "providers/encoder/state.h"
#include "server/json/write.h"

static void write_text(struct buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    json_key(out, name);
    json_z(out, value);
}

static void write_number(struct buf *out, const char *name, int64_t value)
{
    json_key(out, name);
    json_int(out, value);
}

static void write_urls(struct encoder *c, struct buf *out)
{
    int n = upstream_endpoints(c->upstream);

    json_key(out, "urls");
    json_open(out, '[');
    for (int i = 0; i < n; i++)
        json_z(out, upstream_route(c->upstream, i)->url);
    json_close(out, ']');
}

/* Calls to a server, which has limits. */
static void write_calls(struct encoder *c, struct buf *out)
{
    const struct encoder_settings *s = &c->settings;

    json_key(out, "calls");
    json_open(out, '{');
    write_number(out, "max_in_flight", s->max_in_flight);
    write_number(out, "texts", atomic_load(&c->batch));
    if (atomic_load(&c->bytes))
        write_number(out, "bytes", (int64_t)atomic_load(&c->bytes));
    if (s->batch_tokens)
        write_number(out, "tokens", s->batch_tokens);
    json_key(out, "base64");
    json_bool(out, !atomic_load(&c->plain));
    json_close(out, '}');
}

void encoder_describe(struct encoder *c, struct buf *out)
{
    const struct encoder_settings *s = &c->settings;
    char why[200];
    bool stopped = encoder_stopped(c, why);

    json_open(out, '{');
    write_text(out, "name", s->name);
    write_text(out, "kind", s->kind);
    write_text(out, "model", s->model);
    write_text(out, "revision", s->revision);
    write_text(out, "weights", encoder_weights_hash(c));
    write_urls(c, out);
    if (encoder_dimension(c))
        write_number(out, "dimension", encoder_dimension(c));
    json_key(out, "matryoshka");
    json_bool(out, s->matryoshka);
    if (s->max_tokens)
        write_number(out, "max_tokens", s->max_tokens);
    json_key(out, "trial");
    json_bool(out, c->offline);
    write_text(out, "state", stopped ? "stopped" : "ok");
    write_text(out, "reason", stopped ? why : NULL);
    if (s->url)
        write_calls(c, out);
    json_close(out, '}');
}
