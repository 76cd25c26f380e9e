#include <stdlib.h>

#include "providers/llm/state.h"
#include "server/base/hash.h"
#include "server/json/write.h"

enum { BYTES_PER_TOKEN = 4, TOKENS_UNKNOWN = 512 };

static bool is_offline(const struct llm_settings *s)
{
    return strcmp(s->kind, "offline") == 0;
}

static int check(const struct llm_settings *s, struct err *e)
{
    if (!is_offline(s) && strcmp(s->kind, "openai") != 0)
        return err_set(e, ERR_VALIDATION, "%s: unknown kind of provider: %.40s", s->name, s->kind);
    if (s->max_in_flight < 1 || s->timeout_s < 1 || s->connect_timeout_s < 1 || s->attempts < 1 ||
        s->stop_after < 1)
        return err_set(e, ERR_VALIDATION, "%s: a limit is below 1", s->name);
    if (!is_offline(s) && (!s->url || !s->model))
        return err_set(e, ERR_VALIDATION, "%s: URL and model are needed", s->name);
    return 0;
}

static struct upstream *reach(const struct llm_settings *s, struct err *e)
{
    struct upstream_settings settings = {
        .name = s->name,
        .urls = is_offline(s) ? NULL : s->url,
        .path = "/chat/completions",
        .api_key = s->api_key,
        .max_in_flight = s->max_in_flight,
        .timeout_s = s->timeout_s,
        .queue_timeout_s = s->queue_timeout_s,
        .connect_timeout_s = s->connect_timeout_s,
        .attempts = s->attempts,
        .stop_after = s->stop_after,
        .rpm = s->rpm,
        .tpm = s->tpm,
    };

    return upstream_new(&settings, e);
}

struct llm_provider *llm_provider_new(const struct llm_settings *s, struct err *e)
{
    if (check(s, e) != 0)
        return NULL;
    struct llm_provider *p = calloc(1, sizeof(*p));
    if (!p) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    p->settings = *s;
    p->offline = is_offline(s);
    pthread_mutex_init(&p->mutex, NULL);
    if (chat_form_init(&p->form, s, e) != 0 || !(p->upstream = reach(s, e))) {
        llm_provider_free(p);
        return NULL;
    }
    return p;
}

void llm_provider_free(struct llm_provider *p)
{
    if (!p)
        return;
    upstream_unref(p->upstream);
    chat_form_free(&p->form);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

const struct llm_settings *llm_provider_settings(const struct llm_provider *p)
{
    return &p->settings;
}

bool llm_provider_waits(struct llm_provider *p, struct waits *ret)
{
    return upstream_waits(p->upstream, ret);
}

bool llm_provider_stopped(struct llm_provider *p, char reason[200])
{
    return upstream_stopped(p->upstream, reason);
}

void llm_provider_reset(struct llm_provider *p)
{
    upstream_reset(p->upstream);
}

int llm_room(struct engine *g, struct llm_provider *p)
{
    struct err e = {0};
    struct lane *l = engine_lane(g, p->upstream, &e);

    return l ? lane_room(l) : 0;
}

void llm_extra_body_id(const struct llm_settings *s, char hex[33])
{
    uint8_t digest[SHA256_BYTES];

    hex[0] = 0;
    if (!s->extra_body)
        return;
    sha256(str_of(s->extra_body), digest);
    hex_encode(digest, 16, hex);
}

void llm_set_limits(struct llm_provider *p, const struct llm_limits *l, int replicas)
{
    struct upstream_limits limits = {
        .max_in_flight = l->max_in_flight, .rpm = l->rpm, .tpm = (double)l->tpm};

    upstream_set_limits(p->upstream, &limits, replicas);
}

unsigned provider_asks_schema(struct llm_provider *p, int endpoint)
{
    pthread_mutex_lock(&p->mutex);
    unsigned asks = structured_ask(&p->structured[endpoint]);
    pthread_mutex_unlock(&p->mutex);
    return asks;
}

void provider_schema_refused(struct llm_provider *p, int endpoint)
{
    pthread_mutex_lock(&p->mutex);
    structured_refused(&p->structured[endpoint]);
    pthread_mutex_unlock(&p->mutex);
}

void llm_note_schema(struct llm_provider *p, const struct llm_reply *reply, bool held)
{
    if (!reply->schema_asked || reply->url_index < 0)
        return;
    pthread_mutex_lock(&p->mutex);
    structured_note(&p->structured[reply->url_index], reply->schema_round, held);
    pthread_mutex_unlock(&p->mutex);
}

void provider_note_answer(struct llm_provider *p, struct str model, const struct chat_usage *u)
{
    pthread_mutex_lock(&p->mutex);
    if (u->known)
        p->answer_tokens += ((double)u->out - p->answer_tokens) * (p->answer_tokens > 0 ? 0.02 : 1);
    if (model.n > 0 && model.n < sizeof(p->served) && !str_is(model, p->served)) {
        if (p->served[0])
            memset(p->structured, 0, sizeof(p->structured));
        memcpy(p->served, model.p, model.n);
        p->served[model.n] = 0;
    }
    pthread_mutex_unlock(&p->mutex);
}

double provider_expects(struct llm_provider *p, const struct llm_request *r)
{
    double in = (double)(r->system.n + r->user.n + r->schema.n) / BYTES_PER_TOKEN;
    double most = r->max_tokens > 0 ? r->max_tokens : TOKENS_UNKNOWN;

    pthread_mutex_lock(&p->mutex);
    double out = p->answer_tokens > 0 ? p->answer_tokens : most;
    pthread_mutex_unlock(&p->mutex);
    return in + out;
}

static void describe_structured(const void *arg, int endpoint, struct buf *out)
{
    const struct structured *structured = arg;

    json_key(out, "structured_output");
    structured_describe(&structured[endpoint], out);
}

static void write_urls(const struct llm_provider *p, struct buf *out)
{
    json_key(out, "urls");
    json_open(out, '[');
    for (int i = 0; i < upstream_endpoints(p->upstream); i++) {
        struct str url = str_of(upstream_route(p->upstream, i)->url);
        url.n -= strlen("/chat/completions");
        json_str(out, url);
    }
    json_close(out, ']');
}

void llm_describe(struct llm_provider *p, struct buf *json)
{
    struct structured structured[ENDPOINTS_MAX];
    char served[sizeof(p->served)];

    pthread_mutex_lock(&p->mutex);
    memcpy(structured, p->structured, sizeof(structured));
    memcpy(served, p->served, sizeof(served));
    pthread_mutex_unlock(&p->mutex);
    json_open(json, '{');
    json_key(json, "name");
    json_z(json, p->settings.name);
    json_key(json, "kind");
    json_z(json, p->settings.kind);
    if (p->settings.model) {
        json_key(json, "model");
        json_z(json, p->settings.model);
    }
    if (served[0]) {
        json_key(json, "served_model");
        json_z(json, served);
    }
    write_urls(p, json);
    upstream_describe(p->upstream, describe_structured, structured, json);
    json_close(json, '}');
}
