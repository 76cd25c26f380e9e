#include "server/config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "providers/offline/composer.h"
#include "server/config_internal.h"

enum { CONFIG_BYTES_MAX = 1 << 20, CONNECTIONS_PER_WORKER = 120 };

static void choose_effective(struct config_state *state)
{
    for (int i = 0; settings[i].name; i++)
        for (int layer = LAYER_FILE; layer < LAYER_COUNT; layer++)
            if (state->layers[layer][i].text)
                state->effective[i] = state->layers[layer][i];
}

static int read_sources(struct config_state *state, int argc, char **argv, struct err *e)
{
    bool in_file;
    int config = setting_find(STR("config"), '_', &in_file);
    if (config_read_environment(state, e) || config_read_flags(state, argc, argv, e))
        return -1;
    choose_effective(state);
    const char *path = state->effective[config].text;
    if (path && config_read_file(state, path, e))
        return -1;
    choose_effective(state);
    return 0;
}

/* Stores the settings of one struct: from `given`, by the row of the table. */
static int store_all(struct config_state *state, enum setting_place place,
                     const struct given *given, void *base, struct err *e)
{
    for (int i = 0; settings[i].name; i++)
        if (settings[i].place == place && setting_store(state, &settings[i], &given[i], base, e))
            return -1;
    return 0;
}

static int require(const char *what, const char *name, const char *url, const char *model,
                   struct err *e)
{
    if (url && model)
        return 0;
    return err_set(e, ERR_VALIDATION, "%s %s: %s must be set", what, name, url ? "model" : "url");
}

static int add_provider(struct config *c, const char *name, const struct given *given,
                        struct err *e)
{
    if (c->n_providers == CONFIG_PROVIDERS_MAX)
        return err_set(e, ERR_VALIDATION, "provider %s: at most %d providers can be declared", name,
                       CONFIG_PROVIDERS_MAX - 1);
    struct llm_settings *p = &c->providers[c->n_providers];
    if (store_all(c->state, PLACE_PROVIDER, given, p, e))
        return -1;
    p->name = name;
    if (require("provider", name, p->url, p->model, e))
        return -1;
    c->n_providers++;
    return 0;
}

static int require_encoder(const struct encoder_settings *p, struct err *e)
{
    bool clip = strcmp(p->kind, "clip") == 0;
    if (clip && (!p->path || p->url))
        return err_set(e, ERR_VALIDATION, "encoder %s: of kind clip, it has a path and no url",
                       p->name);
    if (!clip && p->path)
        return err_set(e, ERR_VALIDATION, "encoder %s: path is for the kind clip alone", p->name);
    return clip ? 0 : require("encoder", p->name, p->url, p->model, e);
}

static int add_encoder(struct config *c, const char *name, const struct given *given, struct err *e)
{
    if (c->n_encoders == CONFIG_PROVIDERS_MAX)
        return err_set(e, ERR_VALIDATION, "encoder %s: at most %d encoders can be declared", name,
                       CONFIG_PROVIDERS_MAX - 1);
    struct encoder_settings *p = &c->encoders[c->n_encoders];
    if (store_all(c->state, PLACE_ENCODER, given, p, e))
        return -1;
    p->name = name;
    /* A path says that the model is to be computed here. */
    if (p->path && !p->url && strcmp(p->kind, "openai") == 0)
        p->kind = "clip";
    if (require_encoder(p, e))
        return -1;
    c->n_encoders++;
    return 0;
}

/* The built-in ones, with the defaults of the table. */
static int add_offline(struct config *c, struct err *e)
{
    static const struct given nothing[SETTINGS_MAX];
    struct llm_settings *p = &c->providers[0];
    struct encoder_settings *n = &c->encoders[0];
    if (store_all(c->state, PLACE_PROVIDER, nothing, p, e) ||
        store_all(c->state, PLACE_ENCODER, nothing, n, e))
        return -1;
    p->name = p->kind = "offline";
    p->model = COMPOSER_MODEL;
    n->name = n->kind = "offline";
    n->model = OFFLINE_ENCODER_MODEL;
    n->dimension = OFFLINE_ENCODER_DIMENSION;
    c->n_providers = c->n_encoders = 1;
    return 0;
}

/* A provider or encoder is declared at the top by its URL, or an encoder by the path of its model;
 * the rest alone does nothing. */
static bool declared(struct config_state *state, enum setting_place place)
{
    const char *stray = NULL;
    for (int i = 0; settings[i].name; i++) {
        if (settings[i].place != place || !state->effective[i].text)
            continue;
        if (settings[i].type == SETTING_URL || strcmp(settings[i].name, "encoder_path") == 0)
            return true;
        stray = settings[i].name;
    }
    if (stray && state->n_warnings < WARNINGS_MAX) {
        const char *text =
            arena_printf(state->arena, "%s has no effect without %s", stray,
                         place == PLACE_PROVIDER ? "llm_url" : "encoder_url or encoder_path");
        if (text)
            state->warnings[state->n_warnings++] = text;
    }
    return false;
}

static int add_declared(struct config *c, struct err *e)
{
    struct config_state *state = c->state;
    state->provider_at_top = declared(state, PLACE_PROVIDER);
    state->encoder_at_top = declared(state, PLACE_ENCODER);
    if (state->provider_at_top && add_provider(c, "llm", state->effective, e))
        return -1;
    bool in_file, clip = state->effective[setting_find(STR("encoder_path"), '_', &in_file)].text;
    if (state->encoder_at_top && add_encoder(c, clip ? "clip" : "embeddings", state->effective, e))
        return -1;
    for (int i = 0; i < state->n_sections; i++) {
        const struct section *s = &state->sections[i];
        int failed = s->place == PLACE_PROVIDER ? add_provider(c, s->name, s->given, e)
                                                : add_encoder(c, s->name, s->given, e);
        if (failed)
            return -1;
    }
    return 0;
}

/* Values that follow from others, and rules between them. */
static int settle(struct config *c, struct err *e)
{
    int most = c->http_workers * CONNECTIONS_PER_WORKER;
    if (c->http_connections > most)
        return err_set(e, ERR_VALIDATION,
                       "http_connections: must be at most %d, which is %d for each of %d "
                       "http_workers",
                       most, CONNECTIONS_PER_WORKER, c->http_workers);
    if (!c->tls_certificate != !c->tls_key)
        return err_set(e, ERR_VALIDATION, "%s: must be set too, as the other of the pair is",
                       c->tls_key ? "tls_certificate" : "tls_key");
    if (c->http_connections == 0)
        c->http_connections = most;
    if (c->stage_threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        c->stage_threads = cores < 1 ? 1 : cores > 64 ? 64 : (int)cores;
    }
    if (2 * c->renew_s > c->lease_s)
        return err_set(e, ERR_VALIDATION,
                       "renew: must be at most half of lease, so that one renewal may be late; "
                       "renew is %d and lease is %d seconds",
                       c->renew_s, c->lease_s);
    return 0;
}

int config_load(struct config *c, int argc, char **argv, struct err *e)
{
    memset(c, 0, sizeof(*c));
    c->state = calloc(1, sizeof(*c->state));
    if (!c->state || !(c->state->arena = arena_new(CONFIG_BYTES_MAX)))
        return err_set(e, ERR_NO_MEMORY, "not enough memory for the configuration");
    if (read_sources(c->state, argc, argv, e) ||
        store_all(c->state, PLACE_CONFIG, c->state->effective, c, e) || settle(c, e))
        return -1;
    return add_offline(c, e) || add_declared(c, e) ? -1 : 0;
}

void config_free(struct config *c)
{
    if (c->state)
        arena_free(c->state->arena);
    free(c->state);
    memset(c, 0, sizeof(*c));
}

const char *config_warning(const struct config *c, int i)
{
    return i >= 0 && i < c->state->n_warnings ? c->state->warnings[i] : NULL;
}

int config_listen_address(const char *listen, char host[CONFIG_HOST_MAX], int *port, struct err *e)
{
    if (config_split_listen(str_of(listen), host, port))
        return err_set(e, ERR_VALIDATION, "listen: must be host:port, is \"%.60s\"", listen);
    return 0;
}

/* Names are not resolved: what a resolver says can change. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

bool config_needs_keys(const struct config *c)
{
    char host[CONFIG_HOST_MAX];
    int port;
    if (strcmp(c->auth, "auto") != 0)
        return strcmp(c->auth, "keys") == 0;
    return config_split_listen(str_of(c->listen), host, &port) || !is_loopback(host);
}
