/* Structured logs: one line an event, on standard error. Values from outside are escaped; the
 * thread's context (request, run, task) is added to every line. Only server/, work/ and the request
 * log write here; everything below returns errors instead. */
#ifndef MONOCEROS_BASE_LOG_H
#define MONOCEROS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* One member of a line; made by the functions below. */
struct log_field {
    const char *key;
    struct str text; /* unset: number is meant */
    int64_t number;
};

static inline struct log_field log_s(const char *key, struct str text)
{
    return (struct log_field){key, text.p ? text : (struct str){"", 0}, 0};
}
static inline struct log_field log_z(const char *key, const char *text)
{
    return log_s(key, str_of(text));
}
static inline struct log_field log_i(const char *key, int64_t number)
{
    return (struct log_field){key, {0, 0}, number};
}

void log_setup(enum log_level level, bool json);
void log_write(enum log_level level, const char *event, const struct log_field *fields, int n);
/* log_event(LOG_INFO, "run_started", log_z("run", id), log_i("seeds", n)); */
#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              (int)(sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)))

/* Context of this thread until changed; NULL clears. Copied. */
void log_context(const char *request_id, const char *run, const char *task);

#endif
