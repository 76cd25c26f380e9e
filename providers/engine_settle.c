/* What follows from a reply: another try, or the answer. */
#include <string.h>

#include "providers/engine_state.h"
#include "providers/retry.h"
#include "server/base/clock.h"

enum {
    WAITS_MAX = 256,     /* refusals that one row sits out while others are served */
    LINE_FAULTS_MAX = 8, /* connections that one row breaks */
    RESENDS_MAX = 8,     /* forms that one row is sent in */
};

/* Due times are rounded up to this, so that they are looked at rarely. */
static const int64_t due_grain_us = 10000;

/* A connection that breaks while others at that endpoint get answers is the row's doing, and counts
 * for it. So does one that breaks again and again after the request was sent, when there are no
 * others to tell. */
static void count_line_fault(struct job *j, int endpoint, int most)
{
    uint64_t answers = upstream_answers(j->lane->upstream, endpoint);

    if (j->line_faults > 0 && j->last == endpoint + 1 && answers != j->answers_at_line)
        j->attempts++;
    if (++j->line_faults >= LINE_FAULTS_MAX)
        j->attempts = most;
    j->answers_at_line = answers;
}

static void count(struct job *j, const struct verdict *v, int endpoint, int most)
{
    if (v->fault == FAULT_LINE && v->kind == VERDICT_WAIT && strcmp(v->reason, "unreachable") != 0)
        count_line_fault(j, endpoint, most);
    j->waits += v->kind == VERDICT_WAIT;
    j->attempts += v->kind == VERDICT_AGAIN;
    j->hangs += v->fault == FAULT_HANG;
    j->resends += v->kind == VERDICT_RESEND;
    if (v->fault == FAULT_LINE || v->fault == FAULT_HANG || v->fault == FAULT_SLOW ||
        v->kind == VERDICT_STOP)
        j->last = endpoint + 1;
}

/* What of it is final: the row's limits are reached, or nobody is left to ask. */
static void conclude(const struct job *j, struct verdict *v, int most)
{
    bool open = v->kind == VERDICT_WAIT || v->kind == VERDICT_AGAIN || v->kind == VERDICT_RESEND ||
                v->kind == VERDICT_STOP;

    if (open && upstream_stopped(j->lane->upstream, NULL))
        v->kind = VERDICT_RETURNED;
    else if (open && (j->attempts >= most || j->waits >= WAITS_MAX || j->resends >= RESENDS_MAX ||
                      (j->paid_max > 0 && j->paid >= j->paid_max)))
        v->kind = VERDICT_ROW;
}

static void queue_again(struct engine *g, struct job *j, const struct verdict *v, int64_t now_us)
{
    /* At once in another form, or at another endpoint. */
    if (v->kind == VERDICT_RESEND || v->kind == VERDICT_STOP || v->fault == FAULT_HANG) {
        job_push_front(&j->lane->ready, j);
        return;
    }
    int n = v->kind == VERDICT_AGAIN ? j->attempts : 1;
    uint64_t random = (uint64_t)now_us * 0x9e3779b97f4a7c15ULL >> 20;
    int64_t due_us = now_us + retry_backoff_us(n, random);
    j->due_us = (due_us / due_grain_us + 1) * due_grain_us;
    if (j->due_us < g->later_due_us)
        g->later_due_us = j->due_us;
    job_push(&g->later, j);
}

/* Tokens that the provider will have counted: what it said, all that was expected when it said
 * nothing, and none when it was not reached. */
static double tokens_of(const struct exchange *x)
{
    if (!x->sent)
        return 0;
    return x->served ? x->job->tokens_used : -1;
}

static void give_back(struct exchange *x, const struct verdict *v, int64_t now_us)
{
    struct job *j = x->job;
    struct outcome o = {
        .verdict = v,
        .now_us = now_us,
        .sent = x->sent,
        .served = x->served,
        .tokens_out = x->served ? j->tokens_out : 0,
        .said = x->said,
    };
    struct sending s = {
        .sent = x->sent,
        .costs = x->sent && !x->refused,
        .took_us = now_us - x->permit.started_us,
    };

    j->paid += s.costs;
    if (j->ops->ended)
        j->ops->ended(j, &s);
    upstream_give(j->lane->upstream, &j->lane->seat, &x->permit, &o, tokens_of(x));
}

void engine_settle(struct engine *g, struct exchange *x, struct verdict *v)
{
    struct job *j = x->job;
    struct lane *l = j->lane;
    int most = upstream_get_settings(l->upstream)->attempts;
    int64_t now_us = clock_us();

    give_back(x, v, now_us);
    l->again_us = 0;
    count(j, v, x->permit.endpoint, most);
    conclude(j, v, most);
    if (v->kind == VERDICT_OK || v->kind == VERDICT_ROW || v->kind == VERDICT_RETURNED)
        j->ops->done(j, v, exchange_raw(x));
    else
        queue_again(g, j, v, now_us);
    engine_retire(l, x);
}
