#include "providers/endpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/buf.h"
#include "server/base/hash.h"

/* While an outage lasts, one call at a time tries whether it is over; it keeps the others waiting
 * for so long at most, as a good answer may take minutes. */
static const int64_t probe_us = 2000000;
static const int64_t look_again_us = 10000;

struct endpoint {
    struct endpoint_settings settings;
    char *url;
    struct curl_slist *headers;
    atomic_int refs;
    atomic_bool stopped;

    pthread_mutex_t mutex; /* guards what follows */
    char sentence[200];
    int running;
    double limit; /* calls at a time, learned from refusals */
    uint64_t answers;
    uint64_t answers_at_burst;
    int bursts;             /* in a row without an answer */
    int64_t burst_us;       /* when the last one began */
    int64_t pause_until_us; /* nothing starts before */
    bool outage;
    int64_t probed_us;
    int faults;        /* in a row */
    int64_t streak_us; /* when the first of them came */
    int64_t busy_us;   /* since when nothing but refusals; 0: not */
    uint64_t random;
};

static int check_url(const char *url, struct err *e)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *query = NULL;
    int rc = 0;

    if (!u)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        rc = err_set(e, ERR_VALIDATION, "not a usable URL");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        rc = err_set(e, ERR_VALIDATION, "the URL is neither http nor https");
    else if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
        rc = err_set(e, ERR_VALIDATION, "the URL has a query");
    curl_free(scheme);
    curl_free(query);
    curl_url_cleanup(u);
    return rc;
}

static int add_header(struct endpoint *ep, const char *line)
{
    struct curl_slist *list = curl_slist_append(ep->headers, line);

    if (!list)
        return -1;
    ep->headers = list;
    return 0;
}

static int add_key(struct endpoint *ep, const char *key, struct err *e)
{
    struct buf line;

    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return err_set(e, ERR_VALIDATION, "the API key has white space or control characters");
    buf_init(&line, 8192);
    buf_addz(&line, "Authorization: Bearer ");
    buf_addz(&line, key);
    const char *z = buf_z(&line);
    int rc = z ? add_header(ep, z) : -1;
    if (line.p)
        explicit_bzero(line.p, line.n);
    buf_free(&line);
    return rc == 0 ? 0 : err_set(e, ERR_NO_MEMORY, "API key too long or out of memory");
}

static int build_headers(struct endpoint *ep, struct err *e)
{
    if (add_header(ep, "Content-Type: application/json") != 0 ||
        add_header(ep, "Accept: application/json") != 0 || add_header(ep, "Expect:") != 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    const char *key = ep->settings.api_key;
    return key && key[0] ? add_key(ep, key, e) : 0;
}

static int build_url(struct endpoint *ep, struct err *e)
{
    struct str base = str_of(ep->settings.url);

    if (check_url(base.p, e) != 0)
        return -1;
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (asprintf(&ep->url, STR_FMT "%s", STR_ARG(base), ep->settings.path) < 0) {
        ep->url = NULL;
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

static void forget(struct endpoint *ep)
{
    ep->sentence[0] = 0;
    ep->limit = 1e6;
    ep->bursts = ep->faults = 0;
    ep->burst_us = ep->pause_until_us = ep->streak_us = ep->busy_us = 0;
    ep->outage = false;
}

static void endpoint_free(struct endpoint *ep)
{
    for (struct curl_slist *h = ep->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(ep->headers);
    pthread_mutex_destroy(&ep->mutex);
    free(ep->url);
    free(ep);
}

struct endpoint *endpoint_new(const struct endpoint_settings *s, struct err *e)
{
    struct endpoint *ep = calloc(1, sizeof(*ep));

    if (!ep) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    ep->settings = *s;
    atomic_init(&ep->refs, 1);
    atomic_init(&ep->stopped, false);
    pthread_mutex_init(&ep->mutex, NULL);
    random_bytes(&ep->random, sizeof(ep->random));
    ep->random |= 1;
    forget(ep);
    if (s->url && (build_url(ep, e) != 0 || build_headers(ep, e) != 0)) {
        endpoint_free(ep);
        return NULL;
    }
    return ep;
}

struct endpoint *endpoint_ref(struct endpoint *ep)
{
    atomic_fetch_add(&ep->refs, 1);
    return ep;
}

void endpoint_unref(struct endpoint *ep)
{
    if (ep && atomic_fetch_sub(&ep->refs, 1) == 1)
        endpoint_free(ep);
}

bool endpoint_is_shared(struct endpoint *ep)
{
    return atomic_load(&ep->refs) > 1;
}

const struct endpoint_settings *endpoint_get_settings(const struct endpoint *ep)
{
    return &ep->settings;
}

const char *endpoint_url(const struct endpoint *ep)
{
    return ep->url;
}

struct curl_slist *endpoint_headers(const struct endpoint *ep)
{
    return ep->headers;
}

bool endpoint_take(struct endpoint *ep, int64_t now_us, int64_t *again_us)
{
    bool taken = false;

    pthread_mutex_lock(&ep->mutex);
    if (now_us < ep->pause_until_us) {
        *again_us = ep->pause_until_us;
    } else if (ep->running >= ep->limit ||
               (ep->outage && ep->running > 0 && now_us - ep->probed_us < probe_us)) {
        *again_us = now_us + look_again_us;
    } else {
        ep->running++;
        ep->probed_us = now_us;
        taken = true;
    }
    pthread_mutex_unlock(&ep->mutex);
    return taken;
}

/* Up to a tenth more, so that replicas that were told the same do not come back together. */
static int64_t jittered(struct endpoint *ep, int64_t us)
{
    ep->random ^= ep->random << 13;
    ep->random ^= ep->random >> 7;
    ep->random ^= ep->random << 17;
    return us + (int64_t)(ep->random % ((uint64_t)us / 10 + 1));
}

static void pause_for(struct endpoint *ep, int64_t us, int64_t now_us)
{
    int64_t until = now_us + jittered(ep, us);

    if (until > ep->pause_until_us)
        ep->pause_until_us = until;
}

/* A call that began before the burst was noticed tells nothing new. */
static bool begins_burst(struct endpoint *ep, int64_t started_us, int64_t now_us)
{
    if (started_us < ep->burst_us)
        return false;
    ep->burst_us = now_us;
    ep->bursts++;
    return true;
}

static int64_t doubled(int64_t base_us, int times, int64_t max_us)
{
    int64_t us = base_us << (times > 10 ? 10 : times);

    return us < max_us ? us : max_us;
}

static void note_busy(struct endpoint *ep, const struct verdict *v, int64_t started_us,
                      int64_t now_us)
{
    bool serving = ep->answers != ep->answers_at_burst;

    if (ep->busy_us == 0)
        ep->busy_us = now_us;
    if (!begins_burst(ep, started_us, now_us)) {
        if (v->pause_us > 0)
            pause_for(ep, v->pause_us, now_us);
        return;
    }
    /* A server that refuses some and serves others needs fewer at a time, not a long pause. */
    double at_once = ep->running + 1;
    ep->limit = at_once * 0.75 > 1 ? at_once * 0.75 : 1;
    ep->answers_at_burst = ep->answers;
    if (v->pause_us >= 0)
        pause_for(ep, v->pause_us, now_us);
    else
        pause_for(ep, serving ? 50000 : doubled(500000, ep->bursts - 1, 30000000), now_us);
}

static void count_fault(struct endpoint *ep, int64_t now_us)
{
    if (ep->faults++ == 0)
        ep->streak_us = now_us;
}

static void note_line(struct endpoint *ep, int64_t started_us, int64_t now_us)
{
    if (!begins_burst(ep, started_us, now_us))
        return;
    ep->outage = true;
    count_fault(ep, now_us);
    pause_for(ep, doubled(100000, ep->bursts - 1, 5000000), now_us);
}

static void note_answer(struct endpoint *ep, bool good)
{
    ep->answers++;
    ep->faults = ep->bursts = 0;
    ep->busy_us = 0;
    ep->outage = false;
    if (good && ep->limit < 1e6)
        ep->limit += 1 / ep->limit;
}

static void stop_locked(struct endpoint *ep, const char *what, const char *cause)
{
    if (atomic_load(&ep->stopped))
        return;
    int n = snprintf(ep->sentence, sizeof(ep->sentence), "%.60s: ", ep->settings.name);
    n += snprintf(ep->sentence + n, sizeof(ep->sentence) - (size_t)n, "%.80s", what);
    snprintf(ep->sentence + n, sizeof(ep->sentence) - (size_t)n, "%s", cause);
    verdict_clean(ep->sentence);
    atomic_store(&ep->stopped, true);
}

static void stop_if_hopeless(struct endpoint *ep, const struct verdict *v, int64_t now_us)
{
    char what[80];
    int64_t streak_s = (now_us - ep->streak_us) / 1000000;

    if (ep->faults > 0 && ep->faults >= ep->settings.stop_after)
        snprintf(what, sizeof(what), "%d calls in a row failed, the last with ", ep->faults);
    else if (v->fault == FAULT_LINE && ep->faults > 1 && streak_s >= ENDPOINT_OUTAGE_S)
        snprintf(what, sizeof(what), "out of reach for %d seconds, the last call ended with ",
                 (int)streak_s);
    else if (ep->busy_us != 0 && (now_us - ep->busy_us) / 1000000 >= ENDPOINT_BUSY_S)
        snprintf(what, sizeof(what), "nothing but refusals for %d minutes, the last was ",
                 ENDPOINT_BUSY_S / 60);
    else
        return;
    stop_locked(ep, what, v->detail);
}

void endpoint_give(struct endpoint *ep, const struct verdict *v, int64_t started_us, int64_t now_us)
{
    pthread_mutex_lock(&ep->mutex);
    ep->running--;
    if (v->kind == VERDICT_STOP)
        stop_locked(ep, "", v->detail);
    else if (v->fault == FAULT_BUSY)
        note_busy(ep, v, started_us, now_us);
    else if (v->fault == FAULT_LINE)
        note_line(ep, started_us, now_us);
    else if (v->fault == FAULT_CALL)
        count_fault(ep, now_us);
    else if (v->kind != VERDICT_RETURNED)
        note_answer(ep, v->kind == VERDICT_OK);
    if (v->fault != FAULT_NONE)
        stop_if_hopeless(ep, v, now_us);
    pthread_mutex_unlock(&ep->mutex);
}

void endpoint_stop(struct endpoint *ep, const char *cause)
{
    pthread_mutex_lock(&ep->mutex);
    stop_locked(ep, "", cause);
    pthread_mutex_unlock(&ep->mutex);
}

bool endpoint_stopped(struct endpoint *ep, char reason[200])
{
    if (!atomic_load(&ep->stopped))
        return false;
    if (reason) {
        pthread_mutex_lock(&ep->mutex);
        snprintf(reason, 200, "%s", ep->sentence);
        pthread_mutex_unlock(&ep->mutex);
    }
    return true;
}

void endpoint_reset(struct endpoint *ep)
{
    pthread_mutex_lock(&ep->mutex);
    forget(ep);
    atomic_store(&ep->stopped, false);
    pthread_mutex_unlock(&ep->mutex);
}

uint64_t endpoint_answers(struct endpoint *ep)
{
    pthread_mutex_lock(&ep->mutex);
    uint64_t n = ep->answers;
    pthread_mutex_unlock(&ep->mutex);
    return n;
}

int64_t endpoint_pause_until(struct endpoint *ep)
{
    pthread_mutex_lock(&ep->mutex);
    int64_t us = ep->pause_until_us;
    pthread_mutex_unlock(&ep->mutex);
    return us;
}
