#include "handlers/routes.h"

#include "handlers/caption_filter.h"
#include "handlers/image_moments.h"
#include "handlers/operations.h"
#include "handlers/report_gap.h"
#include "handlers/review.h"
#include "handlers/run_request.h"
#include "handlers/seed_input.h"
#include "handlers/signed_url.h"
#include "server/domain/filters.h"
#include "server/domain/prompt.h"
#include "server/domain/transfer.h"
#include "server/json/write.h"

enum {
    SMALL_BODY = 65536,
    RUN_BODY = 262144,
    PROMPT_BODY = 524288,
    VECTOR_BODY = 1 << 20,
    TEXTS_BODY = 4 << 20,
    SEEDS_BODY = 8 << 20,
    SLICE_ROWS_MAX = 1000000000
};
/* As it is sent; an end that nobody reaches, but an end. */
#define IMPORT_BODY ((size_t)1 << 40)

static const char *const views[] = {[VIEW_DEFAULT] = "default", [VIEW_ALL] = "all", NULL};
static const char *const dialogue_formats[] = {
    [DIALOGUE_MONOCEROS] = "monoceros", [DIALOGUE_LLAVA] = "llava", NULL};
static const char *const run_states[] = {"queued", "running",   "paused", "succeeded",
                                         "failed", "cancelled", NULL};
static const char *const export_states[] = {"queued", "running",   "succeeded",
                                            "failed", "cancelled", NULL};
static const char *const tasks[] = {"multiple_choice", "question_answering", "complex_reasoning",
                                    NULL};

#define PAGE(most)                                                                                 \
    {"page_size", QUERY_INT, 1, (most), NULL},                                                     \
    {                                                                                              \
        "page_token", QUERY_TEXT, 1, 512, NULL                                                     \
    }
#define LABELS                                                                                     \
    {"source", QUERY_TEXT, 1, SEED_LABEL_MAX, NULL},                                               \
    {                                                                                              \
        "domain", QUERY_TEXT, 1, SEED_LABEL_MAX, NULL                                              \
    }
#define ID(name)                                                                                   \
    {                                                                                              \
        name, QUERY_TEXT, 1, 32, NULL                                                              \
    }
#define CHOICE(name, values)                                                                       \
    {                                                                                              \
        name, QUERY_ENUM, 0, 0, (values)                                                           \
    }
/* A dataset, "@recipe:" and an id. */
#define REFERENCE(name)                                                                            \
    {                                                                                              \
        name, QUERY_TEXT, 1, 103, NULL                                                             \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, QUERY_TEXT, 0, 0, NULL                                                               \
    }

static const struct query_param page_query[] = {PAGE(1000), END};
static const struct query_param label_query[] = {LABELS, END};
static const struct query_param import_query[] = {{"name", QUERY_TEXT, 1, 63, NULL}, LABELS, END};
static const struct query_param vectors_query[] = {{"encoder", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},
                                                   END};
static const struct query_param seeds_query[] = {LABELS, PAGE(1000), END};
#define CAPTIONS                                                                                   \
    ID("run"), ID("recipe"), ID("seed"), CHOICE("view", views),                                    \
        CHOICE("outcome", caption_outcomes), CHOICE("verdict", caption_verdicts),                  \
        CHOICE("dropped", filter_names), {"min_length", QUERY_INT, 0, INT32_MAX, NULL},            \
        {"max_length", QUERY_INT, 0, INT32_MAX, NULL}, LABELS
#define DIALOGUES                                                                                  \
    ID("run"), ID("recipe"), CHOICE("task", tasks), CHOICE("view", views),                         \
        CHOICE("format", dialogue_formats)
/* Instead of a key. */
#define SIGNATURE                                                                                  \
    {                                                                                              \
        "signature", QUERY_TEXT, 1, SIGNATURE_CHARS_MAX, NULL                                      \
    }
/* Of a stream. */
#define READER(id_chars)                                                                           \
    {"shard", QUERY_INT, 0, SHARDS_MAX - 1, NULL}, {"of", QUERY_INT, 1, SHARDS_MAX, NULL},         \
        {"after", QUERY_TEXT, 1, (id_chars), NULL}, {"limit", QUERY_INT, 1, SLICE_ROWS_MAX, NULL}, \
        SIGNATURE
static const struct query_param captions_query[] = {CAPTIONS, PAGE(1000), END};
static const struct query_param captions_stream_query[] = {CAPTIONS, READER(CAPTION_ID_TEXT), END};
static const struct query_param dialogues_query[] = {DIALOGUES, PAGE(1000), END};
static const struct query_param dialogues_stream_query[] = {DIALOGUES, READER(DIALOGUE_ID_TEXT),
                                                            END};
static const struct query_param dialogue_query[] = {CHOICE("format", dialogue_formats), END};
static const struct query_param failures_query[] = {
    ID("run"), CHOICE("stage", run_stages), {"reason", QUERY_TEXT, 1, 64, NULL}, PAGE(1000), END};
static const struct query_param runs_query[] = {
    CHOICE("state", run_states), {"label", QUERY_TEXT, 2, 264, NULL}, PAGE(1000), END};
static const struct query_param exports_query[] = {
    CHOICE("state", export_states), {"label", QUERY_TEXT, 2, 264, NULL}, PAGE(1000), END};
static const struct query_param prompts_query[] = {CHOICE("stage", prompt_stages), PAGE(1000), END};
static const struct query_param run_query[] = {{"wait", QUERY_DURATION, 0, 60000, NULL}, END};
static const struct query_param representations_query[] = {
    {"transfer", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},
    {"encoder", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},
    CHOICE("encoding_format", encoding_formats),
    PAGE(500),
    END};
static const struct query_param transfers_query[] = {
    CHOICE("method", transfer_methods), CHOICE("state", transfer_states), PAGE(1000), END};
static const struct query_param moments_import_query[] = {
    {"label", QUERY_TEXT, 1, IMAGE_LABEL_MAX, NULL}, END};
static const struct query_param moments_list_query[] = {
    {"label", QUERY_TEXT, 1, IMAGE_LABEL_MAX, NULL}, PAGE(1000), END};
#define SLICE                                                                                      \
    {"transfer", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},                                             \
        {"encoder", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL}, ID("run"), ID("recipe"),                 \
        CHOICE("view", views), {"shards", QUERY_TEXT, 1, 11, NULL},                                \
    {                                                                                              \
        "limit", QUERY_INT, 1, SLICE_ROWS_MAX, NULL                                                \
    }
static const struct query_param export_query[] = {SLICE, CHOICE("dtype", dtypes), SIGNATURE, END};
static const struct query_param ids_query[] = {SLICE, SIGNATURE, END};
static const struct query_param file_query[] = {SIGNATURE, END};
static const struct query_param report_query[] = {ID("run"), ID("recipe"), CHOICE("view", views),
                                                  END};
static const struct query_param gap_query[] = {
    {"transfer", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},
    {"encoder", QUERY_TEXT, 1, NAME_CHARS_MAX, NULL},
    {"image_moments", QUERY_TEXT, 1, IMAGE_REFERENCE_MAX, NULL},
    {"sample", QUERY_INT, GAP_SAMPLE_MIN, GAP_SAMPLE_MAX, NULL},
    {"seed", QUERY_INT, 0, INT32_MAX, NULL},
    END};
static const struct query_param compare_query[] = {REFERENCE("a"), REFERENCE("b"), END};

static const struct query_param audit_query[] = {{"key", QUERY_TEXT, 1, KEY_ID_CHARS, NULL},
                                                 {"operation", QUERY_TEXT, 1, 64, NULL},
                                                 CHOICE("outcome", audit_outcomes),
                                                 {"from", QUERY_TEXT, 1, 40, NULL},
                                                 {"to", QUERY_TEXT, 1, 40, NULL},
                                                 PAGE(1000),
                                                 END};

static const struct query_param verdicts_query[] = {
    {"reviewer", QUERY_TEXT, 1, REVIEWER_CHARS_MAX, NULL},
    CHOICE("verdict", review_verdicts),
    PAGE(1000),
    END};

#define DATASET "/v1/datasets/{dataset}"
#define RUN     "/v1/runs/{run}"
#define EXPORT  "/v1/exports/{export}"
#define REVIEW  "/v1/reviews/{review}"
#define KEY     "/v1/keys/{key}"
#define IMAGES  "/v1/encoders/{encoder}/image-moments"

const struct route routes[] = {
    {HTTP_GET, "/v1/datasets", "list_datasets", SCOPE_READ, BODY_NONE, 0, NULL, page_query,
     &op_list_datasets},
    {HTTP_PUT, DATASET, "put_dataset", SCOPE_WRITE, BODY_JSON, SMALL_BODY, dataset_fields, NULL,
     &op_put_dataset},
    {HTTP_GET, DATASET, "get_dataset", SCOPE_READ, BODY_NONE, 0, NULL, NULL, &op_get_dataset},
    {HTTP_DELETE, DATASET, "delete_dataset", SCOPE_WRITE, BODY_NONE, 0, NULL, NULL,
     &op_delete_dataset},
    {HTTP_POST, DATASET "/seeds", "create_seeds", SCOPE_WRITE, BODY_JSON, SEEDS_BODY, seeds_fields,
     NULL, &op_create_seeds},
    {HTTP_GET, DATASET "/seeds", "list_seeds", SCOPE_READ, BODY_NONE, 0, NULL, seeds_query,
     &op_list_seeds},
    {HTTP_POST, DATASET "/seeds/import", "import_seeds", SCOPE_WRITE, BODY_STREAM, IMPORT_BODY,
     NULL, label_query, &op_import_seeds},
    {HTTP_POST, DATASET "/seeds/expand", "expand_seeds", SCOPE_WRITE, BODY_JSON, SEEDS_BODY,
     expand_fields, NULL, &op_expand_seeds},
    {HTTP_GET, DATASET "/seeds/{seed}", "get_seed", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_seed},
    {HTTP_GET, DATASET "/captions", "list_captions", SCOPE_READ, BODY_NONE, 0, NULL, captions_query,
     &op_list_captions},
    {HTTP_GET, DATASET "/captions.jsonl", "stream_captions", SCOPE_EXPORT, BODY_NONE, 0, NULL,
     captions_stream_query, &op_stream_captions},
    {HTTP_POST, DATASET "/captions/import", "import_captions", SCOPE_WRITE, BODY_STREAM,
     IMPORT_BODY, NULL, import_query, &op_import_captions},
    {HTTP_GET, DATASET "/captions/{caption}", "get_caption", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_caption},
    {HTTP_GET, DATASET "/dialogues", "list_dialogues", SCOPE_READ, BODY_NONE, 0, NULL,
     dialogues_query, &op_list_dialogues},
    {HTTP_GET, DATASET "/dialogues.jsonl", "stream_dialogues", SCOPE_EXPORT, BODY_NONE, 0, NULL,
     dialogues_stream_query, &op_stream_dialogues},
    {HTTP_GET, DATASET "/dialogues/{dialogue}", "get_dialogue", SCOPE_READ, BODY_NONE, 0, NULL,
     dialogue_query, &op_get_dialogue},
    {HTTP_GET, DATASET "/failures", "list_failures", SCOPE_READ, BODY_NONE, 0, NULL, failures_query,
     &op_list_failures},
    {HTTP_POST, DATASET "/runs", "create_run", SCOPE_RUN, BODY_JSON, RUN_BODY, run_fields, NULL,
     &op_create_run},
    {HTTP_GET, DATASET "/runs", "list_runs", SCOPE_READ, BODY_NONE, 0, NULL, runs_query,
     &op_list_runs},
    {HTTP_GET, RUN, "get_run", SCOPE_READ, BODY_NONE, 0, NULL, run_query, &op_get_run},
    {HTTP_POST, RUN "/pause", "pause_run", SCOPE_RUN, BODY_NONE, 0, NULL, NULL, &op_pause_run},
    {HTTP_POST, RUN "/resume", "resume_run", SCOPE_RUN, BODY_JSON, SMALL_BODY, resume_fields, NULL,
     &op_resume_run},
    {HTTP_POST, RUN "/cancel", "cancel_run", SCOPE_RUN, BODY_NONE, 0, NULL, NULL, &op_cancel_run},
    {HTTP_POST, RUN "/retry", "retry_run", SCOPE_RUN, BODY_NONE, 0, NULL, NULL, &op_retry_run},
    {HTTP_GET, RUN "/events", "get_run_events", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_run_events},
    {HTTP_GET, RUN "/result", "get_run_result", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_run_result},
    {HTTP_POST, DATASET "/exports", "create_export", SCOPE_WRITE, BODY_JSON, RUN_BODY,
     export_fields, NULL, &op_create_export},
    {HTTP_GET, DATASET "/exports", "list_exports", SCOPE_READ, BODY_NONE, 0, NULL, exports_query,
     &op_list_exports},
    {HTTP_GET, EXPORT, "get_export", SCOPE_READ, BODY_NONE, 0, NULL, run_query, &op_get_export},
    {HTTP_DELETE, EXPORT, "delete_export", SCOPE_WRITE, BODY_NONE, 0, NULL, NULL,
     &op_delete_export},
    {HTTP_POST, EXPORT "/cancel", "cancel_export", SCOPE_WRITE, BODY_NONE, 0, NULL, NULL,
     &op_cancel_export},
    {HTTP_GET, EXPORT "/events", "get_export_events", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_export_events},
    {HTTP_GET, EXPORT "/result", "get_export_result", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_export_result},
    {HTTP_POST, DATASET "/reviews", "create_review", SCOPE_WRITE, BODY_JSON, SMALL_BODY,
     review_fields, NULL, &op_create_review},
    {HTTP_GET, DATASET "/reviews", "list_reviews", SCOPE_READ, BODY_NONE, 0, NULL, page_query,
     &op_list_reviews},
    {HTTP_GET, REVIEW, "get_review", SCOPE_READ, BODY_NONE, 0, NULL, NULL, &op_get_review},
    {HTTP_POST, REVIEW "/lease", "lease_review_items", SCOPE_WRITE, BODY_JSON, SMALL_BODY,
     lease_fields, NULL, &op_lease_review_items},
    {HTTP_POST, REVIEW "/verdicts", "give_verdicts", SCOPE_WRITE, BODY_JSON, TEXTS_BODY,
     verdicts_fields, NULL, &op_give_verdicts},
    {HTTP_GET, REVIEW "/verdicts", "list_verdicts", SCOPE_READ, BODY_NONE, 0, NULL, verdicts_query,
     &op_list_verdicts},
    {HTTP_POST, DATASET "/embeddings/import", "import_embeddings", SCOPE_WRITE, BODY_STREAM,
     IMPORT_BODY, NULL, vectors_query, &op_import_embeddings},
    {HTTP_GET, DATASET "/representations", "list_representations", SCOPE_READ, BODY_NONE, 0, NULL,
     representations_query, &op_list_representations},
    {HTTP_GET, DATASET "/representations.npy", "export_npy", SCOPE_EXPORT, BODY_NONE, 0, NULL,
     export_query, &op_export_npy},
    {HTTP_GET, DATASET "/representations.safetensors", "export_safetensors", SCOPE_EXPORT,
     BODY_NONE, 0, NULL, export_query, &op_export_safetensors},
    {HTTP_GET, DATASET "/representations.ids", "export_ids", SCOPE_EXPORT, BODY_NONE, 0, NULL,
     ids_query, &op_export_ids},
    {HTTP_POST, DATASET "/representations/lookup", "lookup_representations", SCOPE_READ, BODY_JSON,
     SMALL_BODY, lookup_fields, NULL, &op_lookup_representations},
    {HTTP_POST, DATASET "/transfers", "create_transfer", SCOPE_RUN, BODY_JSON, SMALL_BODY,
     transfer_fields, NULL, &op_create_transfer},
    {HTTP_GET, DATASET "/transfers", "list_transfers", SCOPE_READ, BODY_NONE, 0, NULL,
     transfers_query, &op_list_transfers},
    {HTTP_GET, DATASET "/transfers/{transfer}", "get_transfer", SCOPE_READ, BODY_NONE, 0, NULL,
     NULL, &op_get_transfer},
    {HTTP_GET, DATASET "/transfers/{transfer}/files/{file}", "get_transfer_file", SCOPE_EXPORT,
     BODY_NONE, 0, NULL, file_query, &op_get_transfer_file},
    {HTTP_GET, "/v1/exports/{export}/files/{name}", "get_export_file", SCOPE_EXPORT, BODY_NONE, 0,
     NULL, file_query, &op_get_export_file},
    {HTTP_PUT, IMAGES, "put_image_moments", SCOPE_WRITE, BODY_JSON, VECTOR_BODY,
     image_moments_fields, NULL, &op_put_image_moments},
    {HTTP_POST, IMAGES "/import", "import_image_moments", SCOPE_WRITE, BODY_STREAM, IMPORT_BODY,
     NULL, moments_import_query, &op_import_image_moments},
    {HTTP_GET, IMAGES, "list_image_moments", SCOPE_READ, BODY_NONE, 0, NULL, moments_list_query,
     &op_list_image_moments},
    {HTTP_POST, "/v1/representations", "compute_representations", SCOPE_READ, BODY_JSON, TEXTS_BODY,
     compute_fields, NULL, &op_compute_representations},
    {HTTP_POST, "/v1/embeddings", "create_embeddings", SCOPE_READ, BODY_JSON, TEXTS_BODY,
     embeddings_fields, NULL, &op_create_embeddings},
    {HTTP_GET, DATASET "/report", "get_report", SCOPE_READ, BODY_NONE, 0, NULL, report_query,
     &op_get_report},
    {HTTP_GET, DATASET "/report/gap", "get_gap_report", SCOPE_READ, BODY_NONE, 0, NULL, gap_query,
     &op_get_gap_report},
    {HTTP_GET, "/v1/reports/compare", "compare_reports", SCOPE_READ, BODY_NONE, 0, NULL,
     compare_query, &op_compare_reports},
    {HTTP_GET, "/v1/seed-templates", "list_seed_templates", SCOPE_READ, BODY_NONE, 0, NULL,
     page_query, &op_list_seed_templates},
    {HTTP_GET, "/v1/prompts", "list_prompts", SCOPE_READ, BODY_NONE, 0, NULL, prompts_query,
     &op_list_prompts},
    {HTTP_POST, "/v1/prompts", "create_prompt", SCOPE_WRITE, BODY_JSON, PROMPT_BODY, prompt_fields,
     NULL, &op_create_prompt},
    {HTTP_GET, "/v1/prompts/{prompt}", "get_prompt", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_prompt},
    {HTTP_POST, "/v1/prompts/{prompt}/preview", "preview_prompt", SCOPE_READ, BODY_JSON,
     PROMPT_BODY, preview_fields, NULL, &op_preview_prompt},
    {HTTP_GET, "/v1/providers", "list_providers", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_list_providers},
    {HTTP_GET, "/v1/providers/{provider}", "get_provider", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_provider},
    {HTTP_GET, "/v1/providers/{provider}/limits", "get_provider_limits", SCOPE_READ, BODY_NONE, 0,
     NULL, NULL, &op_get_provider_limits},
    {HTTP_PUT, "/v1/providers/{provider}/limits", "put_provider_limits", SCOPE_ADMIN, BODY_JSON,
     SMALL_BODY, provider_limits_fields, NULL, &op_put_provider_limits},
    {HTTP_GET, "/v1/encoders", "list_encoders", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_list_encoders},
    {HTTP_GET, "/v1/encoders/{encoder}", "get_encoder", SCOPE_READ, BODY_NONE, 0, NULL, NULL,
     &op_get_encoder},
    {HTTP_POST, "/v1/encoders/{encoder}/versions", "create_encoder_version", SCOPE_ADMIN, BODY_NONE,
     0, NULL, NULL, &op_create_encoder_version},
    {HTTP_POST, "/v1/keys", "create_key", SCOPE_ADMIN, BODY_JSON, SMALL_BODY, key_fields, NULL,
     &op_create_key},
    {HTTP_GET, "/v1/keys", "list_keys", SCOPE_ADMIN, BODY_NONE, 0, NULL, page_query, &op_list_keys},
    {HTTP_GET, KEY, "get_key", SCOPE_ADMIN, BODY_NONE, 0, NULL, NULL, &op_get_key},
    {HTTP_DELETE, KEY, "revoke_key", SCOPE_ADMIN, BODY_NONE, 0, NULL, NULL, &op_revoke_key},
    {HTTP_POST, KEY "/rotate", "rotate_key", SCOPE_ADMIN, BODY_JSON, SMALL_BODY, rotate_fields,
     NULL, &op_rotate_key},
    {HTTP_POST, "/v1/signed-urls", "sign_url", SCOPE_EXPORT, BODY_JSON, SMALL_BODY, sign_fields,
     NULL, &op_sign_url},
    {HTTP_GET, "/v1/audit", "list_audit", SCOPE_ADMIN, BODY_NONE, 0, NULL, audit_query,
     &op_list_audit},
    {HTTP_GET, "/healthz", "healthz", SCOPE_NONE, BODY_NONE, 0, NULL, NULL, &op_healthz},
    {HTTP_GET, "/readyz", "readyz", SCOPE_NONE, BODY_NONE, 0, NULL, NULL, &op_readyz},
    {HTTP_GET, "/metrics", "metrics", SCOPE_READ, BODY_NONE, 0, NULL, NULL, &op_metrics},
    {HTTP_GET, "/problems/{problem}", "get_problem", SCOPE_NONE, BODY_NONE, 0, NULL, NULL,
     &op_get_problem},
    {HTTP_GET, "/openapi.json", "openapi", SCOPE_NONE, BODY_NONE, 0, NULL, NULL, &op_openapi},
};
const size_t n_routes = sizeof(routes) / sizeof(routes[0]);

bool route_is_for_operator(const struct route *r)
{
    return r->operation == &op_healthz || r->operation == &op_readyz || r->operation == &op_metrics;
}

bool route_is_for_clients(const struct route *r)
{
    return !route_is_for_operator(r);
}

static void describe_param(const struct query_param *p, struct buf *out)
{
    static const char *const types[] = {[QUERY_TEXT] = "text",
                                        [QUERY_INT] = "int",
                                        [QUERY_ENUM] = "enum",
                                        [QUERY_DURATION] = "duration"};
    json_open(out, '{');
    json_key(out, "name");
    json_z(out, p->name);
    json_key(out, "type");
    json_z(out, types[p->type]);
    json_key(out, "min");
    json_int(out, p->min);
    json_key(out, "max");
    json_int(out, p->max);
    if (p->values) {
        json_key(out, "values");
        json_open(out, '[');
        for (const char *const *v = p->values; *v; v++)
            json_z(out, *v);
        json_close(out, ']');
    }
    json_close(out, '}');
}

static void describe_route(const struct route *r, struct buf *out)
{
    static const char *const methods[HTTP_METHOD_COUNT] = {
        [HTTP_GET] = "GET", [HTTP_PUT] = "PUT", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
    static const char *const bodies[] = {
        [BODY_NONE] = "none", [BODY_JSON] = "json", [BODY_STREAM] = "stream"};
    json_open(out, '{');
    json_key(out, "method");
    json_z(out, methods[r->method]);
    json_key(out, "path");
    json_z(out, r->path);
    json_key(out, "operation_id");
    json_z(out, r->operation_id);
    json_key(out, "scope");
    json_z(out, scope_name(r->scope));
    json_key(out, "body");
    json_z(out, bodies[r->body]);
    json_key(out, "body_max");
    json_int(out, (int64_t)r->body_max);
    json_key(out, "query");
    json_open(out, '[');
    for (const struct query_param *p = r->query; p && p->name; p++)
        describe_param(p, out);
    json_close(out, ']');
    if (r->fields) {
        json_key(out, "fields");
        json_describe(r->fields, out);
    }
    json_close(out, '}');
}

void routes_describe(struct buf *out)
{
    json_open(out, '{');
    json_key(out, "routes");
    json_open(out, '[');
    for (size_t i = 0; i < n_routes; i++)
        describe_route(&routes[i], out);
    json_close(out, ']');
    json_close(out, '}');
}
