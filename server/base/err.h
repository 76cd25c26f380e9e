/* Errors are values that travel once: set where they are known, never overwritten, reported by
 * exactly one layer. The caller owns the struct, which is the last parameter of what can fail. */
#ifndef MONOCEROS_BASE_ERR_H
#define MONOCEROS_BASE_ERR_H

#include <stdarg.h>

enum err_code {
    ERR_NONE = 0,
    ERR_INTERNAL,           /* 500 */
    ERR_NO_MEMORY,          /* 503 */
    ERR_MALFORMED,          /* 400: not JSON, bad percent-encoding, header-level faults */
    ERR_PARAMETER,          /* 400: unknown or unreadable query parameter, bad page_token */
    ERR_VALIDATION,         /* 422: a readable value that is outside what is documented */
    ERR_UNAUTHENTICATED,    /* 401: no key, or none that is good */
    ERR_FORBIDDEN,          /* 403: the key may not */
    ERR_RATE_LIMITED,       /* 429: the limit of a key, or of bad keys */
    ERR_NOT_FOUND,          /* 404 */
    ERR_METHOD,             /* 405 */
    ERR_CONFLICT,           /* 409 */
    ERR_TRANSFER_NOT_READY, /* 409 */
    ERR_TOO_FEW_VECTORS,    /* 409 */
    ERR_OFFLINE_ROWS_MIXED, /* 409 */
    ERR_NOTHING_TO_EXPORT,  /* 409 */
    ERR_KEY_IN_FLIGHT,      /* 409: the first request with an Idempotency-Key is under way */
    ERR_KEY_REUSED,         /* 422: an Idempotency-Key came with another body before */
    ERR_PRECONDITION,       /* 412: If-Match or If-None-Match */
    ERR_RANGE,              /* 416 */
    ERR_TOO_LARGE,          /* 413 */
    ERR_URI_TOO_LONG,       /* 414 */
    ERR_MEDIA_TYPE,         /* 415 */
    ERR_IMPORT_BROKEN,      /* 422: the stream broke; what came before is kept */
    ERR_UNAVAILABLE,        /* 503: database out of reach, draining, queue full */
    ERR_PROVIDER,           /* 502: a model server failed a synchronous request */
    ERR_COUNT
};

enum { ERR_FIELDS_MAX = 8 };

/* One bad field: an RFC 6901 pointer into the body, or "?name" for a query parameter. */
struct err_field {
    char pointer[120];
    char detail[160];
};

struct err {
    enum err_code code;
    int retry_after; /* seconds, 0 when not said */
    char msg[300];
    int n_fields;
    struct err_field fields[ERR_FIELDS_MAX];
};

/* Sets code and sentence unless e already holds an error; returns -1 for `return err_set(…)`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds one bad field and makes the error ERR_VALIDATION; fields after the eighth are counted in
 * the sentence only. Returns -1. */
int err_field(struct err *e, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void err_clear(struct err *e);

#endif
