#include <stdio.h>

#include "providers/upstream_state.h"
#include "server/base/clock.h"

/* What held a call back longer ago binds no more. */
static const int64_t bound_for_us = 2000000;

/* Set where all endpoints that are not stopped agree. */
struct all {
    int open;
    int away, busy;
    int64_t away_us, busy_us; /* since when the first of them */
    int limited;       /* to fewer calls at a time than the settings allow, and so held back */
    int calls;         /* that they take at a time, together */
    enum binding rate; /* that held a call back */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || b < a ? b : a;
}

static void add(struct all *all, const struct upstream *u, const struct endpoint *ep,
                int64_t now_us)
{
    bool bound = ep->bound_us != 0 && now_us - ep->bound_us < bound_for_us;
    int limit = governor_limit(&ep->governor);

    if (ep->stopped)
        return;
    all->open++;
    all->calls += limit;
    if (ep->outage && ep->faults > 0) {
        all->away++;
        all->away_us = earlier(all->away_us, ep->streak_us);
    }
    if (ep->busy_us != 0) {
        all->busy++;
        all->busy_us = earlier(all->busy_us, ep->busy_us);
    }
    all->limited += bound && ep->bound == BOUND_BY_CONCURRENCY && limit < u->limits.window;
    if (bound && (ep->bound == BOUND_BY_RPM || ep->bound == BOUND_BY_TPM))
        all->rate = ep->bound;
}

static int seconds(int64_t since_us, int64_t now_us)
{
    return (int)((now_us - since_us) / 1000000);
}

static void write(const struct all *all, const char *name, int64_t now_us, struct waits *ret)
{
    char *out = ret->detail;
    const size_t size = sizeof(ret->detail);

    if (all->away == all->open) {
        ret->code = "provider_unreachable";
        snprintf(out, size, "%.80s has been out of reach for %d seconds and is tried again.", name,
                 seconds(all->away_us, now_us));
    } else if (all->busy == all->open) {
        ret->code = "provider_throttling";
        snprintf(
            out, size,
            "%.80s has refused calls as too many (429 or 503) for %d seconds; they wait for as "
            "long as it asks.",
            name, seconds(all->busy_us, now_us));
    } else if (all->limited == all->open) {
        ret->code = "provider_throttling";
        snprintf(out, size, "%.80s takes %d calls at a time: it refuses more, or slows down.", name,
                 all->calls);
    } else if (all->rate != BOUND_BY_NOTHING) {
        ret->code = "provider_limit";
        snprintf(out, size, "Calls to %.80s are at the limit of %s a minute.", name,
                 all->rate == BOUND_BY_RPM ? "requests" : "tokens");
    }
}

bool upstream_waits(struct upstream *u, struct waits *ret)
{
    struct all all = {.rate = BOUND_BY_NOTHING};
    int64_t now_us = clock_us();

    ret->code = NULL;
    pthread_mutex_lock(&u->mutex);
    for (int i = 0; i < u->n; i++)
        add(&all, u, &u->endpoints[i], now_us);
    pthread_mutex_unlock(&u->mutex);
    if (all.open > 0)
        write(&all, u->settings.name, now_us, ret);
    return ret->code != NULL;
}
