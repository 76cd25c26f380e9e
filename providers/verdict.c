#include "providers/verdict.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "providers/retry.h"
#include "server/base/text.h"
#include "server/json/decode.h"

/* Words are looked for in the head of an error body only: the rest may echo the prompt. */
enum { WORDS_WITHIN = 2048, ERROR_NODES_MAX = 1000 };

static const char *const quota_words[] = {
    "insufficient_quota",
    "exceeded your current quota",
    "quota exceeded",
    "billing",
    "credit balance",
    "insufficient balance",
    "insufficient credits",
    "out of credits",
    NULL,
};
static const char *const overload_words[] = {
    "queue is full", "queue full", "overloaded", "server busy", "rate_limit_exceeded", NULL,
};
static const char *const filter_words[] = {
    "content_filter", "content_policy", "content management policy", "moderation", NULL,
};
static const char *const model_words[] = {
    "model_not_found", "unknown model", "model not found", "model does not exist", NULL,
};
static const char *const key_words[] = {
    "invalid_api_key", "api key not valid", "incorrect api key", "authentication_error", NULL,
};

/* Bytes below space and DEL become spaces; a character cut by the size is dropped whole. */
void verdict_clean(char *z)
{
    size_t n = strlen(z);
    size_t bad = 0;

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] < 0x20 || z[i] == 0x7f)
            z[i] = ' ';
    while (n > 0 && !text_is_valid((struct str){z, n}, &bad)) {
        if (n - bad <= 3) { /* cut by the size */
            z[bad] = 0;
            n = bad;
        } else {
            z[bad] = '?';
        }
    }
}

void verdict_set(struct verdict *v, enum verdict_kind kind, enum verdict_fault fault,
                 const char *reason, const char *fmt, ...)
{
    va_list args;

    v->kind = kind;
    v->fault = fault;
    v->pause_us = -1;
    snprintf(v->reason, sizeof(v->reason), "%s", reason);
    va_start(args, fmt);
    vsnprintf(v->detail, sizeof(v->detail), fmt, args);
    va_end(args);
    verdict_clean(v->detail);
}

bool verdict_mentions(struct str body, size_t within, const char *const *words)
{
    if (body.n > within)
        body.n = within;
    for (; *words; words++)
        if (str_ifind(body, str_of(*words)) >= 0)
            return true;
    return false;
}

static bool says(struct str body, const char *const *words)
{
    return verdict_mentions(body, WORDS_WITHIN, words);
}

static const char *message_in(const json_t *value)
{
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_string(value))
        return json_string_value(value);
    if (!json_is_object(value))
        return NULL;
    static const char *const keys[] = {"message", "msg", "error", "detail"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const char *text = json_string_value(json_object_get(value, keys[i]));
        if (text)
            return text;
    }
    return NULL;
}

static const char *message_of(const json_t *root)
{
    const char *text = message_in(json_object_get(root, "error"));

    if (!text)
        text = message_in(json_object_get(root, "detail"));
    return text ? text : message_in(root);
}

void verdict_message(struct str body, char *out, size_t size)
{
    struct str raw = str_trim(body);
    json_t *root = NULL;
    const char *text = NULL;
    struct err e = {0};

    if (raw.n > 0 && raw.p[0] == '{' && json_scan(raw, ERROR_NODES_MAX, &e) == 0)
        root = json_loadb(raw.p, raw.n, JSON_REJECT_DUPLICATES, NULL);
    if (root)
        text = message_of(root);
    if (text)
        raw = str_trim(str_of(text));
    size_t n = raw.n < size - 1 ? raw.n : size - 1;
    if (n > 0)
        memcpy(out, raw.p, n);
    for (size_t i = 0; i < n; i++)
        if (out[i] == 0)
            out[i] = ' ';
    out[n] = 0;
    verdict_clean(out);
    json_decref(root);
}

static int64_t pause_asked(const struct reply_view *r, time_t now)
{
    int64_t ms;

    if (str_to_i64(str_trim(r->retry_after_ms), 0, 1000LL * 86400, &ms))
        return retry_capped_us((double)ms / 1e3);
    int64_t us = retry_after_us(r->retry_after, r->date, now);
    return us >= 0 ? us : retry_prose_us(r->body);
}

struct rule {
    int status;
    enum verdict_kind kind;
    enum verdict_fault fault;
    const char *advice; /* ends the sentence of a stop */
    const char *reason; /* NULL: http_<status> */
};

static const struct rule rules[] = {
    {401, VERDICT_STOP, FAULT_NONE, ": check the API key", NULL},
    {402, VERDICT_STOP, FAULT_NONE, ": check the account's quota", NULL},
    {403, VERDICT_STOP, FAULT_NONE, ": check the API key and its rights", NULL},
    {404, VERDICT_STOP, FAULT_NONE, ": check the URL and the model's name", NULL},
    {405, VERDICT_STOP, FAULT_NONE, ": check the URL", NULL},
    {410, VERDICT_STOP, FAULT_NONE, ": check the URL and the model's name", NULL},
    {501, VERDICT_STOP, FAULT_NONE, ": the server does not offer this operation", NULL},
    {408, VERDICT_AGAIN, FAULT_CALL, "", NULL},
    {409, VERDICT_AGAIN, FAULT_CALL, "", NULL},
    {424, VERDICT_AGAIN, FAULT_CALL, "", NULL},
    {425, VERDICT_AGAIN, FAULT_CALL, "", NULL},
    {429, VERDICT_WAIT, FAULT_BUSY, "", NULL},
    {502, VERDICT_WAIT, FAULT_LINE, "",
     NULL}, /* a gateway that does not reach the server behind it */
    {503, VERDICT_WAIT, FAULT_BUSY, "", NULL},
    {529, VERDICT_WAIT, FAULT_BUSY, "", NULL},
};

static struct rule rule_of(int status)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (rules[i].status == status)
            return rules[i];
    if (status >= 300 && status < 400)
        return (struct rule){status, VERDICT_STOP, FAULT_NONE,
                             ": redirects are not followed, check the URL", NULL};
    if (status >= 400 && status < 500)
        return (struct rule){status, VERDICT_ROW, FAULT_NONE, "", NULL};
    return (struct rule){status, VERDICT_AGAIN, FAULT_CALL, "", NULL};
}

/* Words in the body say more than the status: servers disagree on the codes. */
static struct rule rule_by_words(struct rule rule, struct str body)
{
    int s = rule.status;

    if (s == 401 || s < 400)
        return rule;
    if ((s == 400 || s == 403 || s == 422) && says(body, filter_words))
        return (struct rule){s, VERDICT_ROW, FAULT_NONE, "", "content_filter"};
    if ((s == 403 || s == 429) && says(body, quota_words))
        return (struct rule){402, VERDICT_STOP, FAULT_NONE, ": check the account's quota", NULL};
    if ((s == 400 || s == 422) && says(body, model_words))
        return rule_of(404);
    if (s == 400 && says(body, key_words))
        return rule_of(401);
    if ((s == 400 || s == 500) && says(body, overload_words))
        return rule_of(503);
    return rule;
}

static void verdict_by_rule(const struct reply_view *r, struct rule rule, struct verdict *v)
{
    char message[120], reason[24];

    verdict_message(r->body, message, sizeof(message));
    snprintf(reason, sizeof(reason), "http_%d", r->status);
    verdict_set(v, rule.kind, rule.fault, rule.reason ? rule.reason : reason, "HTTP %d%s%s%s",
                r->status, message[0] ? ": " : "", message, rule.advice);
}

void verdict_of_status(const struct reply_view *r, time_t now, struct verdict *v)
{
    if (r->status >= 200 && r->status < 300) {
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply",
                    "HTTP %d where 200 and a body were expected", r->status);
        return;
    }
    verdict_by_rule(r, rule_by_words(rule_of(r->status), r->body), v);
    if (v->kind == VERDICT_WAIT)
        v->pause_us = pause_asked(r, now);
}

static bool is_line_code(int code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_GOT_NOTHING ||
           code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE;
}

static bool is_setup_code(int code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM ||
           code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CIPHER;
}

void verdict_of_transfer(const struct transfer_view *t, struct verdict *v)
{
    const char *why = t->error && t->error[0] ? t->error : curl_easy_strerror(t->code);
    int code = (int)t->code;

    if (t->too_large)
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "too_large", "the reply exceeds its bound");
    else if (is_setup_code(code))
        verdict_set(v, VERDICT_STOP, FAULT_NONE, "unreachable",
                    "%s: check the URL and the certificate", why);
    else if (code == CURLE_OPERATION_TIMEDOUT && t->sent)
        verdict_set(v, VERDICT_AGAIN, FAULT_SLOW, "timeout", "%s", why);
    else if (is_line_code(code) && t->answered)
        verdict_set(v, VERDICT_AGAIN, FAULT_LINE, "reset", "the reply was cut short: %s", why);
    else if (is_line_code(code) || code == CURLE_OPERATION_TIMEDOUT)
        verdict_set(v, VERDICT_WAIT, FAULT_LINE, t->sent ? "reset" : "unreachable", "%s", why);
    else
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply", "%s", why);
}

static int status_in(const json_t *error)
{
    const json_t *code = json_object_get(error, "code");
    int64_t number = json_is_integer(code) ? (int64_t)json_integer_value(code) : 0;

    if (json_is_string(code))
        str_to_i64(str_of(json_string_value(code)), 0, 999, &number);
    return number >= 400 && number < 600 ? (int)number : 0;
}

bool verdict_of_error(const json_t *root, struct verdict *v)
{
    const json_t *error = json_object_get(root, "error");
    const char *object = json_string_value(json_object_get(root, "object"));

    if (object && strcmp(object, "error") == 0)
        error = root;
    if (!error || json_is_null(error) || json_is_false(error))
        return false;
    char *text = json_dumps(root, JSON_COMPACT);
    int status = status_in(error);
    if (status == 0)
        status = says(str_of(text), quota_words) ? 429 : 500;
    struct reply_view view = {.status = status, .body = str_of(text)};
    verdict_of_status(&view, 0, v);
    if (v->kind == VERDICT_AGAIN)
        snprintf(v->reason, sizeof(v->reason), "server_error");
    free(text);
    return true;
}

void verdict_of_garbage(struct str body, const char *why, struct verdict *v)
{
    if (body.n == 0)
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply", "the reply has no body");
    else if (!text_is_valid(body, NULL) || str_find(body, STR("\\u0000")) >= 0)
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "invalid_utf8",
                    "the reply is not UTF-8 without NUL");
    else
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply", "the reply is not as agreed: %s",
                    why);
}

void verdict_of_odd_body(struct str body, const char *why, struct verdict *v)
{
    struct err e = {0};
    json_t *root = NULL;

    if (json_scan(body, ERROR_NODES_MAX, &e) == 0)
        root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !verdict_of_error(root, v))
        verdict_of_garbage(body, why, v);
    json_decref(root);
}
