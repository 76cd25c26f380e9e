#include "providers/exchange.h"

#include <stdlib.h>

#include "server/base/clock.h"

enum {
    RAW_MAX = 16384,
    HEADERS_MAX = 65536,
    BODY_KEPT = 1 << 20, /* a larger buffer is given back after its reply */
    KEY_SHORTEST = 8,    /* shorter ones are not looked for in replies: they would hit words */
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    n *= size;
    if (n > x->job->reply_max - x->body.n) {
        x->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buf_add(&x->body, p, n);
    x->received_us = clock_us();
    return x->body.failed ? CURL_WRITEFUNC_ERROR : n;
}

static void keep_header(struct str line, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    if (line.n <= n || line.p[n] != ':' || !str_ieq((struct str){line.p, n}, str_of(name)))
        return;
    struct str value = str_trim(str_from(line, n + 1));
    if (value.n >= size)
        value.n = size - 1;
    memcpy(out, value.p, value.n);
    out[value.n] = 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct str line = {p, n *= size};

    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MAX)
        return 0;
    keep_header(line, "retry-after", x->retry_after, sizeof(x->retry_after));
    keep_header(line, "retry-after-ms", x->retry_after_ms, sizeof(x->retry_after_ms));
    keep_header(line, "date", x->date, sizeof(x->date));
    keep_header(line, "content-encoding", x->encoding, sizeof(x->encoding));
    return n;
}

static bool set_route(CURL *c, const struct endpoint *ep)
{
    return curl_easy_setopt(c, CURLOPT_URL, endpoint_url(ep)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, endpoint_headers(ep)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "monoceros") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
}

static bool set_limits(CURL *c, const struct endpoint_settings *s)
{
    return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, s->timeout_s * 1000L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, s->connect_timeout_s * 1000L) ==
               CURLE_OK &&
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
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PRIVATE, x) == CURLE_OK;
}

struct exchange *exchange_new(const struct endpoint *ep)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->easy = curl_easy_init();
    if (x->easy && set_route(x->easy, ep) && set_limits(x->easy, endpoint_get_settings(ep)) &&
        set_callbacks(x->easy, x))
        return x;
    exchange_free(x);
    return NULL;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    curl_easy_cleanup(x->easy);
    buf_free(&x->body);
    free(x);
}

int exchange_start(struct exchange *x, CURLM *multi, struct job *j, int64_t now_us)
{
    x->job = j;
    x->body.max = j->reply_max;
    x->started_us = now_us;
    if (curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, j->body.p) != CURLE_OK ||
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)j->body.n) != CURLE_OK ||
        curl_multi_add_handle(multi, x->easy) != CURLM_OK)
        return -1;
    j->exchange = x;
    return 0;
}

/* A server may echo the key in an error: nobody is to find it in a stored reply. */
static void hide_key(struct exchange *x)
{
    struct str key = str_of(endpoint_get_settings(x->job->lane->endpoint)->api_key);

    if (key.n < KEY_SHORTEST || x->body.n < key.n)
        return;
    char *at = memmem(x->body.p, x->body.n, key.p, key.n);
    while (at) {
        memset(at, '*', key.n);
        at += key.n;
        at = memmem(at, x->body.n - (size_t)(at - x->body.p), key.p, key.n);
    }
}

static void judge_transfer(const struct exchange *x, CURLcode code, struct verdict *v)
{
    curl_off_t sent = 0;

    curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    struct transfer_view t = {
        .code = code,
        .error = x->error,
        .sent = sent > 0,
        .answered = x->header_bytes + x->body.n > 0,
        .too_large = x->too_large,
    };
    verdict_of_transfer(&t, v);
}

void exchange_judge(struct exchange *x, CURLcode code, struct verdict *v)
{
    long status = 0;

    *v = (struct verdict){.pause_us = -1};
    hide_key(x);
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    struct reply_view r = {
        .status = (int)status,
        .body = buf_str(&x->body),
        .retry_after = str_of(x->retry_after),
        .retry_after_ms = str_of(x->retry_after_ms),
        .date = str_of(x->date),
    };
    if (code != CURLE_OK)
        judge_transfer(x, code, v);
    else if (status != 200)
        verdict_of_status(&r, time(NULL), v);
    else if (x->encoding[0] && !str_ieq(str_of(x->encoding), STR("identity")))
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply",
                    "the reply is encoded, which was not asked for");
    else if (x->body.n == 0) /* headers cut off look like this, too */
        verdict_of_garbage(r.body, "", v);
    else
        x->job->ops->judge(x->job, r.body, v);
}

struct str exchange_raw(const struct exchange *x)
{
    return (struct str){x->body.p, x->body.n < RAW_MAX ? x->body.n : RAW_MAX};
}

void exchange_clear(struct exchange *x)
{
    x->job = NULL;
    x->started_us = x->received_us = 0;
    x->header_bytes = 0;
    x->too_large = false;
    x->retry_after[0] = x->retry_after_ms[0] = x->date[0] = x->encoding[0] = x->error[0] = 0;
    if (x->body.cap > BODY_KEPT)
        buf_free(&x->body);
    else
        buf_reset(&x->body);
}
