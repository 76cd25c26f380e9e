/* Which version of its encoder a run uses. Eight texts are embedded when an encoder is first used,
 * before each run, now and then during it, and before its moments become a transfer: vectors that
 * are not those of the version any more stop the run until the operator has seen to it. */
#include <stdio.h>
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/log.h"
#include "server/domain/identity.h"
#include "server/domain/probes.h"
#include "server/work/internal.h"

enum { PROBE_TIMEOUT_US = 120000000, CHECK_AGAIN_US = 60000000 };

/* What the encoder answers now. */
struct answer {
    bool answered, other_dimension;
    int dimension, vectors; /* vectors: texts that have one */
    float *v;               /* PROBES * dimension */
    char detail[200];
};

static void free_answer(struct answer *a)
{
    free(a->v);
}

static void on_probes(void *arg, const struct encoder_reply *reply)
{
    struct answer *a = arg;
    size_t n = (size_t)reply->dimension;
    a->answered = true;
    a->dimension = reply->dimension;
    a->other_dimension = true;
    (void)snprintf(a->detail, sizeof(a->detail), "%s", reply->detail);
    a->v = n ? calloc(PROBES * n, sizeof(float)) : NULL;
    for (size_t i = 0; i < reply->n; i++) {
        const char *reason = reply->reason[i];
        a->other_dimension &= reason && strcmp(reason, "wrong_dimension") == 0;
        if (!a->v || reply->outcome[i] != ENCODER_OK)
            continue;
        memcpy(a->v + i * n, reply->vectors + i * n, n * sizeof(float));
        a->vectors++;
    }
}

/* The window may be full of this and other runs' calls. */
static bool wait_for_room(struct worker *k, struct encoder *c, int64_t deadline_us)
{
    char why[200];
    while (encoder_room(k->engine, c) <= 0 && !encoder_stopped(c, why) &&
           clock_us() < deadline_us && !atomic_load(&k->work->draining))
        (void)engine_poll(k->engine, 50);
    return encoder_room(k->engine, c) > 0;
}

static int ask(struct worker *k, struct run_info *r, struct answer *a, struct err *e)
{
    struct encoder *c = r->encoder;
    struct str texts[PROBES];
    int64_t deadline_us = clock_us() + PROBE_TIMEOUT_US;
    for (int i = 0; i < PROBES; i++)
        texts[i] = str_of(probe_texts[i]);
    (void)wait_for_room(k, c, deadline_us);
    engine_set_trace(k->engine, r->id);
    if (encoder_submit(k->engine, c, texts, PROBES, a, on_probes, a, e) < 0)
        return -1;
    while (!a->answered && clock_us() < deadline_us && !atomic_load(&k->work->draining) &&
           !atomic_load(&r->stopping)) {
        worker_turn(k);
        if (!a->answered)
            (void)engine_poll(k->engine, 50);
    }
    if (!a->answered)
        engine_cancel(k->engine, a);
    while (!a->answered)
        (void)engine_poll(k->engine, 10);
    return 0;
}

/* The vectors of the probe texts. A dimension that was learned is given up when nothing has it any
 * more. */
static int probe(struct worker *k, struct run_info *r, struct answer *a, struct err *e)
{
    struct encoder *c = r->encoder;
    if (ask(k, r, a, e) < 0)
        return -1;
    if (a->other_dimension && encoder_get_settings(c)->dimension == 0) {
        encoder_forget_dimension(c);
        free_answer(a);
        *a = (struct answer){0};
        if (ask(k, r, a, e) < 0)
            return -1;
    }
    if (a->vectors > 0)
        return 0;
    return err_set(e, ERR_PROVIDER, "the encoder does not answer: %s", a->detail);
}

/* A version on record; `rows` own the vectors. */
struct version {
    struct rows *rows;
    uint8_t id[UUID_BYTES];
    int dimension;
    int64_t number;
    struct str probes;
    bool changed;  /* it was found to be, when last looked at */
    bool declared; /* it is of the encoder as it is declared */
};

static void free_version(struct version *v)
{
    rows_free(v->rows);
}

static struct encoder_identity identity_of(struct encoder *c, int64_t version)
{
    const struct encoder_settings *s = encoder_get_settings(c);
    return (struct encoder_identity){
        .name = str_of(s->name),
        .kind = str_of(s->kind),
        .model = str_of(s->model),
        .revision = str_of(s->revision),
        .weights = str_of(encoder_weights_hash(c)),
        .dimension = encoder_dimension(c),
        .version = version,
    };
}

static void call_declared(struct db_call *c, struct encoder *encoder)
{
    const struct encoder_settings *s = encoder_get_settings(encoder);
    call_z(c, s->kind);
    call_z(c, s->model);
    call_z(c, s->revision ? s->revision : "");
    call_z(c, encoder_weights_hash(encoder));
    call_i64(c, s->dimension);
}

/* Leaves v without rows when there is none. */
static int read_version(struct worker *k, const struct db_call *c, struct version *v, struct err *e)
{
    if (db_run(k->db, c, &v->rows, e) < 0)
        return -1;
    if (rows_count(v->rows) == 0 || !hex_decode(rows_text(v->rows, 0, 0), v->id, UUID_BYTES)) {
        rows_free(v->rows);
        v->rows = NULL;
        return 0;
    }
    v->dimension = (int)rows_i64(v->rows, 0, 1);
    v->number = rows_i64(v->rows, 0, 2);
    v->probes = rows_bytes(v->rows, 0, 3);
    v->changed = rows_bool(v->rows, 0, 4);
    return 0;
}

static int find_current(struct worker *k, struct encoder *encoder, struct version *v, struct err *e)
{
    struct db_call c;
    call_init(&c, STMT_ENCODER_CURRENT);
    call_z(&c, encoder_get_settings(encoder)->name);
    call_declared(&c, encoder);
    if (read_version(k, &c, v, e) < 0)
        return -1;
    v->declared = true;
    return 0;
}

static int find_own(struct worker *k, struct run_info *r, struct version *v, struct err *e)
{
    struct db_call c;
    call_init(&c, STMT_ENCODER_OF_RUN);
    call_bytes(&c, r->id, UUID_BYTES);
    call_declared(&c, r->encoder);
    if (read_version(k, &c, v, e) < 0)
        return -1;
    v->declared = v->rows && rows_bool(v->rows, 0, 5);
    return 0;
}

/* The smallest cosine; 1 with a version of which nothing is kept yet. */
static double compare(const struct version *v, const struct answer *a)
{
    int compared = 0;
    if (v->dimension != a->dimension)
        return 0;
    double smallest = probes_compare(v->probes, a->v, (size_t)a->dimension, &compared);
    return v->probes.p && compared > 0 ? smallest : 1;
}

static void pack(const struct answer *a, uint8_t *bytes)
{
    probes_pack(a->v, (size_t)a->dimension, bytes);
}

static int put_checked(struct worker *k, const uint8_t *id, const struct answer *a, double cosine,
                       struct err *e)
{
    size_t n = 4 * PROBES * (size_t)a->dimension;
    uint8_t *bytes _cleanup_(freep) = malloc(n);
    struct db_call c;
    if (!bytes)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    pack(a, bytes);
    call_init(&c, STMT_ENCODER_CHECKED);
    call_bytes(&c, id, UUID_BYTES);
    call_double(&c, cosine);
    call_bytes(&c, bytes, n);
    return db_run(k->db, &c, NULL, e);
}

/* The first version, now that the dimension is known. */
static int put_first(struct worker *k, struct encoder *encoder, const struct answer *a,
                     uint8_t id[UUID_BYTES], struct err *e)
{
    const struct encoder_settings *s = encoder_get_settings(encoder);
    struct encoder_identity x = identity_of(encoder, 1);
    size_t n = 4 * PROBES * (size_t)a->dimension;
    uint8_t *bytes _cleanup_(freep) = malloc(n);
    struct db_call c;
    if (!bytes)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    pack(a, bytes);
    encoder_version_id(&x, id);
    call_init(&c, STMT_ENCODER_REGISTER);
    call_bytes(&c, id, UUID_BYTES);
    call_z(&c, s->name);
    call_z(&c, s->kind);
    call_z(&c, s->model);
    call_i64(&c, a->dimension);
    call_z(&c, s->revision ? s->revision : "");
    call_z(&c, encoder_weights_hash(encoder));
    call_i64(&c, 1);
    call_bytes(&c, bytes, n);
    return db_run(k->db, &c, NULL, e);
}

static int take_back(struct worker *k, const uint8_t *id, const double *cosine, struct err *e)
{
    struct rows *rows[2] = {0};
    struct db_call c[2];
    call_init(&c[0], STMT_TAKE_LONG); /* it looks at every embedding there is */
    call_init(&c[1], STMT_ENCODER_UNDO);
    call_bytes(&c[1], id, UUID_BYTES);
    if (cosine)
        call_double(&c[1], *cosine);
    else
        call_null(&c[1]);
    int rc = db_batch(k->db, c, 2, rows, e);
    rows_free(rows[0]);
    rows_free(rows[1]);
    return rc;
}

static void use(struct run_info *r, const uint8_t *id, int dimension)
{
    if (r->encoder_used)
        return;
    memcpy(r->encoder_id, id, UUID_BYTES);
    r->encoder_known = r->encoder_used = true;
    r->dimension = dimension;
}

/* It is as it was. 1 when what was made meanwhile has been taken back. */
static int go_on(struct worker *k, struct run_info *r, const struct version *v,
                 const struct answer *a, double cosine, struct err *e)
{
    struct db_call c;
    if (v->changed && take_back(k, v->id, &cosine, e) < 0)
        return -1;
    if (put_checked(k, v->id, a, cosine, e) < 0)
        return -1;
    call_init(&c, STMT_RUN_SET_ENCODER);
    call_bytes(&c, r->id, UUID_BYTES);
    call_bytes(&c, v->id, UUID_BYTES);
    if (db_run(k->db, &c, NULL, e) < 0)
        return -1;
    use(r, v->id, a->dimension);
    return v->changed;
}

static int stop(struct worker *k, const struct run_info *r, const struct version *v,
                const struct answer *a, double cosine, struct err *e)
{
    const char *name = encoder_get_settings(r->encoder)->name;
    if (put_checked(k, v->id, a, cosine, e) < 0)
        return -1;
    if (v->dimension != a->dimension)
        return err_set(e, ERR_CONFLICT,
                       "%s answers %d numbers, its version %lld has %d: bring the model back, or "
                       "make a new version by POST /v1/encoders/%s/versions; then resume",
                       name, a->dimension, (long long)v->number, v->dimension, name);
    return err_set(e, ERR_CONFLICT,
                   "the vectors of %s are not those of its version %lld any more (smallest cosine "
                   "%.4f): bring the model back, or make a new version by POST "
                   "/v1/encoders/%s/versions; then resume",
                   name, (long long)v->number, cosine, name);
}

/* The operator has made another version, which is the one that answers. 1. */
static int change_over(struct worker *k, struct run_info *r, const struct version *from,
                       const struct version *to, const struct answer *a, struct err *e)
{
    struct db_call c;
    if (take_back(k, from->id, NULL, e) < 0)
        return -1;
    call_init(&c, STMT_RUN_SWITCH_ENCODER);
    call_bytes(&c, r->id, UUID_BYTES);
    call_bytes(&c, from->id, UUID_BYTES);
    call_bytes(&c, to->id, UUID_BYTES);
    if (db_run(k->db, &c, NULL, e) < 0)
        return -1;
    log_event(LOG_INFO, "run_encoder_switched", log_z("run", r->hex));
    use(r, to->id, a->dimension);
    return 1;
}

static int judge_own(struct worker *k, struct run_info *r, const struct version *own,
                     const struct answer *a, struct err *e)
{
    struct version current __attribute__((cleanup(free_version))) = {0};
    double cosine = compare(own, a);
    if (!own->declared)
        return err_set(e, ERR_CONFLICT,
                       "%s is declared with another model, revision or dimension than the run was "
                       "begun with: set it back and resume, or start another run",
                       encoder_get_settings(r->encoder)->name);
    if (cosine >= PROBE_COSINE_MIN)
        return go_on(k, r, own, a, cosine, e);
    if (put_checked(k, own->id, a, cosine, e) < 0 || find_current(k, r->encoder, &current, e) < 0)
        return -1;
    if (!current.rows || memcmp(current.id, own->id, UUID_BYTES) == 0)
        return stop(k, r, own, a, cosine, e);
    double newer = compare(&current, a);
    if (newer < PROBE_COSINE_MIN)
        return stop(k, r, &current, a, newer, e);
    /* Not under the calls that are on their way for the old one. */
    return r->encoder_used ? stop(k, r, own, a, cosine, e) : change_over(k, r, own, &current, a, e);
}

static int judge_current(struct worker *k, struct run_info *r, const struct answer *a,
                         struct err *e)
{
    struct version current __attribute__((cleanup(free_version))) = {0};
    if (find_current(k, r->encoder, &current, e) < 0)
        return -1;
    if (!current.rows) {
        current.declared = true;
        current.dimension = a->dimension;
        if (put_first(k, r->encoder, a, current.id, e) < 0)
            return -1;
    }
    double cosine = compare(&current, a);
    return cosine >= PROBE_COSINE_MIN ? go_on(k, r, &current, a, cosine, e)
                                      : stop(k, r, &current, a, cosine, e);
}

static int check(struct worker *k, struct run_info *r, struct err *e)
{
    struct answer a __attribute__((cleanup(free_answer))) = {0};
    struct version own __attribute__((cleanup(free_version))) = {0};
    if (probe(k, r, &a, e) < 0 || find_own(k, r, &own, e) < 0)
        return -1;
    if (r->encoder_used && own.rows && memcmp(own.id, r->encoder_id, UUID_BYTES) != 0) {
        atomic_store(&r->stopping, true); /* to be loaded anew, with the version of the others */
        return err_set(e, ERR_UNAVAILABLE, "the run has changed over to another encoder version");
    }
    int rc = own.rows ? judge_own(k, r, &own, &a, e) : judge_current(k, r, &a, e);
    if (rc >= 0)
        runs_note_checked(k->work, r);
    return rc;
}

/* Loading a run anew does not ask again at once. */
static bool was_checked(struct worker *k, struct run_info *r)
{
    bool was = r->encoder_known && encoder_dimension(r->encoder) == r->dimension &&
               clock_us() - runs_checked_us(k->work, r) < CHECK_AGAIN_US;
    r->encoder_used |= was;
    return was;
}

static void pause_run(struct worker *k, struct run_info *r, const struct err *e)
{
    char why[200];
    if (e->code == ERR_CONFLICT)
        run_ask_pause(k->work, r, k->db, "encoder-changed", e->msg);
    else if (encoder_stopped(r->encoder, why))
        run_ask_pause(k->work, r, k->db, "provider", why);
    else if (e->code == ERR_PROVIDER)
        run_ask_pause(k->work, r, k->db, "provider", e->msg);
}

int encoder_version_ensure(struct worker *k, struct run_info *r, bool now, struct err *e)
{
    if (!r->encoder)
        return err_set(e, ERR_INTERNAL, "a run without an encoder");
    (void)pthread_mutex_lock(&r->encoder_mutex);
    int rc = 0;
    if (atomic_load(&r->stopping)) /* another thread has found out */
        rc = err_set(e, ERR_UNAVAILABLE, "the run stops");
    else if (now || !was_checked(k, r))
        rc = check(k, r, e);
    (void)pthread_mutex_unlock(&r->encoder_mutex);
    if (rc < 0 && !atomic_load(&k->work->draining))
        pause_run(k, r, e);
    return rc;
}
