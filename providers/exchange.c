#include "providers/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/hash.h"

enum {
    RAW_MAX = 16384,
    HEADERS_MAX = 65536,
    BODY_KEPT = 1 << 16, /* a larger buffer is given back after its reply */
};

static long status_of(const struct exchange *x)
{
    long status = 0;

    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* A server that does not stream although it was asked to answers in one piece. */
static void tell_form(struct exchange *x)
{
    bool stream = x->job->ops->feed && str_starts(str_of(x->type), STR("text/event-stream")) &&
                  status_of(x) == 200;

    x->form = stream ? BODY_STREAM : BODY_WHOLE;
}

static size_t feed(struct exchange *x, const char *p, size_t n)
{
    enum piece piece = x->job->ops->feed(x->job, (struct str){p, n});

    if (piece == PIECE_TOKEN && x->began_us == 0)
        x->began_us = x->received_us;
    x->cut = piece == PIECE_CUT;
    return x->cut ? CURL_WRITEFUNC_ERROR : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    n *= size;
    x->received_us = clock_us();
    if (x->form == BODY_UNKNOWN)
        tell_form(x);
    if (x->form == BODY_STREAM)
        return feed(x, p, n);
    if (x->began_us == 0)
        x->began_us = x->received_us;
    if (n > x->job->reply_max - x->body.n) {
        x->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buf_add(&x->body, p, n);
    return x->body.failed ? CURL_WRITEFUNC_ERROR : n;
}

static bool keep(struct str name, const char *wanted, struct str value, char *out, size_t size)
{
    if (!str_ieq(name, str_of(wanted)))
        return false;
    if (value.n >= size)
        value.n = size - 1;
    if (value.n > 0)
        memcpy(out, value.p, value.n);
    out[value.n] = 0;
    return true;
}

static void keep_header(struct exchange *x, struct str line)
{
    const char *colon =
        line.n > 0 && strchr("cdrxCDRX", line.p[0]) ? memchr(line.p, ':', line.n) : NULL;

    if (!colon)
        return;
    struct str name = {line.p, (size_t)(colon - line.p)};
    struct str value = str_trim(str_from(line, name.n + 1));
    if (keep(name, "retry-after", value, x->retry_after, sizeof(x->retry_after)) ||
        keep(name, "retry-after-ms", value, x->retry_after_ms, sizeof(x->retry_after_ms)) ||
        keep(name, "date", value, x->date, sizeof(x->date)) ||
        keep(name, "content-encoding", value, x->encoding, sizeof(x->encoding)) ||
        keep(name, "content-type", value, x->type, sizeof(x->type)))
        return;
    rate_header(name, value, x->said);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    n *= size;
    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MAX)
        return 0;
    keep_header(x, (struct str){p, n});
    return n;
}

/* The connection stands, and the request goes out now. */
static int on_sending(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct exchange *x = arg;

    (void)peer, (void)local, (void)peer_port, (void)local_port;
    x->sent = true;
    return CURL_PREREQFUNC_OK;
}

static bool set_route(CURL *c, const struct route *r)
{
    return curl_easy_setopt(c, CURLOPT_URL, r->url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "monoceros") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
}

/* The deadlines are the engine's own: a timer of curl for each call costs more. */
static bool set_connection(CURL *c)
{
    return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 30L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 10L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXLIFETIME_CONN, 600L) == CURLE_OK;
}

static bool set_callbacks(CURL *c, struct exchange *x)
{
    return curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERDATA, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_sending) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PREREQDATA, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PRIVATE, x) == CURLE_OK;
}

struct exchange *exchange_new(const struct route *route, struct wire *w)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->wire = w;
    w->exchanges++;
    rate_said_clear(x->said);
    x->easy = curl_easy_init();
    x->headers = route->headers;
    if (x->easy && set_route(x->easy, route) && set_connection(x->easy) &&
        set_callbacks(x->easy, x))
        return x;
    exchange_free(x);
    return NULL;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    x->wire->exchanges--;
    curl_easy_cleanup(x->easy);
    buf_free(&x->body);
    free(x);
}

/* The list of this sending: one line of ours, then the route's. Sampling is for the caller's side
 * to decide; the flag says that we may have recorded it, in the log. */
static struct curl_slist *traced(struct exchange *x, const struct job *j)
{
    uint8_t span[8];
    char trace_hex[2 * TRACE_BYTES + 1], span_hex[2 * sizeof(span) + 1];

    if (!trace_is_set(j->trace))
        return x->headers;
    random_bytes(span, sizeof(span));
    span[0] |= 1; /* zeros are no span */
    hex_encode(j->trace, TRACE_BYTES, trace_hex);
    hex_encode(span, sizeof(span), span_hex);
    (void)snprintf(x->trace_line, sizeof(x->trace_line), "traceparent: 00-%s-%s-01", trace_hex,
                   span_hex);
    x->trace = (struct curl_slist){.data = x->trace_line, .next = x->headers};
    return &x->trace;
}

int exchange_start(struct exchange *x, struct job *j, const struct permit *permit)
{
    x->job = j;
    x->body.max = j->reply_max;
    x->permit = *permit;
    if (curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, traced(x, j)) != CURLE_OK ||
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, j->body.p) != CURLE_OK ||
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)j->body.n) != CURLE_OK ||
        curl_multi_add_handle(x->wire->multi, x->easy) != CURLM_OK)
        return -1;
    j->exchange = x;
    return 0;
}

void exchange_hide_key(struct exchange *x)
{
    route_hide_key(upstream_get_settings(x->job->lane->upstream)->api_key, x->body.p, x->body.n);
}

static void judge_transfer(const struct exchange *x, CURLcode code, struct verdict *v)
{
    struct transfer_view t = {
        .code = code,
        .error = x->error,
        .sent = x->sent,
        .answered = x->header_bytes + x->body.n > 0,
        .too_large = x->too_large,
    };

    verdict_of_transfer(&t, v);
}

static void judge_status(struct exchange *x, int status, struct verdict *v)
{
    struct job *j = x->job;
    struct reply_view r = {
        .status = status,
        .body = buf_str(&x->body),
        .retry_after = str_of(x->retry_after),
        .retry_after_ms = str_of(x->retry_after_ms),
        .date = str_of(x->date),
    };

    x->refused = true;
    verdict_of_status(&r, time(NULL), v);
    if (j->ops->refused)
        j->ops->refused(j, x->permit.endpoint, status, r.body, v);
}

void exchange_judge(struct exchange *x, CURLcode code, struct verdict *v)
{
    struct job *j = x->job;
    struct str body = buf_str(&x->body);
    int status = (int)status_of(x);

    *v = (struct verdict){.pause_us = -1};
    exchange_hide_key(x);
    if (code != CURLE_OK && !x->cut)
        judge_transfer(x, code, v);
    else if (status != 200)
        judge_status(x, status, v);
    else if (x->encoding[0] && !str_ieq(str_of(x->encoding), STR("identity")))
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply",
                    "the reply is encoded, which was not asked for");
    else if (body.n == 0 && x->form != BODY_STREAM) /* headers cut off look like this, too */
        verdict_of_garbage(body, "", v);
    else {
        x->served = true;
        j->ops->judge(j, x->permit.endpoint, body, v);
    }
}

struct str exchange_raw(const struct exchange *x)
{
    return (struct str){x->body.p, x->body.n < RAW_MAX ? x->body.n : RAW_MAX};
}

void exchange_clear(struct exchange *x)
{
    x->job = NULL;
    x->received_us = x->began_us = 0;
    x->header_bytes = 0;
    x->sent = x->too_large = x->cut = x->served = x->refused = false;
    x->form = BODY_UNKNOWN;
    rate_said_clear(x->said);
    x->retry_after[0] = x->retry_after_ms[0] = x->date[0] = x->encoding[0] = 0;
    x->type[0] = x->error[0] = 0;
    if (x->body.cap > BODY_KEPT)
        buf_free(&x->body);
    else
        buf_reset(&x->body);
}
