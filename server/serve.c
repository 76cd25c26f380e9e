#include "server/serve.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "db/migrate.h"
#include "db/roles.h"
#include "handlers/app.h"
#include "handlers/routes.h"
#include "providers/cores.h"
#include "server/base/log.h"
#include "server/work/work.h"

enum { STOP_RESERVE_MS = 5000, MIGRATION_CHECK_S = 2 };

struct service {
    const struct config *config;
    struct app app;
    struct work *work;
    struct http *http;
    struct http_tls *tls; /* of http; NULL: none */
    struct http *admin;   /* NULL: health and metrics are on http */
};

enum { ADMIN_CONNECTIONS = 32 };

static void wake_work(void *arg)
{
    work_wake(arg);
}

static int start_providers(struct service *s, struct err *e)
{
    const struct config *c = s->config;
    cores_set(c->compute_threads);
    for (int i = 0; i < c->n_providers; i++) {
        s->app.providers[i] = llm_provider_new(&c->providers[i], e);
        if (!s->app.providers[i])
            return -1;
        s->app.n_providers++;
    }
    for (int i = 0; i < c->n_encoders; i++) {
        s->app.encoders[i] = encoder_new(&c->encoders[i], e);
        if (!s->app.encoders[i])
            return -1;
        s->app.n_encoders++;
    }
    return 0;
}

static int start_work(struct service *s, struct err *e)
{
    const struct config *c = s->config;
    const struct work_settings w = {
        .conninfo = c->database_url,
        .threads = c->stage_threads,
        .range_size = c->range_size,
        .lease_s = c->lease_s,
        .renew_s = c->renew_s,
        .flush_ms = c->flush_ms,
        .quality_window = c->quality_window,
        .artefacts = c->artefacts,
        .export_threads = c->export_threads,
        .export_days = c->export_days,
        .audit_days = c->audit_days,
        .n_providers = s->app.n_providers,
        .n_encoders = s->app.n_encoders,
        .providers = s->app.providers,
        .encoders = s->app.encoders,
        .replicas = &s->app.replicas,
    };
    s->work = work_start(&w, e);
    s->app.wake = wake_work;
    s->app.wake_arg = s->work;
    return s->work ? 0 : -1;
}

/* Any of the two listeners; `own` is what is different about it. */
static struct http *start_listener(struct service *s, const char *listen,
                                   const struct http_settings *own, struct err *e)
{
    const struct config *c = s->config;
    char host[CONFIG_HOST_MAX];
    struct http_settings h = *own;
    if (config_listen_address(listen, host, &h.port, e) < 0)
        return NULL;
    h.host = host;
    h.idle_timeout_s = c->http_idle_timeout_s;
    h.header_timeout_s = c->http_header_timeout_s;
    h.body_timeout_s = c->http_body_timeout_s;
    h.routes = routes;
    h.n_routes = n_routes;
    h.app = &s->app;
    struct http *http = http_start(&h, e);
    if (http)
        log_event(LOG_INFO, "listening", log_z("host", host), log_i("port", http_port(http)));
    return http;
}

static int start_http(struct service *s, struct err *e)
{
    const struct config *c = s->config;
    if (c->tls_certificate && !(s->tls = http_tls_new(c->tls_certificate, c->tls_key, e)))
        return -1;
    const struct http_settings admin = {
        .workers = 1,
        .connections = ADMIN_CONNECTIONS,
        .serves = route_is_for_operator,
        .ops = app_operator_http_ops,
    };
    const struct http_settings all = {
        .workers = c->http_workers,
        .connections = c->http_connections,
        .cors_origins = c->cors_origins,
        .serves = c->admin_listen ? route_is_for_clients : NULL,
        .ops = app_http_ops,
        .tls = s->tls,
    };
    if (c->admin_listen && !(s->admin = start_listener(s, c->admin_listen, &admin, e)))
        return -1;
    s->http = start_listener(s, c->listen, &all, e);
    return s->http ? 0 : -1;
}

static int start(struct service *s, const char *version, struct err *e)
{
    const struct config *c = s->config;
    s->app.config = c;
    s->app.version = version;
    if (config_needs_keys(c)) {
        s->app.keys = key_cache_new();
        s->app.rates = rate_table_new();
        s->app.guesses = rate_table_new();
        if (!s->app.keys || !s->app.rates || !s->app.guesses)
            return err_set(e, ERR_NO_MEMORY, "no memory for keys");
    } else if (strcmp(c->auth, "none") == 0) {
        log_event(LOG_WARN, "open", log_z("detail", "every request is served without a key"));
    }
    if (engine_global_init(e) < 0 || start_providers(s, e) < 0)
        return -1;
    s->app.database = db_async_start(c->database_url, c->database_threads, e);
    if (!s->app.database)
        return -1;
    s->app.audit = audit_start(c->database_url, e);
    if (!s->app.audit || start_work(s, e) < 0)
        return -1;
    s->app.requests = request_pool_start(&s->app, c->request_threads, e);
    if (!s->app.requests)
        return -1;
    return start_http(s, e);
}

/* The order matters: nothing new comes in, what is under way ends, then what it used goes. */
static void stop(struct service *s)
{
    int timeout_ms = s->config->drain_timeout_s * 1000;
    atomic_store(&s->app.ending, true);
    if (s->http)
        http_drain(s->http);
    work_stop(s->work, timeout_ms);
    request_pool_stop(s->app.requests);
    if (s->http)
        http_stop(s->http, STOP_RESERVE_MS);
    audit_stop(s->app.audit, STOP_RESERVE_MS);
    if (s->admin) /* it says to the end that nothing more is to be sent here */
        http_stop(s->admin, STOP_RESERVE_MS);
    http_tls_free(s->tls);
    db_async_stop(s->app.database);
    for (int i = 0; i < s->app.n_providers; i++)
        llm_provider_free(s->app.providers[i]);
    for (int i = 0; i < s->app.n_encoders; i++)
        encoder_free(s->app.encoders[i]);
    key_cache_free(s->app.keys);
    rate_table_free(s->app.rates);
    rate_table_free(s->app.guesses);
    engine_global_cleanup();
}

static sem_t told_to_end;
static atomic_int end_signal;

static atomic_bool told_to_reload;

static void reload_when_told(int signal_number)
{
    (void)signal_number;
    atomic_store(&told_to_reload, true);
    (void)sem_post(&told_to_end);
}

static void end_when_told(int signal_number)
{
    if (atomic_exchange(&end_signal, signal_number))
        _exit(3);
    (void)sem_post(&told_to_end);
}

/* A handler rather than a wait for the signals: BLAS starts threads when it is loaded, before any
 * mask could be set, and a signal that one of them gets would end the process. */
static void handle_signals(sigset_t *set, bool reload)
{
    struct sigaction a = {.sa_handler = end_when_told}, r = {.sa_handler = reload_when_told};
    (void)sem_init(&told_to_end, 0, 0);
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    if (reload)
        (void)sigaddset(set, SIGHUP);
    r.sa_mask = a.sa_mask = *set;
    if (reload)
        (void)sigaction(SIGHUP, &r, NULL);
    (void)sigaction(SIGTERM, &a, NULL);
    (void)sigaction(SIGINT, &a, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write says so instead */
}

/* Nothing is refused for it: who has one role for all goes on as ever. */
static void tell_role(const struct role_facts *f)
{
    if (f->owner)
        log_event(LOG_WARN, "database_role", log_z("role", f->name),
                  log_z("detail", "the service can change the schema: it owns the tables, or is a "
                                  "superuser; see service_role"));
    else if (f->may_create)
        log_event(LOG_WARN, "database_role", log_z("role", f->name),
                  log_z("detail", "the service may create things in the schema"));
    else
        log_event(LOG_INFO, "database_role", log_z("role", f->name));
}

/* Watches the schema until it is current, and the role until it has its rights: a server may start
 * before its database does. */
static void check_schema(struct service *s, struct db *db, struct err *last)
{
    struct err e = {0};
    struct role_facts role;
    if (atomic_load(&s->app.migrated))
        return;
    int granted = roles_check(db, &role, &e);
    atomic_store(&s->app.lacks_rights, granted < 0 && role.name[0]);
    if (granted == 0 && migrate_check(db, &e) == 0) {
        tell_role(&role);
        atomic_store(&s->app.migrated, true);
        log_event(LOG_INFO, "schema_current", log_i("version", migrate_latest()));
        work_wake(s->work);
    } else if (strcmp(e.msg, last->msg) != 0) {
        log_event(LOG_WARN, granted < 0 && role.name[0] ? "rights_missing" : "schema_not_current",
                  log_z("detail", e.msg));
        *last = e;
    }
}

/* A pair that cannot be used is no reason to serve nothing. */
static void reload(struct service *s)
{
    struct err e = {0};
    if (!atomic_exchange(&told_to_reload, false))
        return;
    if (http_tls_load(s->tls, &e) == 0)
        log_event(LOG_INFO, "certificate_loaded", log_z("path", s->config->tls_certificate));
    else
        log_event(LOG_ERROR, "certificate_kept", log_z("detail", e.msg));
}

static void wait_for_signal(struct service *s, struct db *db)
{
    struct err last = {0};
    struct timespec t;
    do {
        reload(s);
        check_schema(s, db, &last);
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += MIGRATION_CHECK_S;
    } while (sem_clockwait(&told_to_end, CLOCK_MONOTONIC, &t) < 0 || !atomic_load(&end_signal));
}

int serve(const struct config *c, const char *version, struct err *e)
{
    struct service s = {.config = c};
    sigset_t set;
    log_setup(strcmp(c->log_level, "debug") == 0   ? LOG_DEBUG
              : strcmp(c->log_level, "warn") == 0  ? LOG_WARN
              : strcmp(c->log_level, "error") == 0 ? LOG_ERROR
                                                   : LOG_INFO,
              strcmp(c->log_format, "json") == 0);
    for (int i = 0; config_warning(c, i); i++)
        log_event(LOG_WARN, "setting", log_z("detail", config_warning(c, i)));
    handle_signals(&set, c->tls_certificate != NULL);
    struct db *db = db_new(c->database_url, "main", e);
    if (!db)
        return -1;
    // The threads that are started here inherit the mask, so that a signal interrupts none of them.
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    int rc = start(&s, version, e);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    if (rc == 0) {
        wait_for_signal(&s, db);
        log_event(LOG_INFO, "draining", log_i("signal", atomic_load(&end_signal)));
    }
    stop(&s);
    db_free(db);
    if (rc == 0)
        log_event(LOG_INFO, "stopped", log_i("code", 0));
    return rc;
}
