/* A simulated model server with clients that have a governor each; time is made up. */
#ifndef MONOCEROS_TESTS_GOVERNOR_SIM_H
#define MONOCEROS_TESTS_GOVERNOR_SIM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "providers/governor.h"

enum { CALLS_MAX = 8192, CLIENTS_MAX = 4 };

/* A server that works on `slots` calls at a time and queues the others in order of arrival. All
 * that it works on advance together, by `rate` tokens a second each. */
struct model {
    int slots;
    double rate;          /* tokens a second of a call when it is alone */
    double slowdown;      /* share by which each further call slows all: batching */
    double prefill_s;     /* before the first token */
    double least, most;   /* tokens of an answer, uniform */
    double noise;         /* of the time that a token takes, by call */
    bool usage;           /* whether it says how many tokens there were */
    int refuses_above;    /* in flight; 0: never */
    double refuses_share; /* at random, however few there are */
    double pause_s;       /* that it asks of a client whose call it refuses */
    int hangs_above;      /* in flight: such calls are never answered; 0: never */
};

struct client {
    struct governor g;
    int running, done;
    double paused_until;
};

struct call {
    struct client *client;
    double started, ends_at; /* seconds; ends_at: in tokens of the server's progress */
    double tokens;
    int at_once;
    struct call *next; /* in the queue */
};

struct sim {
    struct model m;
    struct client clients[CLIENTS_MAX];
    int n_clients;
    int window; /* of each */
    double now, progress;
    struct call calls[CALLS_MAX], *free;
    struct call *heap[CALLS_MAX];
    int n_active;
    struct call *queue, **queue_tail;
    int n_queued;
    struct call *hung[CALLS_MAX];
    int n_hung;
    struct call *refused[CALLS_MAX];
    int n_refused;
    uint64_t random;
    double hang_s;
    /* since the last mark */
    double busy, could, queued, marked_at;
    int done, wasted;
    double tokens_done;
};

static inline double random_of(struct sim *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) / 9007199254740992.0;
}

static inline double rate_now(const struct sim *s)
{
    return s->m.rate / (1 + s->m.slowdown * (s->n_active > 0 ? s->n_active - 1 : 0));
}

static inline void sift_up(struct sim *s, int i)
{
    for (; i > 0 && s->heap[i]->ends_at < s->heap[(i - 1) / 2]->ends_at; i = (i - 1) / 2) {
        struct call *c = s->heap[i];
        s->heap[i] = s->heap[(i - 1) / 2];
        s->heap[(i - 1) / 2] = c;
    }
}

static inline struct call *pop(struct sim *s)
{
    struct call *first = s->heap[0];
    int i = 0;

    s->heap[0] = s->heap[--s->n_active];
    for (;;) {
        int least = i, left = 2 * i + 1;
        for (int child = left; child <= left + 1 && child < s->n_active; child++)
            if (s->heap[child]->ends_at < s->heap[least]->ends_at)
                least = child;
        if (least == i)
            return first;
        struct call *c = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = c;
        i = least;
    }
}

static inline void work_on(struct sim *s, struct call *c)
{
    double slower = 1 + s->m.noise * (2 * random_of(s) - 1);

    c->ends_at = s->progress + c->tokens * slower + s->m.prefill_s * s->m.rate;
    s->heap[s->n_active++] = c;
    sift_up(s, s->n_active - 1);
}

static inline void take_from_queue(struct sim *s)
{
    while (s->queue && s->n_active < s->m.slots) {
        struct call *c = s->queue;
        s->queue = c->next;
        if (!s->queue)
            s->queue_tail = &s->queue;
        s->n_queued--;
        work_on(s, c);
    }
}

static inline void arrive(struct sim *s, struct call *c)
{
    int there = s->n_active + s->n_queued;

    if ((s->m.refuses_above && there >= s->m.refuses_above) ||
        (s->m.refuses_share > 0 && random_of(s) < s->m.refuses_share)) {
        s->refused[s->n_refused++] = c;
    } else if (s->m.hangs_above && there >= s->m.hangs_above) {
        s->hung[s->n_hung++] = c;
    } else {
        c->next = NULL;
        *s->queue_tail = c;
        s->queue_tail = &c->next;
        s->n_queued++;
        take_from_queue(s);
    }
}

static inline void start_calls(struct sim *s, struct client *k)
{
    while (s->now >= k->paused_until && k->running < s->window &&
           governor_admits(&k->g, k->running, s->window)) {
        struct call *c = s->free;
        s->free = c->next;
        k->running++;
        *c = (struct call){
            .client = k,
            .started = s->now,
            .tokens = s->m.least + (s->m.most - s->m.least) * random_of(s),
            .at_once = k->running,
        };
        arrive(s, c);
    }
}

static inline struct governor_call ended(const struct sim *s, const struct call *c)
{
    return (struct governor_call){
        .started_us = (int64_t)(c->started * 1e6),
        .now_us = (int64_t)(s->now * 1e6),
        .at_once = c->at_once,
        .tokens = s->m.usage ? (int64_t)c->tokens : 0,
    };
}

static inline void give_back(struct sim *s, struct call *c)
{
    c->next = s->free;
    s->free = c;
    c->client->running--;
}

static inline void refuse(struct sim *s, struct call *c)
{
    struct governor_call e = ended(s, c);

    governor_refused(&c->client->g, &e);
    c->client->paused_until = s->now + s->m.pause_s;
    s->wasted++;
    give_back(s, c);
}

/* Refusals come back after ten milliseconds; hung calls are given up after hang_s. */
static inline double next_trouble(const struct sim *s)
{
    double at = (double)INFINITY;

    if (s->n_refused > 0)
        at = s->refused[0]->started + 0.01;
    if (s->n_hung > 0)
        at = fmin(at, s->hung[0]->started + s->hang_s);
    for (int i = 0; i < s->n_clients; i++)
        if (s->clients[i].paused_until > s->now)
            at = fmin(at, s->clients[i].paused_until);
    return at;
}

static inline void end_trouble(struct sim *s)
{
    while (s->n_refused > 0 && s->refused[0]->started + 0.01 <= s->now) {
        refuse(s, s->refused[0]);
        memmove(s->refused, s->refused + 1, (size_t)--s->n_refused * sizeof(s->refused[0]));
    }
    while (s->n_hung > 0 && s->hung[0]->started + s->hang_s <= s->now) {
        refuse(s, s->hung[0]);
        memmove(s->hung, s->hung + 1, (size_t)--s->n_hung * sizeof(s->hung[0]));
    }
}

static inline void advance_to(struct sim *s, double at)
{
    double took = at - s->now;

    s->progress += took * rate_now(s);
    s->busy += took * s->n_active;
    s->could += took * s->m.slots;
    s->queued += took * s->n_queued;
    s->now = at;
}

static inline void run_until(struct sim *s, double until)
{
    while (s->now < until) {
        for (int i = 0; i < s->n_clients; i++)
            start_calls(s, &s->clients[i]);
        double answer = s->n_active > 0 ? s->now + (s->heap[0]->ends_at - s->progress) / rate_now(s)
                                        : (double)INFINITY;
        double trouble = next_trouble(s);
        double at = fmin(fmin(fmax(answer, s->now), trouble), until);
        advance_to(s, at);
        if (answer <= at) {
            struct call *c = pop(s);
            struct governor_call e = ended(s, c);
            s->done++;
            s->tokens_done += c->tokens;
            c->client->done++;
            governor_answered(&c->client->g, &e);
            give_back(s, c);
            take_from_queue(s);
        }
        end_trouble(s);
    }
}

static inline struct sim *start(struct model m, int window)
{
    struct sim *s = calloc(1, sizeof(*s));

    s->m = m;
    s->window = window;
    s->random = 88172645463325252ULL;
    s->queue_tail = &s->queue;
    s->hang_s = 60;
    for (int i = 0; i < CALLS_MAX; i++) {
        s->calls[i].next = s->free;
        s->free = &s->calls[i];
    }
    s->n_clients = 1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        governor_init(&s->clients[i].g);
    return s;
}

static inline void mark(struct sim *s)
{
    s->busy = s->could = s->queued = s->tokens_done = 0;
    s->done = s->wasted = 0;
    for (int i = 0; i < CLIENTS_MAX; i++)
        s->clients[i].done = 0;
    s->marked_at = s->now;
}

/* Of what the server can do when all of its slots are at work. */
static inline double used(const struct sim *s)
{
    double took = s->now - s->marked_at;
    double full = s->m.rate * s->m.slots / (1 + s->m.slowdown * (s->m.slots - 1));

    return s->tokens_done / took / full *
           (1 + s->m.prefill_s * s->m.rate / ((s->m.least + s->m.most) / 2));
}

static inline double mean_queue(const struct sim *s)
{
    return s->queued / (s->now - s->marked_at);
}

static inline void show(const char *what, const struct sim *s)
{
    print_message(
        "%-34s %5.1f h: used %5.1f %%, queue %6.1f, limit %4d, %7d done, wasted %5.2f %%\n", what,
        (s->now - s->marked_at) / 3600, 100 * used(s), mean_queue(s),
        governor_limit(&s->clients[0].g), s->done,
        100.0 * s->wasted / (s->done + s->wasted + 1e-9));
}

#endif
