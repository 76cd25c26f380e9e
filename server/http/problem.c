/* Errors as application/problem+json (RFC 9457): one table from code to status, type and title. */
#include "server/base/text.h"
#include "server/http/internal.h"
#include "server/json/write.h"

static const struct problem problems[ERR_COUNT] = {
    [ERR_NONE] = {500, "internal", "Internal error",
                  "The server met a fault of its own. Its log has an entry with the request id; "
                  "please report it. Trying again does no harm."},
    [ERR_INTERNAL] = {500, "internal", "Internal error",
                      "The server met a fault of its own. Its log has an entry with the request "
                      "id; please report it. Trying again does no harm."},
    [ERR_NO_MEMORY] = {503, "out-of-memory", "Out of memory",
                       "There was no memory for this request or its answer. Ask for less at a "
                       "time, or try again after the seconds in Retry-After."},
    [ERR_MALFORMED] =
        {400, "malformed-request", "Malformed request",
         "The request cannot be read: its headers, its path or its JSON break the rules of HTTP or "
         "JSON. The detail says what and where. Sending it again as it is will not help."},
    [ERR_PARAMETER] = {400, "invalid-parameter", "Invalid parameter",
                       "A query parameter is not known here, stands twice, or is a page token that "
                       "this list did not give out with these filters. `errors` names it."},
    [ERR_VALIDATION] =
        {422, "validation", "Validation failed",
         "The request can be read, but values in it are outside what is documented. `errors` has a "
         "JSON pointer into the body, or `?name` of a query parameter, for each."},
    [ERR_UNAUTHENTICATED] = {401, "unauthenticated", "Key needed",
                             "The server wants a key with this request: as Authorization: Bearer, "
                             "as X-API-Key, or as the password of Basic. The one that came, if "
                             "any, is not known, was revoked or has expired."},
    [ERR_FORBIDDEN] = {403, "forbidden", "Key not sufficient",
                       "The key is good but lacks the scope that the operation needs. Ask whoever "
                       "gave it out for one with that scope."},
    [ERR_RATE_LIMITED] = {429, "rate-limited", "Too many requests",
                          "The key has used up one of its limits, which the detail names, or too "
                          "many bad keys came from the client's address. Nothing has changed; try "
                          "again after the seconds in Retry-After."},
    [ERR_NOT_FOUND] = {404, "not-found", "Not found",
                       "There is nothing by that name or id, or nothing that this key may see. A "
                       "result that is not there yet is answered in the same way."},
    [ERR_METHOD] = {405, "method-not-allowed", "Method not allowed",
                    "The path is there and knows other methods: those in the header Allow."},
    [ERR_CONFLICT] = {409, "conflict", "Conflict",
                      "The request does not go with the present state. The detail says with what, "
                      "and what would have to change first."},
    [ERR_TRANSFER_NOT_READY] =
        {409, "transfer-not-ready", "Transfer not ready",
         "The transfer that was named, or any of that method, is still being prepared. Create one "
         "with POST …/transfers, or wait until its state is ready."},
    [ERR_OFFLINE_ROWS_MIXED] = {409, "offline-rows-mixed", "Offline rows mixed with real ones",
                                "The export would have rows of the offline composer or encoder, "
                                "which are for trying things "
                                "out, beside rows of real models; the detail says which are which. "
                                "Name the recipes by view "
                                "and dialogue_recipes, or another transfer; or say allow_offline."},
    [ERR_NOTHING_TO_EXPORT] = {409, "nothing-to-export", "Nothing to export",
                               "The view picks no usable caption of the dataset that select lets "
                               "through. Run the stage captions first, or select less narrowly."},
    [ERR_TOO_FEW_VECTORS] = {409, "too-few-vectors", "Too few vectors",
                             "A transfer needs the embeddings of two captions at least. Run the "
                             "stage representations over more captions first."},
    [ERR_KEY_IN_FLIGHT] =
        {409, "idempotency-in-flight", "Idempotency-Key in flight",
         "The first request with this Idempotency-Key is being executed, or was lost less than a "
         "minute ago. Send the same again after the seconds in Retry-After."},
    [ERR_KEY_REUSED] = {422, "idempotency-key-reused", "Idempotency-Key reused",
                        "This Idempotency-Key came with another body within the last 24 hours. A "
                        "new request needs a new key; a repeated one must be the same to the "
                        "byte."},
    [ERR_PRECONDITION] = {412, "precondition-failed", "Precondition failed",
                          "The request was to change something only if it is as If-Match says, or "
                          "not there as If-None-Match says. Get it anew and decide again; nothing "
                          "has changed."},
    [ERR_RANGE] =
        {416, "range-not-satisfiable", "Range not satisfiable",
         "Range asks for several ranges at a time, or for what lies behind the end of the "
         "file. Content-Range says how long the file is: whoever has that much has all of "
         "it."},
    [ERR_TOO_LARGE] = {413, "payload-too-large", "Payload too large",
                       "The body is longer than this operation takes. Send it in parts, or use an "
                       "import, which takes any length."},
    [ERR_URI_TOO_LONG] = {414, "uri-too-long", "URI too long",
                          "The URI is longer than 8192 bytes."},
    [ERR_MEDIA_TYPE] = {415, "unsupported-media-type", "Unsupported media type",
                        "The body is of another media type or coding than the operation takes. The "
                        "detail says which it takes."},
    [ERR_IMPORT_BROKEN] = {422, "import-broken", "Import broken off",
                           "The stream of an import broke: the client left, was too slow, or the "
                           "gzip is damaged. What came before is kept and counted in the answer; "
                           "sending the whole again adds only the rest."},
    [ERR_UNAVAILABLE] = {503, "service-unavailable", "Service unavailable",
                         "The database is out of reach, the schema is not current, the server "
                         "ends, or too much of this kind is under way. Nothing has changed; try "
                         "again after the seconds in Retry-After."},
    [ERR_PROVIDER] = {502, "provider-failed", "Provider failed",
                      "A model server that had to answer at once failed. The detail says how; GET "
                      "/v1/providers and /v1/encoders show its state."},
};

/* Those of work that was accepted and came to nothing: no answer has them, resources do. */
static const struct problem outcomes[] = {
    {0, "run-failed", "Run failed",
     "More items of a run failed than its max_failed allows. What was made stays. GET …/failures "
     "says why each failed; POST /v1/runs/{run}/retry puts them back."},
    {0, "export-failed", "Export failed",
     "The files of an export could not be made; the detail says why. None of them can be had. "
     "Create "
     "another one when the cause is gone."},
    {0, "transfer-failed", "Transfer failed",
     "A transfer could not be prepared; the detail says why. Nothing can be read with it. Create "
     "another one when the cause is gone."},
};

static enum err_code known(enum err_code code)
{
    return code > ERR_NONE && code < ERR_COUNT ? code : ERR_INTERNAL;
}

const struct problem *problem_by_slug(struct str slug)
{
    for (int i = ERR_NONE + 1; i < ERR_COUNT; i++)
        if (str_is(slug, problems[i].slug))
            return &problems[i];
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        if (str_is(slug, outcomes[i].slug))
            return &outcomes[i];
    return NULL;
}

int problem_status(enum err_code code)
{
    return problems[known(code)].status;
}

/* A sentence may quote what a client sent; what is not UTF-8 must not reach the JSON. */
static void write_text(struct buf *b, const char *z, size_t max)
{
    char text[512];
    size_t n = strnlen(z, max < sizeof(text) ? max : sizeof(text));
    memcpy(text, z, n);
    size_t bad = 0;
    if (!text_is_valid((struct str){text, n}, &bad)) {
        if (bad + 3 >= n) /* cut short in the middle of a character */
            n = bad;
        for (size_t i = bad; i < n; i++)
            if ((unsigned char)text[i] >= 0x80)
                text[i] = '?';
    }
    json_str(b, (struct str){text, n});
}

/* The path as a URI reference: ASCII whatever was sent. */
static void write_instance(struct buf *b, struct str path)
{
    char text[512];
    size_t n = 0;
    for (size_t i = 0; i < path.n && n + 3 <= sizeof(text); i++) {
        static const char digits[] = "0123456789ABCDEF";
        unsigned char c = (unsigned char)path.p[i];
        if (c > 0x20 && c < 0x7f && c != '"' && c != '\\') {
            text[n++] = (char)c;
            continue;
        }
        text[n++] = '%';
        text[n++] = digits[c >> 4];
        text[n++] = digits[c & 15];
    }
    json_str(b, (struct str){text, n});
}

static void write_fields(struct buf *b, const struct err *e)
{
    json_key(b, "errors");
    json_open(b, '[');
    for (int i = 0; i < e->n_fields; i++) {
        json_open(b, '{');
        json_key(b, "pointer");
        write_text(b, e->fields[i].pointer, sizeof(e->fields[i].pointer));
        json_key(b, "detail");
        write_text(b, e->fields[i].detail, sizeof(e->fields[i].detail));
        json_close(b, '}');
    }
    json_close(b, ']');
}

static const char *detail_of(struct req *q, enum err_code code)
{
    if (code != ERR_INTERNAL)
        return q->err.msg[0] ? q->err.msg : problems[code].title;
    http_log(q->conn->http, "internal_error", q->err.msg);
    return "The server failed at this request; its request id leads to the log.";
}

void res_problem(struct req *q)
{
    enum err_code code = known(q->err.code);
    struct res *r = &q->res;
    struct buf *b = &r->body;
    r->status = problems[code].status;
    r->content_type = "application/problem+json";
    r->n_headers = 0;
    if (r->status == 401)
        res_header(q, "WWW-Authenticate", "Bearer realm=\"monoceros\"");
    buf_reset(b);
    json_open(b, '{');
    json_key(b, "type");
    buf_addf(b, "\"/problems/%s\"", problems[code].slug);
    json_key(b, "title");
    json_z(b, problems[code].title);
    json_key(b, "status");
    json_int(b, problems[code].status);
    json_key(b, "detail");
    write_text(b, detail_of(q, code), sizeof(q->err.msg));
    json_key(b, "instance");
    write_instance(b, q->path);
    json_key(b, "request_id");
    json_z(b, q->request_id);
    if (q->err.n_fields)
        write_fields(b, &q->err);
    json_close(b, '}');
}
