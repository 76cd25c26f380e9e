/* The header section. libmicrohttpd 0.9.75 lets through much that HTTP forbids and that other
 * parsers read differently (request smuggling), so that everything visible is checked again. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "server/base/hash.h"
#include "server/http/internal.h"

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* The names that we read, each with where its value goes and how often it was there. */
static void keep(struct request_head *h, struct str name, struct str value)
{
    const struct {
        struct str name;
        struct str *value;
        int *count;
    } rows[] = {
        {STR("Host"), &h->host, &h->hosts},
        {STR("Content-Length"), &h->content_length, &h->lengths},
        {STR("Transfer-Encoding"), &h->transfer_encoding, &h->encodings_transfer},
        {STR("Content-Type"), &h->content_type, &h->types},
        {STR("Content-Encoding"), &h->content_encoding, &h->encodings_content},
        {STR("Authorization"), NULL, &h->authorizations},
        {STR("X-API-Key"), NULL, &h->api_keys},
        {STR("Idempotency-Key"), NULL, &h->idempotency_keys},
        {STR("Accept-Encoding"), &h->accept_encoding, NULL},
        {STR("Origin"), &h->origin, NULL},
        {STR("Access-Control-Request-Method"), &h->preflight, NULL},
        {STR("Expect"), &h->expectation, NULL},
        {STR("traceparent"), &h->traceparent, &h->traces},
        {STR("If-Match"), &h->if_match, &h->conditions},
        {STR("If-None-Match"), &h->if_none_match, &h->conditions_none},
        {STR("If-Modified-Since"), &h->if_modified_since, NULL},
        {STR("If-Unmodified-Since"), &h->if_unmodified_since, NULL},
        {STR("Range"), &h->range, &h->ranges},
        {STR("If-Range"), &h->if_range, &h->if_ranges},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (str_ieq(name, rows[i].name)) {
            if (rows[i].value)
                *rows[i].value = value;
            if (rows[i].count)
                ++*rows[i].count;
            return;
        }
}

/* libmicrohttpd puts NULs where a line's colon and CRLF were and hands out pointers into that very
 * buffer. A line that does not start right behind the CRLF of the one before it was folded, ended
 * by a bare LF, or has a NUL in it; then what libmicrohttpd made of it cannot be trusted. (In
 * 0.9.75 a folded line is appended to the *name* of its header.) */
static bool follows(struct request_head *h, struct str name, struct str value)
{
    if (!h->next_line)
        return true;
    if (name.p != h->next_line || value.p <= name.p + name.n)
        return false;
    const char *end = value.p + value.n;
    h->next_line = end + 2;
    return end[0] == '\0' && end[1] == '\0';
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    struct request_head *h = cls;
    struct str name = {key, key_size};
    struct str text = {value ? value : "", value ? value_size : 0};
    h->n++;
    if (!follows(h, name, text)) {
        h->torn = true;
        return MHD_NO;
    }
    if (!is_token(name) || !is_text(text))
        h->fault = true;
    else
        keep(h, name, str_trim(text));
    return h->n <= REQUEST_HEADERS_MAX ? MHD_YES : MHD_NO;
}

/* Where the first header must be, or NULL in versions that keep lines otherwise: those from 1.0 on
 * are strict themselves. */
static const char *first_line(struct http_conn *c, const struct request_line *l)
{
    if (strncmp(MHD_get_version(), "0.9.75", 6) != 0)
        return NULL;
    c->head.torn =
        l->url != l->method + strlen(l->method) + 1 || l->version != l->url + c->uri_bytes + 1;
    return l->version + strlen(l->version) + 2;
}

/* The section must end with an empty line right behind the last header: 0.9.75 also takes a line
 * with an empty name for its end. */
static void check_last_line(struct http_conn *c, const struct request_line *l)
{
    struct request_head *h = &c->head;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (h->next_line && !h->torn)
        h->torn = !info || h->next_line + 2 != l->method + info->header_size ||
                  h->next_line[0] != '\0' || h->next_line[1] != '\0';
}

void head_read(struct http_conn *c, const struct request_line *l)
{
    struct request_head *h = &c->head;
    *h = (struct request_head){0};
    h->next_line = first_line(c, l);
    if (!h->torn)
        (void)MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, on_header, h);
    if (h->n <= REQUEST_HEADERS_MAX)
        check_last_line(c, l);
    h->chunked = h->encodings_transfer == 1 && str_ieq(h->transfer_encoding, STR("chunked"));
    int64_t length = 0;
    /* libmicrohttpd has checked that it is a number below 2^64. */
    if (h->lengths == 1)
        h->length =
            str_to_i64(h->content_length, 0, INT64_MAX, &length) ? (uint64_t)length : UINT64_MAX;
    h->has_body = h->length > 0 || h->encodings_transfer > 0;
    h->expect = h->expectation.n > 0;
}

static bool is_port(struct str text)
{
    int64_t port;
    if (text.n == 0)
        return true;
    return text.p[0] == ':' && (text.n == 1 || str_to_i64(str_from(text, 1), 0, 65535, &port));
}

/* host or [address], with an optional port; what a name or an address cannot contain is refused. */
static bool is_host(struct str host)
{
    if (host.n == 0 || host.n > 255 + 6)
        return false;
    bool bracketed = host.p[0] == '[';
    size_t end = 0;
    while (end < host.n && host.p[end] != (bracketed ? ']' : ':')) {
        char c = host.p[end];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("-._~%!$&'()*+,;=", c)) &&
            !(bracketed && (c == ':' || end == 0)))
            return false;
        end++;
    }
    if (end == 0 || (bracketed && (end < 3 || end == host.n)))
        return false;
    return is_port(str_from(host, end + bracketed));
}

static const char *framing_fault(const struct request_head *h, bool is_1_1)
{
    if (h->lengths > 1)
        return "more than one Content-Length";
    if (h->lengths && h->encodings_transfer)
        return "both Content-Length and Transfer-Encoding";
    if (h->encodings_transfer && !h->chunked)
        return "the only transfer coding is chunked";
    if (h->encodings_transfer && !is_1_1)
        return "a transfer coding needs HTTP/1.1";
    if (h->types > 1 || h->encodings_content > 1)
        return "more than one Content-Type or Content-Encoding";
    if (h->authorizations > 1 || h->api_keys > 1)
        return "more than one Authorization or X-API-Key";
    if (h->idempotency_keys > 1 || h->conditions > 1 || h->conditions_none > 1)
        return "more than one Idempotency-Key, If-Match or If-None-Match";
    return NULL;
}

static const char *header_fault(const struct request_head *h, const char *version)
{
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    if (!is_1_1 && strcmp(version, "HTTP/1.0") != 0)
        return "the version must be HTTP/1.1 or HTTP/1.0";
    if (h->torn)
        return "a line is folded, ends without CRLF, has no name or has a NUL or extra spaces";
    if (h->fault)
        return "a header has a bad name or a control character in its value";
    if (h->n > REQUEST_HEADERS_MAX)
        return "too many headers";
    if (h->hosts > 1 || (is_1_1 && h->hosts == 0))
        return "exactly one Host is needed";
    if (h->hosts && !is_host(h->host))
        return "Host is not a host";
    if (h->expect && !str_ieq(h->expectation, STR("100-continue")))
        return "the only expectation is 100-continue";
    return framing_fault(h, is_1_1);
}

int head_check(struct http_conn *c, const char *version)
{
    const char *fault = header_fault(&c->head, version);
    return fault ? err_set(&c->q.err, ERR_MALFORMED, "%s", fault) : 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* W3C Trace Context: version-traceid-parentid-flags in lower-case hex. */
static bool read_traceparent(struct str s, uint8_t trace[16], uint8_t *flags)
{
    uint8_t version, parent[8];
    if (s.n < 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    for (size_t i = 0; i < 55; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'F')
            return false;
    if (!hex_decode((struct str){s.p, 2}, &version, 1) || version == 0xff ||
        (s.n > 55 && (version == 0 || s.p[55] != '-')))
        return false;
    return hex_decode((struct str){s.p + 3, 32}, trace, 16) && !is_zero(trace, 16) &&
           hex_decode((struct str){s.p + 36, 16}, parent, 8) && !is_zero(parent, 8) &&
           hex_decode((struct str){s.p + 53, 2}, flags, 1);
}

void head_trace(struct http_conn *c)
{
    uint8_t random[24], trace[16], flags = 0;
    worker_random(c->worker, random, sizeof(random));
    if (c->head.traces != 1 || !read_traceparent(c->head.traceparent, trace, &flags)) {
        memcpy(trace, random, sizeof(trace));
        flags = 0;
    }
    char span[17], flags_hex[3];
    hex_encode(trace, sizeof(trace), c->q.request_id);
    hex_encode(random + 16, 8, span);
    hex_encode(&flags, 1, flags_hex);
    char *t = c->q.traceparent;
    memcpy(t, "00-", 3);
    memcpy(t + 3, c->q.request_id, 32);
    t[35] = '-';
    memcpy(t + 36, span, 16);
    t[52] = '-';
    memcpy(t + 53, flags_hex, 3);
}

void head_client(struct http_conn *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[HTTP_CLIENT_BYTES] = "";
    static const char mapped[] = "::ffff:"; /* an IPv4 address at a listener for both */
    if (info && info->client_addr && info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, info->client_addr, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    } else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, info->client_addr, sizeof(in));
        (void)inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
    }
    bool is_mapped = strncmp(text, mapped, sizeof(mapped) - 1) == 0 && strchr(text, '.');
    (void)snprintf(c->q.client, sizeof(c->q.client), "%s",
                   is_mapped ? text + sizeof(mapped) - 1 : text);
}

struct str req_header(const struct req *q, const char *name)
{
    const char *value = NULL;
    size_t n = 0;
    if (MHD_lookup_connection_value_n(q->conn->mhd, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &n) == MHD_NO ||
        !value)
        return (struct str){NULL, 0};
    return str_trim((struct str){value, n});
}
