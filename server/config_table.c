/* The table of settings. Adding one is a row here and a member of struct config. */
#include "server/config_internal.h"

static const char *const kinds[] = {"openai", NULL};
static const char *const encoder_kinds[] = {"openai", "tei", "clip", NULL};
static const char *const auth_modes[] = {"auto", "keys", "none", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"json", "text", NULL};
static const char *const token_fields[] = {"max_tokens", "max_completion_tokens", NULL};

#define IN_CONFIG(member)   .place = PLACE_CONFIG, .offset = offsetof(struct config, member)
#define IN_PROVIDER(member) .place = PLACE_PROVIDER, .offset = offsetof(struct llm_settings, member)
#define IN_ENCODER(member)                                                                         \
    .place = PLACE_ENCODER, .offset = offsetof(struct encoder_settings, member)
#define TEXT(default_)       .type = SETTING_TEXT, .fallback = (default_)
#define ENUM(list, default_) .type = SETTING_ENUM, .values = (list), .fallback = (default_)
#define INT(least, most, default_)                                                                 \
    .type = SETTING_INT, .min = (least), .max = (most), .fallback = (default_)
#define PRICE .type = SETTING_NUMBER, .min = 0, .max = 1000000
#define BOOL  .type = SETTING_BOOL, .fallback = "false"

const struct setting settings[] = {
    {"config", TEXT(NULL), .place = PLACE_NONE, .help = "path of the configuration file (INI)"},
    {"database_url", .type = SETTING_CONNINFO, .fallback = "postgresql:///monoceros",
     IN_CONFIG(database_url), .help = "PostgreSQL connection URL or key=value string"},
    {"migrate_database_url", .type = SETTING_CONNINFO, IN_CONFIG(migrate_database_url),
     .help = "the same for `monoceros migrate`, as the role that owns the tables; unset: as "
             "database_url"},
    {"service_role", TEXT(NULL), IN_CONFIG(service_role),
     .help = "the role in database_url when it owns nothing: `monoceros migrate` gives it what it "
             "needs"},
    {"listen", .type = SETTING_LISTEN, .fallback = "127.0.0.1:8080", IN_CONFIG(listen),
     .help = "host:port to serve on; port 0 takes any free one"},
    {"admin_listen", .type = SETTING_LISTEN, IN_CONFIG(admin_listen),
     .help = "host:port to serve health and metrics on, there alone and without keys; unset: on "
             "listen"},
    {"tls_certificate", TEXT(NULL), IN_CONFIG(tls_certificate),
     .help =
         "PEM file of the certificate chain to serve HTTPS with on listen; SIGHUP reads it anew"},
    {"tls_key", TEXT(NULL), IN_CONFIG(tls_key), .help = "PEM file of its private key"},
    {"auth", ENUM(auth_modes, "auto"), IN_CONFIG(auth),
     .help = "whether requests need a key: keys, none, or auto, which is none as long as only this "
             "machine can reach the listener"},
    {"key_requests_per_minute", INT(0, 1000000, "0"), IN_CONFIG(key_requests_per_minute),
     .help = "requests a minute of a key that does not say, of all replicas together; 0: no limit"},
    {"key_seeds_per_day", INT(0, 1000000000, "0"), IN_CONFIG(key_seeds_per_day),
     .help = "seeds that a key that does not say may add in a day of UTC; 0: no limit"},
    {"key_runs_in_flight", INT(0, 1000, "0"), IN_CONFIG(key_runs_in_flight),
     .help = "runs that a key that does not say may have queued, running or paused; 0: no limit"},
    {"bad_keys_per_minute", INT(0, 1000000, "60"), IN_CONFIG(bad_keys_per_minute),
     .help = "bad keys a minute that an address may try, of each replica; 0: no limit"},
    {"cors_origins", TEXT(NULL), IN_CONFIG(cors_origins),
     .help = "origins whose pages may read answers, such as https://console.example, separated by "
             "spaces"},
    {"http_workers", INT(1, 64, "2"), IN_CONFIG(http_workers), .help = "threads that serve HTTP"},
    {"http_connections", INT(0, 64 * 120, "0"), IN_CONFIG(http_connections),
     .help = "connections at a time, at most 120 a worker; 0: 120 a worker"},
    {"http_idle_timeout", INT(1, 3600, "60"), IN_CONFIG(http_idle_timeout_s),
     .help = "seconds until an idle connection is closed"},
    {"http_header_timeout", INT(1, 3600, "10"), IN_CONFIG(http_header_timeout_s),
     .help = "seconds for the headers of a request to arrive"},
    {"http_body_timeout", INT(1, 3600, "60"), IN_CONFIG(http_body_timeout_s),
     .help = "seconds for a JSON body to arrive, and for each 64 KiB of a stream or an answer"},
    {"database_threads", INT(1, 64, "1"), IN_CONFIG(database_threads),
     .help = "threads that pipeline point operations, a connection each"},
    {"request_threads", INT(1, 64, "4"), IN_CONFIG(request_threads),
     .help = "threads for imports and computing requests, a connection each"},
    {"event_streams", INT(0, 64 * 120, "64"), IN_CONFIG(event_streams),
     .help = "streams of events at a time; each holds a connection and 256 KiB"},
    {"stage_threads", INT(0, 64, "0"), IN_CONFIG(stage_threads),
     .help = "threads that work on runs, a connection each; 0: one a core"},
    {"compute_threads", INT(0, 1024, "0"), IN_CONFIG(compute_threads),
     .help = "threads that compute vectors of clip encoders, of all together; 0: one a core"},
    {"range_size", INT(1, 4096, "64"), IN_CONFIG(range_size), .help = "seeds in one task"},
    {"lease", INT(2, 3600, "15"), IN_CONFIG(lease_s),
     .help = "seconds that a claimed task is held"},
    {"renew", INT(1, 1800, "5"), IN_CONFIG(renew_s),
     .help = "seconds between renewals of a lease, at most half of it"},
    {"flush_ms", INT(10, 10000, "200"), IN_CONFIG(flush_ms),
     .help = "milliseconds between writes of what has arrived"},
    {"quality_window", INT(10, 1000000, "1000"), IN_CONFIG(quality_window),
     .help = "last items of a run that are watched for failures"},
    {"artefacts", TEXT("artefacts"), IN_CONFIG(artefacts),
     .help = "directory of the files of exports; replicas of one database share it"},
    {"export_threads", INT(1, 64, "2"), IN_CONFIG(export_threads),
     .help = "threads that make exports, a connection each"},
    {"export_days", INT(0, 36500, "0"), IN_CONFIG(export_days),
     .help = "days for which finished exports are kept; 0: until they are deleted"},
    {"drain_timeout", INT(0, 3600, "30"), IN_CONFIG(drain_timeout_s),
     .help = "seconds that a shutdown waits for requests under way"},
    {"audit_days", INT(7, 36500, "90"), IN_CONFIG(audit_days),
     .help = "days for which rows of the audit log are kept"},
    {"log_level", ENUM(levels, "info"), IN_CONFIG(log_level), .help = "least level that is logged"},
    {"log_format", ENUM(formats, "json"), IN_CONFIG(log_format), .help = "form of the log lines"},

    {"llm_kind", ENUM(kinds, "openai"), IN_PROVIDER(kind), .help = "protocol of the provider"},
    {"llm_url", .type = SETTING_URL, IN_PROVIDER(url),
     .help =
         "base URLs of OpenAI-compatible servers of one model, each ending in /v1; declares the "
         "provider llm"},
    {"llm_model", TEXT(NULL), IN_PROVIDER(model), .help = "name of the served model"},
    {"llm_api_key", .type = SETTING_SECRET, IN_PROVIDER(api_key), .help = "API key"},
    {"llm_max_in_flight", INT(1, 4096, "256"), IN_PROVIDER(max_in_flight),
     .help = "calls at a time, at most; fewer when the server takes fewer"},
    {"llm_rpm", INT(0, 100000000, "0"), IN_PROVIDER(rpm),
     .help = "requests a minute, of all replicas together; 0: no limit"},
    {"llm_tpm", INT(0, 2000000000, "0"), IN_PROVIDER(tpm),
     .help = "tokens a minute, of all replicas together; 0: no limit"},
    {"llm_timeout", INT(1, 86400, "600"), IN_PROVIDER(timeout_s), .help = "seconds for one call"},
    {"llm_queue_timeout", INT(0, 86400, "0"), IN_PROVIDER(queue_timeout_s),
     .help = "seconds until an answer begins; 0: no limit"},
    {"llm_connect_timeout", INT(1, 600, "10"), IN_PROVIDER(connect_timeout_s),
     .help = "seconds to connect"},
    {"llm_attempts", INT(1, 100, "4"), IN_PROVIDER(attempts),
     .help = "attempts at one item when faults may pass"},
    {"llm_stop_after", INT(1, 100000, "64"), IN_PROVIDER(stop_after),
     .help = "faults in a row after which the provider is stopped and runs pause"},
    {"llm_max_tokens_field", ENUM(token_fields, "max_tokens"), IN_PROVIDER(max_tokens_field),
     .help = "name of the request's token limit"},
    {"llm_stream", BOOL, IN_PROVIDER(stream),
     .help = "receive answers piece by piece, so that one that loops is cut off early"},
    {"llm_extra_body", .type = SETTING_BODY, IN_PROVIDER(extra_body),
     .help = "JSON object whose members are added to each request"},
    {"llm_price_prompt", PRICE, IN_PROVIDER(price_prompt),
     .help = "dollars for a million prompt tokens"},
    {"llm_price_cached", PRICE, IN_PROVIDER(price_cached),
     .help = "the same for those from the server's cache; unset: as prompt"},
    {"llm_price_completion", PRICE, IN_PROVIDER(price_completion),
     .help = "dollars for a million tokens of answers"},
    {"llm_price_reasoning", PRICE, IN_PROVIDER(price_reasoning),
     .help = "the same for tokens of reasoning; unset: as completion"},

    {"encoder_kind", ENUM(encoder_kinds, "openai"), IN_ENCODER(kind),
     .help = "protocol of the encoder; tei: /embed of Text Embeddings Inference, clip: a "
             "text tower that is computed here"},
    {"encoder_url", .type = SETTING_URL, IN_ENCODER(url),
     .help =
         "base URLs of embeddings servers of one model, each ending in /v1 unless the kind is tei; "
         "declares the encoder embeddings"},
    {"encoder_path", TEXT(NULL), IN_ENCODER(path),
     .help = "directory of a CLIP model as Hugging Face has it (config.json, model.safetensors, "
             "tokenizer.json or vocab.json and merges.txt); declares the encoder clip"},
    {"encoder_model", TEXT(NULL), IN_ENCODER(model), .help = "name of the served model"},
    {"encoder_revision", TEXT(NULL), IN_ENCODER(revision),
     .help = "of the model, such as a commit; another one makes vectors of their own"},
    {"encoder_api_key", .type = SETTING_SECRET, IN_ENCODER(api_key), .help = "API key"},
    {"encoder_dimension", INT(0, ENCODER_DIMENSION_MAX, "0"), IN_ENCODER(dimension),
     .help = "numbers in a vector; 0: as in the first answer"},
    {"encoder_matryoshka", BOOL, IN_ENCODER(matryoshka),
     .help = "ask for vectors of encoder_dimension: the model can shorten them"},
    {"encoder_batch", INT(1, ENCODER_BATCH_MAX, "32"), IN_ENCODER(batch),
     .help = "texts in one call, at most"},
    {"encoder_batch_bytes", INT(0, 64000000, "1000000"), IN_ENCODER(batch_bytes),
     .help = "bytes of the texts in one call, at most; 0: no limit"},
    {"encoder_batch_tokens", INT(0, 10000000, "16384"), IN_ENCODER(batch_tokens),
     .help = "tokens of the texts in one call by estimate, at most; 0: no limit"},
    {"encoder_max_tokens", INT(0, 1000000, "0"), IN_ENCODER(max_tokens),
     .help =
         "tokens of a text that the model reads, by which truncated texts are known; those that "
         "may be longer are sent alone; 0: not known"},
    {"encoder_max_in_flight", INT(1, 4096, "16"), IN_ENCODER(max_in_flight),
     .help = "calls at a time, at most; fewer when the server takes fewer"},
    {"encoder_timeout", INT(1, 86400, "120"), IN_ENCODER(timeout_s),
     .help = "seconds for one call"},
    {"encoder_connect_timeout", INT(1, 600, "10"), IN_ENCODER(connect_timeout_s),
     .help = "seconds to connect"},
    {"encoder_attempts", INT(1, 100, "4"), IN_ENCODER(attempts),
     .help = "attempts at one batch when faults may pass"},
    {"encoder_stop_after", INT(1, 100000, "64"), IN_ENCODER(stop_after),
     .help = "faults in a row after which the encoder is stopped and runs pause"},
    {.name = NULL},
};

_Static_assert(sizeof(settings) / sizeof(settings[0]) <= SETTINGS_MAX, "raise SETTINGS_MAX");

bool setting_is_secret(const struct setting *s)
{
    return s->type == SETTING_SECRET || s->type == SETTING_CONNINFO;
}

bool setting_has_file(const struct setting *s)
{
    return setting_is_secret(s) || s->type == SETTING_URL || s->type == SETTING_BODY;
}

static bool same_name(struct str given, const char *name, char separator)
{
    if (given.n != strlen(name))
        return false;
    for (size_t i = 0; i < given.n; i++)
        if (given.p[i] != (name[i] == '_' ? separator : name[i]))
            return false;
    return true;
}

/* Whether `given` is name, or name and "_file" where that is possible. */
static bool names(struct str given, const struct setting *s, const char *name, char separator,
                  bool *in_file)
{
    *in_file = false;
    if (same_name(given, name, separator))
        return true;
    const size_t suffix = 5;
    if (!setting_has_file(s) || given.n <= suffix)
        return false;
    *in_file = same_name(str_from(given, given.n - suffix), "_file", separator);
    return *in_file && same_name((struct str){given.p, given.n - suffix}, name, separator);
}

int setting_find(struct str name, char separator, bool *in_file)
{
    for (int i = 0; settings[i].name; i++)
        if (names(name, &settings[i], settings[i].name, separator, in_file))
            return i;
    return -1;
}

const char *setting_key(const struct setting *s)
{
    if (s->place == PLACE_PROVIDER)
        return s->name + strlen("llm_");
    return s->place == PLACE_ENCODER ? s->name + strlen("encoder_") : s->name;
}

int setting_find_key(enum setting_place place, struct str key, bool *in_file)
{
    for (int i = 0; settings[i].name; i++)
        if (settings[i].place == place &&
            names(key, &settings[i], setting_key(&settings[i]), '_', in_file))
            return i;
    return -1;
}
