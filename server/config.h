/* The settings of the program, from one table: name, environment variable, flag, type, default,
 * range, help. Precedence: defaults < file < environment < flags. */
#ifndef MONOCEROS_CONFIG_H
#define MONOCEROS_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "providers/encoder.h"
#include "providers/llm.h"
#include "server/base/err.h"

enum { CONFIG_PROVIDERS_MAX = 16, CONFIG_HOST_MAX = 256 };

struct config_state; /* where each setting came from, and the memory of the strings */

struct config {
    const char *database_url;
    const char *migrate_database_url;      /* or NULL: as database_url */
    const char *service_role;              /* that `migrate` gives its rights to, or NULL */
    const char *listen;                    /* host:port */
    const char *admin_listen;              /* or NULL */
    const char *tls_certificate, *tls_key; /* paths; both or none */
    const char *cors_origins;              /* or NULL */
    const char *auth;                      /* "auto", "keys" or "none" */
    /* Limits of keys that do not say, and of bad keys from an address; 0: none. */
    int key_requests_per_minute, key_seeds_per_day, key_runs_in_flight, bad_keys_per_minute;
    int http_workers, http_connections;
    int http_idle_timeout_s, http_header_timeout_s, http_body_timeout_s;
    int database_threads; /* pipelining threads behind point operations */
    int request_threads;  /* imports and computing requests */
    int event_streams;    /* at a time */
    int stage_threads;
    int compute_threads; /* for clip encoders; 0: one a core */
    int range_size;      /* seeds per task */
    int lease_s, renew_s, flush_ms;
    int quality_window; /* items; failed plus dropped above 30 % of them pauses the run */
    int drain_timeout_s;
    const char *artefacts; /* directory of the files of exports */
    int export_threads;
    int export_days;                    /* 0: exports are kept until they are deleted */
    int audit_days;                     /* rows of the audit log that are older go */
    const char *log_level, *log_format; /* "json" or "text" */
    /* The declared providers and encoders; `offline` is always the first of each. */
    int n_providers, n_encoders;
    struct llm_settings providers[CONFIG_PROVIDERS_MAX];
    struct encoder_settings encoders[CONFIG_PROVIDERS_MAX];
    struct config_state *state;
};

/* Reads everything. argv holds only flags (the subcommand is gone). -1 with a sentence that names
 * the wrong setting, where it was set and what it may be. */
int config_load(struct config *c, int argc, char **argv, struct err *e);
void config_free(struct config *c); /* also after a failed load */
/* What looks wrong and stops nothing, such as an unknown environment variable; NULL past the last.
 */
const char *config_warning(const struct config *c, int i);
/* `listen` or `admin_listen` in two parts, brackets of an IPv6 address removed; -1 with a sentence.
 * Port 0 is any. */
int config_listen_address(const char *listen, char host[CONFIG_HOST_MAX], int *port, struct err *e);
/* Whether requests need a key; `listen` must be readable. */
bool config_needs_keys(const struct config *c);
/* The effective settings with their source, secrets masked; what `monoceros config` prints. */
void config_print(const struct config *c, FILE *out);
/* The flags' help for --help, made from the table. */
void config_help(FILE *out);
/* The table as JSON, for the contract test. */
void config_describe(FILE *out);

#endif
