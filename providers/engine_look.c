/* Deadlines. The calls under way are looked at a few times a second, which costs less than a timer
 * for each. */
#include "providers/engine_state.h"

enum { HANGS_MAX = 3 /* times that one row is taken away from a call that hangs */ };

/* A reply that has begun and then stands still for so long is given up. */
static const int64_t stall_us = 30000000;
/* What is under way when its endpoint stops was paid for: it gets so long to arrive. */
static const int64_t stop_grace_us = 5000000;

static bool past(int64_t since_us, int seconds, int64_t now_us)
{
    return now_us - since_us >= (int64_t)seconds * 1000000;
}

/* Whether a call is past a deadline; v says of what kind. */
static bool is_late(const struct job *j, const struct patience *p, int64_t now_us,
                    struct verdict *v)
{
    const struct upstream_settings *s = upstream_get_settings(j->lane->upstream);
    const struct exchange *x = j->exchange;
    int64_t from_us = x->permit.started_us;

    if (!x->sent && past(from_us, s->connect_timeout_s, now_us))
        verdict_set(v, VERDICT_WAIT, FAULT_LINE, "unreachable", "no connection within %d seconds",
                    s->connect_timeout_s);
    else if (past(from_us, s->timeout_s, now_us))
        verdict_set(v, VERDICT_AGAIN, FAULT_SLOW, "timeout", "no whole answer within %d seconds",
                    s->timeout_s);
    else if (x->received_us != 0 && now_us - x->received_us >= stall_us)
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "timeout", "the reply stood still for %d seconds",
                    (int)(stall_us / 1000000));
    else if (s->queue_timeout_s > 0 && x->began_us == 0 &&
             past(from_us, s->queue_timeout_s, now_us))
        verdict_set(v, VERDICT_AGAIN, FAULT_BUSY, "queue_timeout",
                    "the answer did not begin within %d seconds", s->queue_timeout_s);
    else if (p->hang_us > 0 && x->began_us == 0 && now_us - from_us >= p->hang_us &&
             j->hangs < HANGS_MAX)
        verdict_set(v, VERDICT_WAIT, FAULT_HANG, "hang",
                    "no answer within %d seconds, far beyond others", (int)(p->hang_us / 1000000));
    else
        return false;
    return true;
}

/* The first call that is to be ended. One at a stopped endpoint goes back to wait for another, when
 * there is one: v->kind is VERDICT_RETURNED then. */
static struct job *first_late(const struct lane *l, const struct patience *p, int64_t now_us,
                              struct verdict *v)
{
    for (struct job *j = l->running.head; j; j = j->next) {
        const struct patience *at = &p[j->exchange->permit.endpoint];
        if (is_late(j, at, now_us, v))
            return j;
        if (at->stopped_us != 0 && now_us - at->stopped_us >= stop_grace_us &&
            !upstream_stopped(l->upstream, NULL)) {
            v->kind = VERDICT_RETURNED;
            return j;
        }
    }
    return NULL;
}

void engine_look(struct engine *g, struct lane *l, int64_t now_us)
{
    struct patience p[ENDPOINTS_MAX];
    struct verdict v;
    struct job *j;

    if (!l->running.head)
        return;
    upstream_patience(l->upstream, p);
    /* From the front each time: a callback may have changed the queue. */
    while ((j = first_late(l, p, now_us, &v))) {
        if (v.kind == VERDICT_RETURNED) {
            j->last = j->exchange->permit.endpoint + 1;
            engine_abandon(j);
            job_push_front(&l->ready, j);
            continue;
        }
        struct exchange *x = engine_detach(j);
        exchange_hide_key(x);
        engine_settle(g, x, &v);
    }
}
