#include <stdio.h>

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/work/internal.h"

enum { PROBE_TIMEOUT_US = 120000000 };

struct probe {
    bool answered, ok;
    char detail[200];
};

static void on_probe(void *arg, const struct encoder_reply *reply)
{
    struct probe *p = arg;
    p->answered = true;
    p->ok = reply->n == 1 && reply->outcome[0] == ENCODER_OK;
    (void)snprintf(p->detail, sizeof(p->detail), "%s", reply->detail);
}

/* Learns the dimension from one short text. Blocks this worker, once in an encoder's life. */
static int learn_dimension(struct worker *k, struct run_info *r, struct err *e)
{
    const struct str text = STR("A dog runs over the grass.");
    struct probe p = {0};
    int64_t deadline = clock_us() + PROBE_TIMEOUT_US;
    if (encoder_submit(k->engine, r->encoder, &text, 1, &p, on_probe, &p, e) < 0)
        return -1;
    while (!p.answered && clock_us() < deadline && !atomic_load(&k->work->stopped))
        (void)engine_poll(k->engine, 100);
    if (!p.answered) {
        engine_cancel(k->engine, &p);
        while (!p.answered)
            (void)engine_poll(k->engine, 10);
    }
    if (p.ok)
        return 0;
    return err_set(e, ERR_PROVIDER, "the encoder does not answer: %s", p.detail);
}

static int find_version(struct worker *k, const struct encoder_settings *s, uint8_t *id,
                        int *dimension, struct err *e)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    call_init(&c, STMT_ENCODER_FIND);
    call_z(&c, s->name);
    call_z(&c, s->kind);
    call_z(&c, s->model);
    if (db_run(k->db, &c, &rows, e) < 0)
        return -1;
    *dimension = 0;
    if (rows_count(rows) > 0 && hex_decode(rows_text(rows, 0, 0), id, UUID_BYTES))
        *dimension = (int)rows_i64(rows, 0, 1);
    return 0;
}

static int record(struct worker *k, struct run_info *r, const struct encoder_settings *s,
                  int dimension, struct err *e)
{
    struct db_call c;
    encoder_version_id(str_of(s->name), str_of(s->kind), str_of(s->model), dimension,
                       r->encoder_id);
    call_init(&c, STMT_ENCODER_REGISTER);
    call_bytes(&c, r->encoder_id, UUID_BYTES);
    call_z(&c, s->name);
    call_z(&c, s->kind);
    call_z(&c, s->model);
    call_i64(&c, dimension);
    if (db_run(k->db, &c, NULL, e) < 0)
        return -1;
    call_init(&c, STMT_RUN_SET_ENCODER);
    call_bytes(&c, r->id, UUID_BYTES);
    call_bytes(&c, r->encoder_id, UUID_BYTES);
    return db_run(k->db, &c, NULL, e);
}

static int ensure(struct worker *k, struct run_info *r, struct err *e)
{
    const struct encoder_settings *s = encoder_get_settings(r->encoder);
    uint8_t known[UUID_BYTES];
    int stored = 0;
    if (encoder_dimension(r->encoder) == 0 && learn_dimension(k, r, e) < 0)
        return -1;
    if (r->encoder_known)
        return 0;
    int dimension = encoder_dimension(r->encoder);
    if (find_version(k, s, known, &stored, e) < 0)
        return -1;
    if (stored && stored != dimension)
        return err_set(e, ERR_PROVIDER,
                       "the encoder answers %d values, its version on record has %d: declare it "
                       "under another name",
                       dimension, stored);
    if (record(k, r, s, dimension, e) < 0)
        return -1;
    r->encoder_known = true;
    return 0;
}

int encoder_version_ensure(struct worker *k, struct run_info *r, struct err *e)
{
    char why[200];
    (void)pthread_mutex_lock(&r->encoder_mutex);
    int rc = r->encoder ? ensure(k, r, e) : err_set(e, ERR_INTERNAL, "a run without an encoder");
    (void)pthread_mutex_unlock(&r->encoder_mutex);
    if (rc < 0 && r->encoder && encoder_stopped(r->encoder, why))
        run_ask_pause(k->work, r, k->db, "provider", why);
    else if (rc < 0 && e->code == ERR_PROVIDER)
        run_ask_pause(k->work, r, k->db, "provider", e->msg);
    return rc;
}
