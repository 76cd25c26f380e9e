/* What one exchange with a model server means for the row that was asked about, and for the
 * server. Pure functions: the rules live here, their bookkeeping in endpoint.c and job.c. */
#ifndef MONOCEROS_PROVIDERS_VERDICT_H
#define MONOCEROS_PROVIDERS_VERDICT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "server/base/str.h"

enum verdict_kind {
    VERDICT_OK,
    VERDICT_WAIT,     /* the endpoint cannot now; the row's attempts are not touched */
    VERDICT_AGAIN,    /* may pass: asked again, up to the row's attempts */
    VERDICT_RESEND,   /* asked again at once in another form; nobody's fault */
    VERDICT_ROW,      /* about this row, and final */
    VERDICT_STOP,     /* about every row: nothing more is to be sent */
    VERDICT_RETURNED, /* undecided: cancelled, or the endpoint stopped meanwhile */
};

/* What the endpoint is held responsible for. */
enum verdict_fault {
    FAULT_NONE,
    FAULT_BUSY, /* overload: a pause, counted once for all calls that met it */
    FAULT_LINE, /* connection: an outage, counted once for all calls that met it */
    FAULT_CALL, /* a broken answer: counted one by one */
    FAULT_SLOW, /* out of time: counted like a broken answer, and a sign of overload */
    FAULT_HANG, /* far beyond what the others take: not waited for any longer */
};

struct verdict {
    enum verdict_kind kind;
    enum verdict_fault fault;
    int64_t pause_us; /* asked for by the server, capped; -1 when not said */
    char reason[24];  /* stable code, empty for VERDICT_OK */
    char detail[200]; /* one sentence without control characters */
};

struct json_t;

/* One HTTP reply as far as the rules look at it. Views may be empty. */
struct reply_view {
    int status;
    struct str body;
    struct str retry_after, retry_after_ms, date, content_encoding;
};

/* How far a transfer came that curl reports as failed. */
struct transfer_view {
    CURLcode code;
    const char *error; /* curl's sentence, may be empty */
    bool sent;         /* connected, so that the request was under way */
    bool answered;     /* at least one byte of the reply came */
    bool too_large;    /* ended here because the reply exceeded its bound */
};

/* Fills v; `fmt` makes the detail, which is cleaned of control characters and cut at a character.
 */
void verdict_set(struct verdict *v, enum verdict_kind kind, enum verdict_fault fault,
                 const char *reason, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Makes a string that was cut anywhere fit to be shown: no control characters, valid UTF-8. */
void verdict_clean(char *z);

/* Every status but 200; `now` is the wall clock, for Retry-After given as a date. */
void verdict_of_status(const struct reply_view *r, time_t now, struct verdict *v);
/* A transfer that did not end in a whole reply. */
void verdict_of_transfer(const struct transfer_view *t, struct verdict *v);
/* A 200 whose body (parsed by jansson) is an error object: true, and v filled, when root is one. */
bool verdict_of_error(const struct json_t *root, struct verdict *v);
/* A 200 that is not the reply agreed on, `why` says how: judged by the error object inside, or as
 * garbage. */
void verdict_of_odd_body(struct str body, const char *why, struct verdict *v);
/* A body with status 200 that is no JSON: v says invalid_reply or invalid_utf8. */
void verdict_of_garbage(struct str body, const char *why, struct verdict *v);

/* Whether one of the words (up to NULL, in any case of letters) stands in the first `within` bytes.
 */
bool verdict_mentions(struct str body, size_t within, const char *const *words);

/* The sentence of an error body, from wherever the server put it; cleaned, cut to `size`. */
void verdict_message(struct str body, char *out, size_t size);

#endif
