/* The runs that this process holds tasks of: their frozen settings, their quality breaker, and
 * whether they go on. */
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/log.h"
#include "server/work/internal.h"

enum { SETTINGS_BYTES_MAX = 1 << 20 };

/* The share of failed and dropped items over the window that pauses a run. */
static const double quality_limit = 0.3;
/* A run in which nearly nothing is good need not fill the window to show it. */
enum { EARLY_ITEMS = 64 };
static const double early_limit = 0.9;

int runs_init(struct runs *r)
{
    return pthread_mutex_init(&r->mutex, NULL) ? -1 : 0;
}

static void info_free(struct run_info *r)
{
    if (!r)
        return;
    (void)pthread_mutex_destroy(&r->mutex);
    (void)pthread_mutex_destroy(&r->encoder_mutex);
    arena_free(r->arena);
    free(r->window);
    free(r);
}

static void list_free(struct run_info *r)
{
    while (r) {
        struct run_info *next = r->next;
        info_free(r);
        r = next;
    }
}

void runs_destroy(struct runs *r)
{
    list_free(r->list);
    list_free(r->leaving);
    (void)pthread_mutex_destroy(&r->mutex);
}

static struct llm_provider *provider_by_name(struct work *w, struct str name)
{
    for (int i = 0; i < w->s.n_providers; i++)
        if (str_is(name, llm_provider_settings(w->s.providers[i])->name))
            return w->s.providers[i];
    return NULL;
}

static struct encoder *encoder_by_name(struct work *w, struct str name)
{
    for (int i = 0; i < w->s.n_encoders; i++)
        if (str_is(name, encoder_get_settings(w->s.encoders[i])->name))
            return w->s.encoders[i];
    return NULL;
}

static void compare(struct run_info *r, const struct llm_provider *p,
                    const struct provider_choice *c)
{
    char extra[33];
    llm_extra_body_id(llm_provider_settings(p), extra);
    if (!str_is(c->extra, extra))
        r->changed = arena_printf(r->arena,
                                  "the extra_body of %.*s is another one than when the run began: "
                                  "set it back and resume, or start another run",
                                  (int)c->name.n, c->name.p);
}

static int read_stage(struct work *w, struct run_info *r, const struct rows *rows,
                      enum stage_id stage, struct err *e)
{
    bool captions = stage == STAGE_CAPTIONS;
    struct str json = rows_text(rows, 0, captions ? 1 : 2);
    struct str recipe = rows_text(rows, 0, captions ? 4 : 5);
    struct call_settings *s = captions ? &r->settings.captions : &r->settings.dialogues;
    if (!json.p)
        return 0;
    if (call_settings_read(json, stages[stage].api_name, r->arena, s, e) < 0)
        return -1;
    for (int i = 0; i < s->n_providers; i++) {
        r->providers[stage][i] = provider_by_name(w, s->providers[i].name);
        if (!r->providers[stage][i])
            return err_set(e, ERR_INTERNAL, "no provider named " STR_FMT " is declared here",
                           STR_ARG(s->providers[i].name));
        compare(r, r->providers[stage][i], &s->providers[i]);
    }
    /* Unset until the served models are known: only the resolve task gets to see that. */
    if (recipe.p && !hex_decode(recipe, s->recipe, RECIPE_ID_BYTES))
        return err_set(e, ERR_INTERNAL, "a run without a %s recipe", stages[stage].api_name);
    return 0;
}

static void read_budget(struct run_info *r, const struct rows *rows)
{
    r->budget.cost_limited = rows_bool(rows, 0, 12);
    r->budget.tokens_limited = rows_bool(rows, 0, 13);
    if (!rows_null(rows, 0, 14))
        r->budget.deadline_us = clock_us() + (int64_t)(rows_double(rows, 0, 14) * 1e6);
}

/* A run without filters of its own is one that an older program has queued. */
static int read_filters(struct run_info *r, struct str json, struct err *e)
{
    struct run_settings *s = &r->settings;
    struct str texts[2 * CHOICES_MAX];
    size_t n = 0;
    if (filters_read(json.p ? json : STR("{}"), r->arena, &s->filters, e) < 0)
        return -1;
    for (int i = 0; i < s->captions.n_prompts; i++) {
        texts[n++] = str_of(s->captions.prompts[i].prompt.system);
        texts[n++] = str_of(s->captions.prompts[i].prompt.template);
    }
    s->instructions = gram_set_new(texts, n, (size_t)s->filters.of[FILTER_ECHO].param[0], r->arena);
    r->frequency = frequency_new(r->arena);
    if (!s->instructions || !r->frequency)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int read_encoder(struct work *w, struct run_info *r, const struct rows *rows, struct err *e)
{
    struct str name = rows_text(rows, 0, 7), id = rows_text(rows, 0, 6);
    if (!name.p)
        return 0;
    r->settings.encoder = arena_str(r->arena, name);
    r->encoder = encoder_by_name(w, name);
    if (!r->encoder)
        return err_set(e, ERR_INTERNAL, "no encoder named " STR_FMT " is declared here",
                       STR_ARG(name));
    r->encoder_known = id.p && hex_decode(id, r->encoder_id, UUID_BYTES);
    r->dimension = r->encoder_known ? (int)rows_i64(rows, 0, 16) : 0;
    return 0;
}

static int load(struct work *w, struct db *db, struct run_info *r, enum stage_id stage,
                struct err *e)
{
    struct db_call c;
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    if (stage == STAGE_DELETE || stages[stage].lane == LANE_EXPORTS)
        return 0;
    call_init(&c, STMT_RUN_SETTINGS);
    call_bytes(&c, r->id, UUID_BYTES);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return stage == STAGE_PREPARE ? 0 : err_set(e, ERR_NOT_FOUND, "no such run");
    r->is_run = true;
    r->dataset = rows_i64(rows, 0, 0);
    if (read_stage(w, r, rows, STAGE_CAPTIONS, e) < 0 ||
        read_stage(w, r, rows, STAGE_DIALOGUES, e) < 0)
        return -1;
    read_budget(r, rows);
    r->settings.vector_type = vector_type_of(rows_text(rows, 0, 17));
    r->retry = rows_i64(rows, 0, 18);
    if (read_filters(r, rows_text(rows, 0, 15), e) < 0)
        return -1;
    return read_encoder(w, r, rows, e);
}

static struct run_info *info_new(struct work *w, const uint8_t id[UUID_BYTES])
{
    struct run_info *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    memcpy(r->id, id, UUID_BYTES);
    hex_encode(id, UUID_BYTES, r->hex);
    r->arena = arena_new(SETTINGS_BYTES_MAX);
    r->window_size = w->s.quality_window;
    r->window = calloc((size_t)r->window_size, 1);
    if (pthread_mutex_init(&r->mutex, NULL) || pthread_mutex_init(&r->encoder_mutex, NULL) ||
        !r->arena || !r->window) {
        info_free(r);
        return NULL;
    }
    return r;
}

static struct run_info *find(struct runs *runs, const uint8_t id[UUID_BYTES])
{
    for (struct run_info *r = runs->list; r; r = r->next)
        if (memcmp(r->id, id, UUID_BYTES) == 0)
            return r;
    return NULL;
}

struct run_info *runs_get(struct work *w, struct db *db, const uint8_t id[UUID_BYTES],
                          enum stage_id stage, struct err *e)
{
    struct runs *runs = &w->runs;
    (void)pthread_mutex_lock(&runs->mutex);
    struct run_info *r = find(runs, id);
    if (r)
        r->users++;
    (void)pthread_mutex_unlock(&runs->mutex);
    if (r)
        return r;
    r = info_new(w, id);
    if (!r || load(w, db, r, stage, e) < 0) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        info_free(r);
        return NULL;
    }
    /* Only the dispatcher gets runs, so nobody has added it meanwhile. */
    r->users = 1;
    (void)pthread_mutex_lock(&runs->mutex);
    r->next = runs->list;
    runs->list = r;
    (void)pthread_mutex_unlock(&runs->mutex);
    return r;
}

void runs_put(struct work *w, struct run_info *r)
{
    struct runs *runs = &w->runs;
    if (!r)
        return;
    (void)pthread_mutex_lock(&runs->mutex);
    bool last = --r->users == 0;
    /* A stopped run is forgotten with its last task, so that a resumed one starts afresh. */
    if (last)
        for (struct run_info **p = &runs->list; *p; p = &(*p)->next)
            if (*p == r) {
                *p = r->next;
                break;
            }
    bool owes = last && (r->budget.cost > 0 || r->budget.tokens > 0);
    if (owes) {
        r->next = runs->leaving;
        runs->leaving = r;
    }
    (void)pthread_mutex_unlock(&runs->mutex);
    if (owes)
        leases_want(&w->leases);
    else if (last)
        info_free(r);
}

/* Not repeated when the answer is lost: giving back twice would let the run spend more. */
static void give_back(struct db *db, const struct run_info *r)
{
    struct db_call c;
    struct rows *rows = NULL;
    struct err e = {0};
    call_init(&c, STMT_BUDGET_RETURN);
    call_bytes(&c, r->id, UUID_BYTES);
    call_i64(&c, r->budget.cost > 0 ? r->budget.cost : 0);
    call_i64(&c, r->budget.tokens > 0 ? r->budget.tokens : 0);
    (void)db_batch(db, &c, 1, &rows, &e);
    rows_free(rows);
}

void runs_leave(struct work *w, struct db *db)
{
    struct runs *runs = &w->runs;
    for (;;) {
        (void)pthread_mutex_lock(&runs->mutex);
        struct run_info *r = runs->leaving;
        if (r)
            runs->leaving = r->next;
        (void)pthread_mutex_unlock(&runs->mutex);
        if (!r)
            return;
        /* Without the database it stays taken, which errs on the safe side. */
        give_back(db, r);
        info_free(r);
    }
}

/* The entry of the run, or the one that is to be given up for it. */
static struct checked_run *checked_entry(struct runs *runs, const struct run_info *r)
{
    struct checked_run *oldest = &runs->checked[0];
    for (int i = 0; i < CHECKED_RUNS; i++) {
        struct checked_run *c = &runs->checked[i];
        if (memcmp(c->id, r->id, UUID_BYTES) == 0)
            return c;
        if (c->at_us < oldest->at_us)
            oldest = c;
    }
    return oldest;
}

int64_t runs_checked_us(struct work *w, const struct run_info *r)
{
    (void)pthread_mutex_lock(&w->runs.mutex);
    const struct checked_run *c = checked_entry(&w->runs, r);
    int64_t us = memcmp(c->id, r->id, UUID_BYTES) == 0 ? c->at_us : 0;
    (void)pthread_mutex_unlock(&w->runs.mutex);
    return us;
}

static void set_checked(struct work *w, const struct run_info *r, int64_t us)
{
    (void)pthread_mutex_lock(&w->runs.mutex);
    struct checked_run *c = checked_entry(&w->runs, r);
    memcpy(c->id, r->id, UUID_BYTES);
    c->at_us = us;
    (void)pthread_mutex_unlock(&w->runs.mutex);
}

void runs_note_checked(struct work *w, const struct run_info *r)
{
    set_checked(w, r, clock_us());
}

void run_ask_pause(struct work *w, struct run_info *r, struct db *db, const char *reason,
                   const char *detail)
{
    struct db_call c;
    struct err e = {0};
    if (atomic_exchange(&r->pause_asked, true))
        return;
    atomic_store(&r->stopping, true);
    set_checked(w, r, 0); /* whoever resumes it may have changed the encoder */
    call_init(&c, STMT_RUN_REQUEST_PAUSE);
    call_bytes(&c, r->id, UUID_BYTES);
    call_z(&c, reason);
    call_z(&c, detail);
    if (db_run(db, &c, NULL, &e) < 0)
        atomic_store(&r->pause_asked, false);
    log_event(LOG_WARN, "run_pause_asked", log_z("run", r->hex), log_z("reason", reason),
              log_z("detail", detail));
    ticker_want(w);
}

void run_outcome(struct work *w, struct run_info *r, struct db *db, bool bad)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->window_bad += (bad ? 1 : 0) - r->window[r->window_at];
    r->window[r->window_at] = bad ? 1 : 0;
    r->window_at = (r->window_at + 1) % r->window_size;
    r->outcomes++;
    bool tripped = r->window_bad > quality_limit * r->window_size ||
                   (r->outcomes >= EARLY_ITEMS && r->outcomes <= r->window_size &&
                    r->window_bad > early_limit * (double)r->outcomes);
    (void)pthread_mutex_unlock(&r->mutex);
    if (tripped)
        run_ask_pause(
            w, r, db, "quality",
            "more than 30 % of the last items failed or were dropped: look at the failures "
            "and the dropped captions, mend the prompt or the provider, then resume");
}

void run_note_caption(struct run_info *r, struct item *it, struct arena *a)
{
    const struct filter_settings *s = &r->settings.filters;
    struct filter_verdict v = it->result.filters;
    if (s->of[FILTER_FREQUENCY].action == FILTER_OFF)
        return;
    (void)pthread_mutex_lock(&r->mutex);
    bool found = frequency_note(r->frequency, &s->of[FILTER_FREQUENCY], &v);
    (void)pthread_mutex_unlock(&r->mutex);
    if (!found)
        return;
    filter_hit(s, FILTER_FREQUENCY, &v);
    (void)caption_verdict(it, &v, a); /* without memory for the flag, the caption is as it was */
}

static int list_ids(struct work *w, struct array *ids)
{
    (void)pthread_mutex_lock(&w->runs.mutex);
    for (struct run_info *r = w->runs.list; r; r = r->next)
        array_add(ids, (struct str){(const char *)r->id, UUID_BYTES});
    (void)pthread_mutex_unlock(&w->runs.mutex);
    return ids->n;
}

static bool is_listed(const struct rows *rows, const uint8_t id[UUID_BYTES])
{
    for (int i = 0; i < rows_count(rows); i++)
        if (str_eq(rows_bytes(rows, i, 0), (struct str){(const char *)id, UUID_BYTES}))
            return true;
    return false;
}

int runs_check(struct work *w, struct db *db, struct err *e)
{
    struct rows *rows = NULL;
    struct array ids;
    struct db_call c;
    array_init(&ids, ARRAY_UUID, 1 << 20);
    int rc = 0;
    if (list_ids(w, &ids) > 0) {
        call_init(&c, STMT_RUN_STATES);
        call_array(&c, &ids);
        rc = db_run(db, &c, &rows, e);
    }
    array_free(&ids);
    if (rc < 0 || !rows)
        return rc;
    (void)pthread_mutex_lock(&w->runs.mutex);
    for (struct run_info *r = w->runs.list; r; r = r->next)
        if (r->is_run && !is_listed(rows, r->id))
            atomic_store(&r->stopping, true);
    (void)pthread_mutex_unlock(&w->runs.mutex);
    rows_free(rows);
    return 0;
}
