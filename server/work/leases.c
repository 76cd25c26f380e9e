#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/work/internal.h"

int leases_init(struct leases *l)
{
    l->ready_tail = &l->ready;
    if (pthread_mutex_init(&l->mutex, NULL))
        return -1;
    return clock_cond_init(&l->ready_changed) || clock_cond_init(&l->dispatch_wanted) ? -1 : 0;
}

void leases_destroy(struct leases *l)
{
    (void)pthread_cond_destroy(&l->ready_changed);
    (void)pthread_cond_destroy(&l->dispatch_wanted);
    (void)pthread_mutex_destroy(&l->mutex);
}

struct task *leases_take(struct leases *l, int wait_ms)
{
    (void)pthread_mutex_lock(&l->mutex);
    if (!l->ready && wait_ms > 0)
        (void)clock_cond_wait(&l->ready_changed, &l->mutex, wait_ms);
    struct task *t = l->ready;
    if (t) {
        l->ready = t->next_ready;
        if (!l->ready)
            l->ready_tail = &l->ready;
        l->n_ready--;
        /* The dispatcher refills while the last tasks are still being worked on. */
        l->wanted = true;
        (void)pthread_cond_signal(&l->dispatch_wanted);
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return t;
}

void leases_add(struct leases *l, struct task *t)
{
    (void)pthread_mutex_lock(&l->mutex);
    t->next = l->held;
    l->held = t;
    l->n_held++;
    t->next_ready = NULL;
    *l->ready_tail = t;
    l->ready_tail = &t->next_ready;
    l->n_ready++;
    metric_set(METRIC_LEASES, NULL, l->n_held);
    (void)pthread_cond_signal(&l->ready_changed);
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
