/* One model server as all threads see it: how it is reached, and what was learned about it, which
 * is a pause, how many calls it takes at a time, how long it has been failing, and a stop. */
#ifndef MONOCEROS_PROVIDERS_ENDPOINT_H
#define MONOCEROS_PROVIDERS_ENDPOINT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "providers/verdict.h"
#include "server/base/err.h"

/* Strings are owned by the caller and outlive the endpoint. */
struct endpoint_settings {
    const char *name;
    const char *url;  /* NULL: work is done in the process, nothing is sent */
    const char *path; /* appended to url */
    const char *api_key;
    int max_in_flight; /* per thread */
    int timeout_s, connect_timeout_s, attempts, stop_after;
};

enum {
    /* No success for so long while the server is out of reach, or while it answers "busy". */
    ENDPOINT_OUTAGE_S = 45,
    ENDPOINT_BUSY_S = 900,
};

struct endpoint;

/* One reference. Refuses a URL that is not plain http or https and a key with control characters.
 */
struct endpoint *endpoint_new(const struct endpoint_settings *s, struct err *e);
struct endpoint *endpoint_ref(struct endpoint *ep);
void endpoint_unref(struct endpoint *ep);     /* accepts NULL */
bool endpoint_is_shared(struct endpoint *ep); /* more than one reference */

const struct endpoint_settings *endpoint_get_settings(const struct endpoint *ep);
const char *endpoint_url(const struct endpoint *ep);
struct curl_slist *endpoint_headers(const struct endpoint *ep);

/* Takes the right to start one call; false when not now, and *again_us then says when to ask again.
 * Times are of clock_us(). */
bool endpoint_take(struct endpoint *ep, int64_t now_us, int64_t *again_us);
/* Gives the right back, with what came of the call. */
void endpoint_give(struct endpoint *ep, const struct verdict *v, int64_t started_us,
                   int64_t now_us);
/* Stops it for a cause found in an answer; the first cause stays. */
void endpoint_stop(struct endpoint *ep, const char *cause);
bool endpoint_stopped(struct endpoint *ep, char reason[200]);
void endpoint_reset(struct endpoint *ep);
/* Number of calls that were answered about their row: tells an outage from a poisonous row. */
uint64_t endpoint_answers(struct endpoint *ep);
/* When the pause ends; 0 without one. */
int64_t endpoint_pause_until(struct endpoint *ep);

#endif
