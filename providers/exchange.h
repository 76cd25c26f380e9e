/* One HTTP exchange: a curl easy handle with its reply, kept by a lane and used again. */
#ifndef MONOCEROS_PROVIDERS_EXCHANGE_H
#define MONOCEROS_PROVIDERS_EXCHANGE_H

#include <curl/curl.h>

#include "providers/job.h"
#include "providers/wire.h"

struct exchange {
    CURL *easy;
    struct wire *wire;
    struct job *job;
    struct permit permit;
    struct buf body;
    /* The last byte of the body; the first byte, or the first token of a stream; 0 before. */
    int64_t received_us, began_us;
    size_t header_bytes;
    bool sent, too_large, cut;
    bool served, refused; /* the reply is a whole 200, or whole and of another status */
    enum { BODY_UNKNOWN, BODY_WHOLE, BODY_STREAM } form;
    struct rate_said said[RATE_KINDS];
    char retry_after[64], retry_after_ms[32], date[64], encoding[32], type[64];
    /* In front of the headers of the route, when the job belongs to a trace. */
    struct curl_slist *headers, trace;
    char trace_line[80];
    char error[CURL_ERROR_SIZE];
    struct exchange *next;
};

/* For one endpoint, on one wire. NULL when out of memory. */
struct exchange *exchange_new(const struct route *route, struct wire *w);
void exchange_free(struct exchange *x);
/* Starts j; -1 when curl refuses. The permit is that of the exchange's endpoint. */
int exchange_start(struct exchange *x, struct job *j, const struct permit *permit);
/* What the transfer that ended with `code` means; asks the job when the reply is a whole 200. */
void exchange_judge(struct exchange *x, CURLcode code, struct verdict *v);
/* A server may echo the key in an error: nobody is to find it in a stored reply. */
void exchange_hide_key(struct exchange *x);
/* The reply as it came, at most 16 KiB. */
struct str exchange_raw(const struct exchange *x);
/* Ready for the next job. */
void exchange_clear(struct exchange *x);

#endif
