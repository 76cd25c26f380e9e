/* What is kept of a request that is over: a log line and the metrics. */
#include <pthread.h>
#include <stdio.h>

#include "handlers/operation.h"
#include "handlers/routes.h"
#include "server/base/log.h"
#include "server/base/metrics.h"

/* Labels must be static, so all that can occur are made once. */
enum { ROUTES_MAX = 96, CLASSES = 6, SLOTS = ROUTES_MAX + 1 };
static char request_labels[SLOTS][CLASSES][96];
static char operation_labels[SLOTS][64];
static pthread_once_t labels_once = PTHREAD_ONCE_INIT;

static const char *slot_name(size_t slot)
{
    return slot < n_routes ? routes[slot].operation_id : "none";
}

static void make_labels(void)
{
    for (size_t slot = 0; slot < SLOTS; slot++) {
        (void)snprintf(operation_labels[slot], sizeof(operation_labels[slot]), "operation=\"%s\"",
                       slot_name(slot));
        for (int class = 0; class < CLASSES; class ++)
            (void)snprintf(request_labels[slot][class], sizeof(request_labels[slot][class]),
                           "operation=\"%s\",status=\"%dxx\"", slot_name(slot), class);
    }
}

static enum log_level level_of(const struct req *q)
{
    if (q->res.status >= 500)
        return LOG_WARN;
    bool probe =
        q->route && (str_starts(q->path, STR("/healthz")) || str_starts(q->path, STR("/readyz")) ||
                     str_starts(q->path, STR("/metrics")));
    return probe ? LOG_DEBUG : LOG_INFO;
}

static const char *method_name(enum http_method m)
{
    static const char *const names[HTTP_METHOD_COUNT] = {
        [HTTP_GET] = "GET", [HTTP_PUT] = "PUT", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
    return m < HTTP_METHOD_COUNT ? names[m] : "other";
}

void observe_request(const struct req *q, int64_t duration_us)
{
    size_t slot = SLOTS - 1;
    if (q->route && q->route >= routes && q->route < routes + n_routes)
        slot = (size_t)(q->route - routes);
    int class = q->res.status >= 100 && q->res.status < 600 ? q->res.status / 100 : 0;
    (void)pthread_once(&labels_once, make_labels);
    metric_add(METRIC_HTTP_REQUESTS, request_labels[slot][class], 1);
    metric_observe(METRIC_HTTP_DURATION, operation_labels[slot], (double)duration_us / 1e6);
    struct str path = {q->path.p, q->path.n < 200 ? q->path.n : 200};
    struct str why = {q->err.msg, strnlen(q->err.msg, sizeof(q->err.msg))};
    const struct log_field fields[] = {
        log_z("request_id", q->request_id),      log_z("operation", slot_name(slot)),
        log_z("method", method_name(q->method)), log_s("path", path),
        log_i("status", q->res.status),          log_i("bytes", (int64_t)q->res.body.n),
        log_i("duration_us", duration_us)};
    enum { ALWAYS = sizeof(fields) / sizeof(fields[0]) };
    struct log_field all[ALWAYS + 2];
    int n = ALWAYS;
    memcpy(all, fields, sizeof(fields));
    if (op_state(q) && op_state(q)->caller.key)
        all[n++] = log_z("key", op_state(q)->caller.key);
    if (why.n)
        all[n++] = log_s("error", why);
    log_write(level_of(q), "request", all, n);
}

void observe_fault(const char *event, const char *detail)
{
    /* What the HTTP library says is about clients, who may leave whenever they like. */
    enum log_level level = strcmp(event, "http_library") == 0 ? LOG_INFO : LOG_ERROR;
    log_event(level, event, log_z("detail", detail));
}
