#include "providers/refusals.h"

#include <math.h>

enum { WINDOW = 64 /* calls by which a share is told */ };

static const double usual_least = 0.01;
/* So many refused are no matter of mood. */
static const double dense = 0.3;

void refusals_init(struct refusals *r)
{
    *r = (struct refusals){.usual = usual_least};
}

bool refusals_note(struct refusals *r, int64_t started_us, int64_t now_us, int at_once)
{
    bool begins = started_us >= r->burst_us;

    if (begins) {
        r->burst_us = now_us;
        r->burst_least = r->burst_most = at_once;
        r->burst_n = r->burst_counted = 0;
    }
    r->burst_n++;
    r->burst_least = fmin(r->burst_least, at_once);
    r->burst_most = fmax(r->burst_most, at_once);
    r->unsettled = true;
    return begins;
}

static void begin_window(struct refusals *r)
{
    r->tried = r->refused = 0;
}

/* Beyond what chance makes of the usual share. */
static bool are_many(const struct refusals *r)
{
    double expected = r->usual * r->tried;

    return r->refused > expected + 3 * sqrt(expected + 0.5);
}

static double share_of(const struct refusals *r)
{
    return r->tried > 0 ? r->refused / r->tried : 0;
}

enum refusals_advice refusals_settle(struct refusals *r, double limit, double sure, double *to)
{
    double fresh = r->burst_n - r->burst_counted;
    bool beyond = sure > 0 && r->burst_least > sure;

    if (!r->unsettled)
        return REFUSALS_NOTHING;
    r->unsettled = false;
    /* The others were taken, and so were those that began before the first. When there is none of
     * either, that says nothing about how many would be. */
    *to = fmax(r->burst_most - r->burst_n, r->burst_least - 1);
    if (*to < 1)
        return REFUSALS_NOTHING;
    r->burst_counted = r->burst_n;
    r->tried += fresh;
    r->refused += fresh;
    if (!(beyond || are_many(r)) || *to >= limit || (r->cut_from > 0 && share_of(r) < dense))
        return REFUSALS_NOTHING;
    if (r->cut_from <= 0) {
        r->cut_from = limit;
        /* Of few calls, a share would be too large by chance. */
        r->cut_share = r->refused / fmax(r->tried, WINDOW);
    }
    begin_window(r);
    return REFUSALS_LESS;
}

static enum refusals_advice end_window(struct refusals *r, double *to)
{
    double share = share_of(r);

    begin_window(r);
    if (r->cut_from <= 0) {
        r->usual = fmax(usual_least, r->usual + (share - r->usual) * 0.1);
        return REFUSALS_NOTHING;
    }
    *to = r->cut_from;
    r->cut_from = 0;
    if (share < r->cut_share / 2 || share >= dense)
        return REFUSALS_NOTHING;
    r->usual = share;
    return REFUSALS_RESTORE;
}

enum refusals_advice refusals_taken(struct refusals *r, double *to)
{
    return ++r->tried < WINDOW ? REFUSALS_NOTHING : end_window(r, to);
}
