/* What handlers may reach: the long-lived parts of the program. Filled by main before the listener
 * starts, constant afterwards. */
#ifndef MONOCEROS_HANDLERS_APP_H
#define MONOCEROS_HANDLERS_APP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "db/db.h"
#include "handlers/audit.h"
#include "handlers/key_cache.h"
#include "handlers/rate.h"
#include "providers/encoder.h"
#include "providers/llm.h"
#include "server/config.h"
#include "server/http/http.h"

struct request_pool;

struct app {
    const struct config *config;
    const char *version;
    struct db_async *database;  /* point operations */
    struct key_cache *keys;     /* NULL: nobody needs a key */
    struct rate_table *rates;   /* requests by key; NULL as above */
    struct rate_table *guesses; /* bad keys by address; NULL as above */
    struct audit *audit;
    struct request_pool *requests; /* imports and computing operations */
    int n_providers, n_encoders;   /* by the rows of config */
    struct llm_provider *providers[CONFIG_PROVIDERS_MAX];
    struct encoder *encoders[CONFIG_PROVIDERS_MAX];
    /* Tells the dispatcher and the ticker of this process that there may be work. */
    void (*wake)(void *arg);
    void *wake_arg;
    atomic_bool migrated;     /* the schema is current, and the database role has its rights */
    atomic_bool lacks_rights; /* it is current, and the role has not */
    atomic_bool ending;
    atomic_int replicas; /* processes on this database, as last heard */
    atomic_int reports;  /* that are being made */
    atomic_int exports;  /* that are under way */
    atomic_int streams;  /* of events that are open */
};

/* Rows of struct http_ops for http_start; q->app is the struct app. */
extern const struct http_ops app_http_ops;
/* The same without keys, for a listener that only the operator reaches. */
extern const struct http_ops app_operator_http_ops;

/* Threads with a database connection and an engine each, for operations that block. */
struct request_pool *request_pool_start(struct app *app, int threads, struct err *e);
/* Ends after what is under way; queued requests are answered with ERR_UNAVAILABLE. */
void request_pool_stop(struct request_pool *p);

#endif
