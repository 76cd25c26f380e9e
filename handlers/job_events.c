/* Server-sent events of a job. A stream holds no thread: a timer asks the database what is new, and
 * the database's thread writes it. The state is asked for often, since that costs one row; progress
 * as seldom as it has to be for the asking to cost little. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/job.h"
#include "server/base/clock.h"

enum {
    STEP_MS = 250,
    LOOK_US = 1000000,
    LOOK_COSTS = 20, /* of the time between looks at progress, at most one part */
    KEEP_ALIVE_US = 15000000,
    LIFE_S = 3600, /* then whoever follows comes back, and its key is asked for anew */
    RETRY_AFTER_S = 5,
    EVENT_MAX = 128 * 1024,
};

/* Of one request, used by one thread at a time. */
struct stream {
    const struct job_kind *kind;
    const char *job;
    int64_t revision, ended; /* told last */
    bool looks;              /* at progress, now */
    int64_t asked_us, look_us, said_us;
    bool final;
};

static void ask(struct req *q)
{
    struct db_call *c = &op_state(q)->call;
    const struct stream *s = op_state(q)->data;
    call_init(c, s->kind->event);
    bind_caller(q, c);
    call_z(c, s->job);
    call_i64(c, s->revision);
    call_i64(c, s->ended);
    call_bool(c, s->looks);
}

/* "4-1280", as we gave it; whoever comes with anything else is told all. */
static void read_last(const struct req *q, struct stream *s)
{
    struct str id = req_header(q, "Last-Event-ID");
    const char *dash = id.p ? memchr(id.p, '-', id.n) : NULL;
    int64_t revision, ended;
    s->revision = s->ended = -1;
    if (!dash)
        return;
    size_t n = (size_t)(dash - id.p);
    if (str_to_i64((struct str){id.p, n}, 0, INT64_MAX, &revision) &&
        str_to_i64(str_from(id, n + 1), 0, INT64_MAX, &ended)) {
        s->revision = revision;
        s->ended = ended;
    }
}

int job_events_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e)
{
    struct stream *s = arena_alloc(q->arena, sizeof(*s));
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    if (bind_id(q, c, kind->event, kind->name, e) < 0)
        return -1;
    *s =
        (struct stream){.kind = kind, .job = c->params[1].p, .looks = true, .asked_us = clock_us()};
    op_state(q)->data = s;
    read_last(q, s);
    ask(q);
    return 0;
}

/* Adds the event, if there is one, and remembers that it was told. */
static void tell(struct stream *s, const struct rows *r, struct buf *b)
{
    s->final = job_is_final(rows_text(r, 0, 0));
    if (rows_null(r, 0, 3))
        return;
    s->revision = rows_i64(r, 0, 1);
    s->ended = rows_i64(r, 0, 2);
    buf_addf(b, "id: %lld-%lld\nevent: %s\ndata: ", (long long)s->revision, (long long)s->ended,
             s->kind->name);
    struct str json = rows_text(r, 0, 3);
    for (size_t i = 0; i < json.n; i++)
        if (json.p[i] != '\n') /* between members only */
            buf_addc(b, json.p[i]);
    buf_addz(b, "\n\n");
}

/* Browsers come back when a stream ends, unless this time is long. */
static void add_end(const struct stream *s, struct buf *b)
{
    if (s->final)
        buf_addf(b, "retry: 86400000\n: the %s has ended\n\n", s->kind->name);
}

static void leave(struct req *q)
{
    struct app *app = q->app;
    (void)atomic_fetch_sub(&app->streams, 1);
    http_complete(q);
}

static void next(struct req *q);

/* What is to be sent goes out; then the stream waits for its next step or ends. */
static void go_on(struct req *q, struct buf *b)
{
    struct stream *s = op_state(q)->data;
    int64_t now = clock_us();
    bool over = s->final || http_draining(q) || b->failed ||
                now - q->started_us > (int64_t)LIFE_S * 1000000;
    if (!over && b->n == 0 && now - s->said_us > KEEP_ALIVE_US)
        buf_addz(b, ": still here\n\n");
    if (b->n > 0)
        s->said_us = now;
    over |= http_answer_offer(q, b->p, b->n) < 0;
    buf_free(b);
    if (over)
        leave(q);
    else
        http_after(q, STEP_MS, next);
}

/* How often to look at progress follows from what the last look took. */
static void plan_look(struct stream *s)
{
    int64_t now = clock_us();
    if (s->looks) {
        int64_t pause = (now - s->asked_us) * LOOK_COSTS;
        s->look_us = now + (pause > LOOK_US ? pause : LOOK_US);
    }
    s->looks = now + STEP_MS * 1000 >= s->look_us;
}

/* On a database thread. A stream whose job is gone or whose database is away ends: whoever follows
 * comes back and is told why. */
static void on_look(void *arg, struct rows *rows, const struct err *e)
{
    struct req *q = arg;
    struct stream *s = op_state(q)->data;
    bool failed = (e && e->code != ERR_NONE) || rows_count(rows) == 0;
    struct buf b;
    buf_init(&b, EVENT_MAX);
    if (!failed) {
        tell(s, rows, &b);
        add_end(s, &b);
        plan_look(s);
    }
    rows_free(rows);
    if (!failed) {
        go_on(q, &b);
        return;
    }
    buf_free(&b);
    leave(q);
}

/* On the timer's thread. */
static void next(struct req *q)
{
    struct app *app = q->app;
    struct stream *s = op_state(q)->data;
    s->asked_us = clock_us();
    ask(q);
    db_async_submit(app->database, &op_state(q)->call, on_look, q);
}

static int enter(struct req *q, struct err *e)
{
    struct app *app = q->app;
    if (atomic_fetch_add(&app->streams, 1) < app->config->event_streams) {
        q->res.status = 200;
        q->res.content_type = "text/event-stream";
        res_header(q, "X-Accel-Buffering", "no"); /* nginx sends each event on at once */
        if (http_answer_begin(q, HTTP_OPEN_END, e) == 0)
            return 0;
    } else {
        (void)err_set(e, ERR_UNAVAILABLE, "as many streams of events as may be are open already");
        e->retry_after = RETRY_AFTER_S;
    }
    (void)atomic_fetch_sub(&app->streams, 1);
    return -1;
}

int job_events_render(struct req *q, const struct rows *r, struct err *e)
{
    struct stream *s = op_state(q)->data;
    struct buf b;
    if (rows_count(r) == 0)
        return no_such(s->kind->name, e);
    if (enter(q, e) < 0)
        return -1;
    if (!http_answer_wanted(q)) {
        leave(q);
        return RENDER_BEGUN;
    }
    buf_init(&b, EVENT_MAX);
    buf_addz(&b, "retry: 3000\n\n");
    tell(s, r, &b);
    add_end(s, &b);
    plan_look(s);
    go_on(q, &b);
    return RENDER_BEGUN;
}
