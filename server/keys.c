#include "server/keys.h"

#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "handlers/bind.h"
#include "handlers/limits.h"
#include "server/base/cleanup.h"
#include "server/config.h"
#include "server/domain/key.h"

enum {
    DAY_S = 86400,
    DAYS_MAX = 3650,
    LIST_ROWS = 10000,
    ARRAY_BYTES = 65536,
    KEY_PATH_BYTES = 64
};

/* The flags of this command; others are settings. */
struct options {
    const char *name, *owner, *scopes, *datasets, *expires, *requests, *seeds, *runs;
    char caller[80]; /* the owner as the first parameter of statements */
};

static const char *const usage =
    "  create --name NAME --scopes LIST   make a key and print it, this once\n"
    "      --owner OWNER                  whose things it is for; default\n"
    "      --datasets LIST                the only ones that it may see; all of the owner's\n"
    "      --expires DAYS                 never\n"
    "      --requests-per-minute N        as key_requests_per_minute says; 0: no limit\n"
    "      --seeds-per-day N              as key_seeds_per_day says; 0: no limit\n"
    "      --runs-in-flight N             as key_runs_in_flight says; 0: no limit\n"
    "  list [--owner OWNER]               print the owner's keys, one JSON object a line\n"
    "  revoke ID [--owner OWNER]          take a key back; servers know within 10 s\n\n"
    "  Lists are separated by commas. Scopes: read, write, run, export, and admin, which\n"
    "  includes the others and manages keys, limits of providers and versions of encoders.\n";

void keys_help(FILE *out)
{
    (void)fprintf(out, "\n%s", usage);
}

static const char **option(struct options *o, const char *flag)
{
    const struct {
        const char *flag;
        const char **value;
    } rows[] = {{"--name", &o->name},           {"--owner", &o->owner},
                {"--scopes", &o->scopes},       {"--datasets", &o->datasets},
                {"--expires", &o->expires},     {"--requests-per-minute", &o->requests},
                {"--seeds-per-day", &o->seeds}, {"--runs-in-flight", &o->runs}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(flag, rows[i].flag) == 0)
            return rows[i].value;
    return NULL;
}

/* Takes our flags out of argv and leaves the settings. */
static int take_options(int *argc, char **argv, struct options *o, struct err *e)
{
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        const char **value = option(o, argv[i]);
        if (!value) {
            argv[n++] = argv[i];
            continue;
        }
        if (i + 1 == *argc)
            return err_set(e, ERR_VALIDATION, "%s: a value is missing", argv[i]);
        *value = argv[++i];
    }
    *argc = n;
    if (!dataset_name_is_valid(str_of(o->owner)))
        return err_set(e, ERR_VALIDATION, "--owner: must match ^[a-z0-9][a-z0-9._-]{0,62}$");
    /* Such a name needs quotes only where it is NULL's. */
    (void)snprintf(o->caller, sizeof(o->caller), "{\"%s\"}", o->owner);
    return 0;
}

static int read_scopes(const char *list, struct array *out, bool *admin, struct err *e)
{
    struct str rest = str_of(list);
    while (rest.n) {
        struct str item = str_next(&rest, ',');
        unsigned scope = scope_of(item);
        if (scope == SCOPE_NONE)
            return err_set(e, ERR_VALIDATION,
                           "--scopes: \"" STR_FMT "\" is none of read, write, run, export, admin",
                           STR_ARG(item));
        *admin |= scope == SCOPE_ADMIN;
        array_add(out, item);
    }
    return out->n ? 0 : err_set(e, ERR_VALIDATION, "--scopes: at least one is needed");
}

static int read_datasets(const char *list, struct array *out, struct err *e)
{
    struct str rest = str_of(list);
    while (rest.n) {
        struct str item = str_next(&rest, ',');
        if (!dataset_name_is_valid(item))
            return err_set(e, ERR_VALIDATION, "--datasets: \"" STR_FMT "\" is no dataset's name",
                           STR_ARG(item));
        array_add(out, item);
    }
    return out->n <= KEY_DATASETS_MAX
               ? 0
               : err_set(e, ERR_VALIDATION, "--datasets: at most %d", KEY_DATASETS_MAX);
}

static int call_expiry(const struct options *o, struct db_call *c, struct err *e)
{
    int64_t days;
    if (!o->expires) {
        call_null(c);
        return 0;
    }
    if (!str_to_i64(str_of(o->expires), 1, DAYS_MAX, &days))
        return err_set(e, ERR_VALIDATION, "--expires: must be 1 to %d days", DAYS_MAX);
    call_i64(c, days * DAY_S);
    return 0;
}

static int call_limit(const char *flag, const char *value, int64_t max, struct db_call *c,
                      struct err *e)
{
    int64_t limit;
    if (!value) {
        call_null(c);
        return 0;
    }
    if (!str_to_i64(str_of(value), 0, max, &limit))
        return err_set(e, ERR_VALIDATION, "%s: must be 0 to %lld", flag, (long long)max);
    call_i64(c, limit);
    return 0;
}

static int call_limits(const struct options *o, struct db_call *c, struct err *e)
{
    if (call_limit("--requests-per-minute", o->requests, LIMIT_REQUESTS_MAX, c, e) < 0 ||
        call_limit("--seeds-per-day", o->seeds, LIMIT_SEEDS_MAX, c, e) < 0)
        return -1;
    return call_limit("--runs-in-flight", o->runs, LIMIT_RUNS_MAX, c, e);
}

struct lists {
    struct array scopes, datasets;
};

static void lists_free(struct lists *l)
{
    array_free(&l->scopes);
    array_free(&l->datasets);
}

/* In the audit log. A key whose making could not be noted is never shown, and thus no key. */
static int note(struct db *db, const struct options *o, const char *operation, const char *id,
                const char *made, struct err *e)
{
    char resource[KEY_PATH_BYTES], location[KEY_PATH_BYTES];
    struct db_call c;
    (void)snprintf(resource, sizeof(resource), "/v1/keys%s%s", id ? "/" : "", id ? id : "");
    (void)snprintf(location, sizeof(location), "/v1/keys/%s", made ? made : "");
    call_init(&c, STMT_AUDIT_COMMAND);
    call_z(&c, o->caller);
    call_z(&c, operation);
    call_z(&c, resource);
    if (made)
        call_z(&c, location);
    else
        call_null(&c);
    return db_run(db, &c, NULL, e);
}

static int create(struct db *db, const struct options *o, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    _cleanup_(lists_free) struct lists l = {0};
    struct db_call c;
    struct key k;
    bool admin = false;
    array_init(&l.scopes, ARRAY_TEXT, ARRAY_BYTES);
    array_init(&l.datasets, ARRAY_TEXT, ARRAY_BYTES);
    if (!o->name || !o->name[0] || strlen(o->name) > KEY_NAME_CHARS_MAX || !o->scopes)
        return err_set(e, ERR_VALIDATION,
                       "keys create needs --name (at most %d bytes) and --scopes",
                       KEY_NAME_CHARS_MAX);
    if (read_scopes(o->scopes, &l.scopes, &admin, e) < 0 ||
        (o->datasets && read_datasets(o->datasets, &l.datasets, e) < 0))
        return -1;
    if (admin && o->datasets)
        return err_set(e, ERR_VALIDATION, "an admin key cannot be limited to some datasets");
    key_make(&k, NULL);
    call_init(&c, STMT_KEY_PUT);
    call_z(&c, o->caller);
    call_z(&c, k.id);
    call_z(&c, o->name);
    call_bytes(&c, k.hash, sizeof(k.hash));
    call_array(&c, &l.scopes);
    if (o->datasets)
        call_array(&c, &l.datasets);
    else
        call_null(&c);
    if (call_expiry(o, &c, e) < 0)
        return -1;
    call_null(&c);
    if (call_limits(o, &c, e) < 0 || db_run(db, &c, &rows, e) < 0 ||
        note(db, o, "create_key", NULL, k.id, e) < 0)
        return -1;
    (void)fprintf(stderr, "key %s, which is not shown again:\n", k.id);
    (void)printf("%s\n", k.text);
    return 0;
}

static int list(struct db *db, const struct options *o, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_KEYS_LIST);
    call_z(&c, o->caller);
    call_i64(&c, 0);
    call_z(&c, "");
    call_i64(&c, LIST_ROWS);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++)
        (void)printf(STR_FMT "\n", STR_ARG(rows_text(rows, i, 0)));
    return 0;
}

static int revoke(struct db *db, const struct options *o, const char *id, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_KEY_REVOKE);
    call_z(&c, o->caller);
    call_z(&c, id);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "the owner has no key %.20s", id);
    (void)printf(STR_FMT "\n", STR_ARG(rows_text(rows, 0, 0)));
    return note(db, o, "revoke_key", id, NULL, e);
}

static int run(const char *verb, const char *id, const struct options *o, const struct config *c,
               struct err *e)
{
    struct db *db = db_new(c->database_url, "keys", e);
    int rc = -1;
    if (!db)
        return -1;
    if (strcmp(verb, "create") == 0)
        rc = create(db, o, e);
    else if (strcmp(verb, "list") == 0)
        rc = list(db, o, e);
    else
        rc = revoke(db, o, id, e);
    db_free(db);
    return rc;
}

int keys_command(int argc, char **argv, struct err *e)
{
    struct options o = {.owner = "default"};
    struct config c;
    const char *verb = argc > 0 ? argv[0] : "";
    bool revokes = strcmp(verb, "revoke") == 0;
    int words = revokes ? 2 : 1;
    if (!revokes && strcmp(verb, "create") != 0 && strcmp(verb, "list") != 0)
        return err_set(e, ERR_VALIDATION,
                       "keys: create, list or revoke; see monoceros keys --help");
    if (argc < words || (revokes && !key_id_is_valid(str_of(argv[1]))))
        return err_set(e, ERR_VALIDATION, "keys revoke needs the id of a key, 12 characters");
    argc -= words;
    if (take_options(&argc, argv + words, &o, e) < 0)
        return -1;
    int rc = config_load(&c, argc, argv + words, e);
    if (rc == 0)
        rc = run(verb, revokes ? argv[1] : NULL, &o, &c, e);
    config_free(&c);
    return rc;
}
