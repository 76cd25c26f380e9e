/* One HTTP exchange: a curl easy handle with its reply, kept by a lane and used again. */
#ifndef MONOCEROS_PROVIDERS_EXCHANGE_H
#define MONOCEROS_PROVIDERS_EXCHANGE_H

#include "providers/job.h"

struct exchange {
    CURL *easy;
    struct job *job;
    struct buf body;
    int64_t started_us, received_us; /* received_us: the last byte of the body, 0 before */
    size_t header_bytes;
    bool too_large;
    char retry_after[64], retry_after_ms[32], date[64], encoding[32];
    char error[CURL_ERROR_SIZE];
    struct exchange *next;
};

/* NULL when out of memory. */
struct exchange *exchange_new(const struct endpoint *ep);
void exchange_free(struct exchange *x);
/* Starts j on multi; -1 when curl refuses. */
int exchange_start(struct exchange *x, CURLM *multi, struct job *j, int64_t now_us);
/* What the transfer that ended with `code` means; asks the job when the reply is a whole 200. */
void exchange_judge(struct exchange *x, CURLcode code, struct verdict *v);
/* The reply as it came, at most 16 KiB. */
struct str exchange_raw(const struct exchange *x);
/* Ready for the next job. */
void exchange_clear(struct exchange *x);

#endif
