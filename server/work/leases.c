#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/work/internal.h"

int leases_init(struct leases *l)
{
    if (pthread_mutex_init(&l->mutex, NULL))
        return -1;
    for (int i = 0; i < LANES; i++) {
        l->ready[i].tail = &l->ready[i].first;
        if (clock_cond_init(&l->ready[i].changed))
            return -1;
    }
    return clock_cond_init(&l->dispatch_wanted) ? -1 : 0;
}

void leases_destroy(struct leases *l)
{
    for (int i = 0; i < LANES; i++)
        (void)pthread_cond_destroy(&l->ready[i].changed);
    (void)pthread_cond_destroy(&l->dispatch_wanted);
    (void)pthread_mutex_destroy(&l->mutex);
}

struct task *leases_take(struct leases *l, enum stage_lane lane, int wait_ms)
{
    struct ready *r = &l->ready[lane];
    (void)pthread_mutex_lock(&l->mutex);
    if (!r->first && wait_ms > 0)
        (void)clock_cond_wait(&r->changed, &l->mutex, wait_ms);
    struct task *t = r->first;
    if (t) {
        r->first = t->next_ready;
        if (!r->first)
            r->tail = &r->first;
        r->n--;
        /* The dispatcher refills while the last tasks are still being worked on. */
        l->wanted = true;
        (void)pthread_cond_signal(&l->dispatch_wanted);
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return t;
}

void leases_add(struct leases *l, struct task *t)
{
    struct ready *r = &l->ready[stages[t->stage].lane];
    (void)pthread_mutex_lock(&l->mutex);
    t->next = l->held;
    l->held = t;
    l->n_held++;
    t->next_ready = NULL;
    *r->tail = t;
    r->tail = &t->next_ready;
    r->n++;
    metric_set(METRIC_LEASES, NULL, l->n_held);
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&l->mutex);
}

void leases_drop(struct work *w, struct task *t)
{
    struct leases *l = &w->leases;
    (void)pthread_mutex_lock(&l->mutex);
    for (struct task **p = &l->held; *p; p = &(*p)->next)
        if (*p == t) {
            *p = t->next;
            l->n_held--;
            break;
        }
    metric_set(METRIC_LEASES, NULL, l->n_held);
    (void)pthread_mutex_unlock(&l->mutex);
    runs_put(w, t->info);
    free(t);
}

void leases_want(struct leases *l)
{
    (void)pthread_mutex_lock(&l->mutex);
    l->wanted = true;
    (void)pthread_cond_signal(&l->dispatch_wanted);
    (void)pthread_mutex_unlock(&l->mutex);
}
