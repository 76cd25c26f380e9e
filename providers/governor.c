#include "providers/governor.h"

#include <math.h>

enum {
    FIRST_LIMIT = 8,
    CHECK_GAP_MIN = 4, /* epochs between trials, doubled while they find nothing */
    CHECK_GAP_MAX = 64,
    PLAIN_GAP_MAX = 16, /* the same where trials are all there is */
    ANSWERS_RISING = 8, /* of one epoch at least, while the limit rises, and after */
    ANSWERS_LEAST = 12,
    ANSWERS_MOST = 600,
};

static const int64_t epoch_least_us = 50000;
static const int64_t roof_least_us = 30000000, roof_most_us = 240000000;
/* Seconds: a wait that harms nobody, which the noise of a busy machine may be; a latency below
 * which a check costs more than it can bring. */
static const double harmless = 0.05, check_from = 0.25, quick = 0.15;
/* Spread of the lengths, relative to their mean, from which a regression on them means something.
 */
static const double spread_least = 0.15;
/* Without the regression: an error of the mean latency, relative, that a trial can be judged by. */
static const double error_most = 0.02;

void governor_init(struct governor *g)
{
    *g = (struct governor){
        .limit = FIRST_LIMIT,
        .most = FIRST_LIMIT,
        .epoch_limit = FIRST_LIMIT,
        .base = -1,
        .check_gap = CHECK_GAP_MIN,
        .roof_for_us = roof_least_us,
    };
    refusals_init(&g->refusals);
}

int governor_limit(const struct governor *g)
{
    return g->limit < 1 ? 1 : (int)g->limit;
}

static double bounded(const struct governor *g, double limit)
{
    if (limit > g->most)
        limit = g->most;
    if (g->roof > 0 && limit > g->roof)
        limit = g->roof;
    return limit < 1 ? 1 : limit;
}

static void begin_epoch(struct governor *g, double limit, int64_t now_us)
{
    limit = bounded(g, limit);
    if (fabs(limit - g->epoch_limit) > 1e-9)
        g->changed_us = now_us;
    g->limit = g->epoch_limit = limit;
    g->held_back = false;
    g->longest *= 0.95;
    g->sample = (struct governor_sample){0};
}

static void set_roof(struct governor *g, double roof)
{
    int64_t now_us = g->refusals.burst_us;
    bool again = g->lifts > 0 || now_us < g->roof_until_us;

    g->roof_for_us = !again                              ? roof_least_us
                     : 2 * g->roof_for_us < roof_most_us ? 2 * g->roof_for_us
                                                         : roof_most_us;
    g->roof = roof;
    g->roof_until_us = now_us + g->roof_for_us;
    g->lifts = 0;
}

static void heed_refusals(struct governor *g)
{
    double to;

    if (refusals_settle(&g->refusals, g->limit, g->lifts > 0 ? g->sure : 0, &to) != REFUSALS_LESS)
        return;
    g->was_rising |= g->phase == GOVERNOR_RISING;
    g->phase = GOVERNOR_STEADY;
    g->rises = 0;
    set_roof(g, to);
    begin_epoch(g, to, g->refusals.burst_us);
}

/* What was taken away because of refusals that have nothing to do with it. */
static void give_back(struct governor *g, double limit, int64_t now_us)
{
    g->roof = 0;
    g->roof_until_us = 0;
    if (g->was_rising)
        g->phase = GOVERNOR_RISING;
    begin_epoch(g, limit, now_us);
}

static void note_taken(struct governor *g, int64_t now_us)
{
    bool on_trial = g->refusals.cut_from > 0;
    double to;

    if (refusals_taken(&g->refusals, &to) == REFUSALS_RESTORE)
        give_back(g, to, now_us);
    if (on_trial && g->refusals.cut_from <= 0)
        g->was_rising = false;
}

bool governor_admits(struct governor *g, int running, int most)
{
    g->most = most;
    heed_refusals(g);
    if (g->limit > most)
        g->limit = most;
    if (running < governor_limit(g))
        return true;
    g->held_back = true;
    return false;
}

static void add(struct governor_sample *s, const struct governor_call *c, double latency)
{
    double tokens = (double)c->tokens;

    s->n++;
    s->at_once += c->at_once;
    s->latency += latency;
    s->latency2 += latency * latency;
    s->tokens += tokens;
    s->tokens2 += tokens * tokens;
    s->product += latency * tokens;
    s->unknown += c->tokens <= 0;
}

/* The regression of latency on tokens; leaves the plain reading when that says nothing. */
static void regress(struct governor *g, double spread, struct governor_reading *r)
{
    const struct governor_sample *s = &g->sample;
    double tokens = s->tokens / s->n;
    double token_spread = s->tokens2 / s->n - tokens * tokens;
    double shared = s->product / s->n - r->latency * tokens;
    double least = spread_least * (g->last.by_tokens ? 0.67 : 1) * tokens;

    if (s->unknown > 0 || s->n < ANSWERS_RISING || shared <= 0 || token_spread < least * least)
        return;
    double slope = shared / token_spread;
    g->usual_tokens += (tokens - g->usual_tokens) * (g->usual_tokens > 0 ? 0.05 : 1);
    r->by_tokens = true;
    r->wait = fmax(0, r->latency - slope * tokens);
    r->latency = r->wait + slope * g->usual_tokens;
    r->error = sqrt(fmax(0, spread - slope * shared) * (1 + tokens * tokens / token_spread) / s->n);
}

static struct governor_reading read_sample(struct governor *g)
{
    const struct governor_sample *s = &g->sample;
    double latency = s->latency / s->n;
    double spread = fmax(0, s->latency2 / s->n - latency * latency);
    struct governor_reading r = {
        .at_once = s->at_once / s->n,
        .latency = latency,
        .wait = latency,
        .error = sqrt(spread / s->n),
    };

    regress(g, spread, &r);
    return r;
}

/* Calls that seem to be parked in the server. */
static double parked(struct governor *g, const struct governor_reading *r)
{
    if (g->base < 0 || r->wait < g->base)
        g->base = r->wait;
    double excess = r->wait - g->base - fmax(harmless, 2 * r->error);
    g->queued = excess > 0 ? r->at_once * excess / r->latency : 0;
    return g->queued;
}

/* Changes the limit to see what that does. */
static void begin_trial(struct governor *g, enum governor_phase phase, double limit,
                        const struct governor_reading *r, int64_t now_us)
{
    g->phase = phase;
    g->before_limit = g->epoch_limit;
    g->before = *r;
    begin_epoch(g, limit, now_us);
}

static void end_trial(struct governor *g, double limit, int gap, int64_t now_us)
{
    int most = g->before.by_tokens ? CHECK_GAP_MAX : PLAIN_GAP_MAX;

    g->phase = GOVERNOR_STEADY;
    g->check_gap = gap < most ? gap : most;
    g->epochs_to_check = g->check_gap;
    g->usual_latency = 0;
    begin_epoch(g, limit, now_us);
}

/* How far latency went with the limit: 1 in proportion, as it does while calls queue, 0 not at all;
 * NAN when the two readings cannot be compared, or something else has changed meanwhile. */
static double followed(const struct governor *g, const struct governor_reading *r)
{
    double share = r->at_once / g->before.at_once, f;

    if (r->by_tokens != g->before.by_tokens || fabs(share - 1) < 0.02)
        return (double)NAN;
    if (fabs(r->latency - g->before.latency) < harmless)
        return 0;
    if (r->by_tokens)
        f = (r->wait - g->before.wait) / (g->before.latency * (share - 1));
    else
        f = log(r->latency / g->before.latency) / log(share);
    return f < -0.3 ? (double)NAN : f;
}

/* Whether the wait is long enough to be worth a look. */
static bool is_doubtful(const struct governor_reading *r)
{
    return r->latency > check_from &&
           (!r->by_tokens || r->wait > fmax(check_from, 0.1 * r->latency));
}

static void check(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    /* If all of the wait were a queue, so many would be enough. */
    double share = r->by_tokens ? 1 - r->wait / r->latency : 1;

    share = fmin(0.75, fmax(0.25, share));
    begin_trial(g, GOVERNOR_CHECKING, fmin(ceil(g->epoch_limit * share), g->epoch_limit - 1), r,
                now_us);
}

/* Less was given. When latency did not follow, the server can make use of what it had, and the wait
 * is its own. */
static void judge_less(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    bool checking = g->phase == GOVERNOR_CHECKING;
    bool news = r->wait < g->base - harmless;
    double f = followed(g, r);

    if (news)
        g->base = r->wait;
    if (isnan(f)) {
        end_trial(g, checking ? g->before_limit : g->epoch_limit, CHECK_GAP_MIN, now_us);
    } else if (f < (r->by_tokens ? 0.5 : 0.8)) {
        if (!checking)
            g->base = g->before.wait;
        end_trial(g, g->before_limit, checking ? g->check_gap * 2 : CHECK_GAP_MIN, now_us);
    } else if (checking && g->epoch_limit >= 2 && is_doubtful(r)) {
        check(g, r, now_us);
    } else {
        end_trial(g, g->epoch_limit, news ? CHECK_GAP_MIN : g->check_gap * 2, now_us);
    }
}

static void judge_more(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    double f = followed(g, r);

    if (isnan(f) || f > 0.8) {
        end_trial(g, g->before_limit, g->check_gap, now_us);
        g->epochs_to_check = 0; /* if it is full, it may be too full */
    } else {
        g->turn_up = true;
        end_trial(g, g->epoch_limit, CHECK_GAP_MIN, now_us);
        g->epochs_to_check = 0;
    }
}

static double step(const struct governor *g)
{
    double share = 0.05 * (double)(1 << (g->rises < 5 ? g->rises : 5));

    return fmax(1, g->epoch_limit * fmin(1, share));
}

static void judge_by_tokens(struct governor *g, const struct governor_reading *r, double queue,
                            bool due, int64_t now_us)
{
    double limit = g->epoch_limit;

    if (queue > fmax(3, 0.1 * limit)) {
        double less = fmax(limit / 2, limit - queue + fmax(2, 0.05 * limit));
        g->rises = 0;
        begin_trial(g, GOVERNOR_EASED, less, r, now_us);
    } else if (due && is_doubtful(r)) {
        check(g, r, now_us);
    } else if (g->held_back && queue < fmax(1, 0.03 * limit)) {
        double more = limit + step(g);
        g->rises++;
        begin_epoch(g, more, now_us);
    } else {
        g->rises = 0;
        begin_epoch(g, limit, now_us);
    }
}

static void judge_plainly(struct governor *g, const struct governor_reading *r, bool due,
                          int64_t now_us)
{
    double limit = g->epoch_limit, changed = 1;

    if (g->usual_latency > 0)
        changed = r->latency / g->usual_latency;
    g->usual_latency += (r->latency - g->usual_latency) * (g->usual_latency > 0 ? 0.2 : 1);
    bool faster = changed<0.7, slower = changed> 1.4;
    bool more = g->held_back && bounded(g, limit + 1) > limit;

    if (more && r->latency < check_from) {
        begin_trial(g, GOVERNOR_TRYING, limit * 2, r, now_us);
    } else if (more && (faster || (due && g->turn_up))) {
        g->turn_up = false;
        begin_trial(g, GOVERNOR_TRYING, limit + fmax(1, limit / 3), r, now_us);
    } else if ((slower || due) && is_doubtful(r)) {
        g->turn_up = true;
        check(g, r, now_us);
    } else {
        begin_epoch(g, limit, now_us);
    }
}

static void judge_steady(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    bool used = r->at_once > 0.85 * g->epoch_limit && g->epoch_limit >= 2;
    bool due = --g->epochs_to_check < 0 && used;

    if (r->by_tokens)
        judge_by_tokens(g, r, parked(g, r), due, now_us);
    else
        judge_plainly(g, r, due, now_us);
}

static void judge_rising(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    double limit = g->limit, before = g->last.at_once;
    bool stop = limit >= g->most || g->roof > 0;

    if (r->by_tokens) {
        double queue = parked(g, r);
        if (queue > fmax(2, 0.1 * limit)) {
            limit = fmax(limit / 2, limit - queue);
            stop = true;
        }
    } else if (g->last.at_once > 0 && r->at_once > 1.2 * before &&
               r->latency - g->last.latency > harmless &&
               log(r->latency / g->last.latency) > 0.6 * log(r->at_once / before)) {
        limit = fmax(before, limit / 2);
        g->turn_up = true;
        stop = true;
    }
    if (g->last.at_once <= 0 && r->by_tokens && r->wait > r->latency / 2 &&
        r->latency > check_from) {
        begin_epoch(g, limit, now_us);
        check(g, r, now_us);
        return;
    }
    if (stop) {
        g->phase = GOVERNOR_STEADY;
        g->epochs_to_check = 0;
    }
    begin_epoch(g, limit, now_us);
}

static void end_epoch(struct governor *g, const struct governor_reading *r, int64_t now_us)
{
    switch (g->phase) {
    case GOVERNOR_RISING:
        judge_rising(g, r, now_us);
        break;
    case GOVERNOR_STEADY:
        judge_steady(g, r, now_us);
        break;
    case GOVERNOR_EASED:
    case GOVERNOR_CHECKING:
        judge_less(g, r, now_us);
        break;
    case GOVERNOR_TRYING:
        judge_more(g, r, now_us);
        break;
    }
    g->last = *r;
}

/* Each lift that nothing is said against is followed by a larger one. */
static void lift_roof(struct governor *g, int64_t now_us)
{
    if (g->roof <= 0 || now_us < g->roof_until_us)
        return;
    if (g->lifts == 0)
        g->sure = g->roof;
    g->roof += fmax(1, g->roof * fmin(1, 0.02 * (double)(1 << (g->lifts < 6 ? g->lifts : 6))));
    g->lifts++;
    g->roof_until_us = now_us + g->roof_for_us;
    if (g->roof >= g->most)
        g->roof = 0;
}

/* Short answers are the first to end after a change: until the longest have, a mean would be wrong.
 * The regression does not mind, and the rise compares only such means with each other. */
static bool is_early(const struct governor *g, const struct governor_call *c)
{
    double settle = g->phase == GOVERNOR_RISING || g->last.by_tokens ? 0 : g->longest;

    return c->started_us < g->changed_us || (double)(c->now_us - g->changed_us) / 1e6 < settle;
}

static double within(double least, double n, double most)
{
    return fmin(fmax(n, least), most);
}

/* Whether the answers of this epoch are enough to judge it. */
static bool is_enough(const struct governor *g)
{
    bool rising = g->phase == GOVERNOR_RISING;

    return g->sample.n >= within(rising ? ANSWERS_RISING : ANSWERS_LEAST,
                                 rising ? g->epoch_limit / 4 : g->epoch_limit, ANSWERS_MOST);
}

static bool is_sure(const struct governor *g, const struct governor_reading *r)
{
    return g->phase == GOVERNOR_RISING || r->by_tokens || r->error < error_most * r->latency ||
           g->sample.n >= within(8 * ANSWERS_LEAST, 8 * g->epoch_limit, ANSWERS_MOST);
}

/* Doubles with each round of answers; fast servers, where a queue is soon gone, get more. */
static void rise(struct governor *g, double latency)
{
    double times = latency < quick ? 3 : 1;

    g->limit = bounded(g, fmin(g->limit + times, (1 + times) * g->epoch_limit));
}

void governor_answered(struct governor *g, const struct governor_call *c)
{
    double latency = (double)(c->now_us - c->started_us) / 1e6;

    lift_roof(g, c->now_us);
    note_taken(g, c->now_us);
    if (g->phase == GOVERNOR_RISING && g->held_back)
        rise(g, latency);
    if (latency > g->longest)
        g->longest = latency;
    if (is_early(g, c))
        return;
    add(&g->sample, c, latency);
    if (!is_enough(g) || c->now_us - g->changed_us < epoch_least_us)
        return;
    struct governor_reading r = read_sample(g);
    if (is_sure(g, &r))
        end_epoch(g, &r, c->now_us);
}

bool governor_refused(struct governor *g, const struct governor_call *c)
{
    return refusals_note(&g->refusals, c->started_us, c->now_us, c->at_once);
}

void governor_forgive(struct governor *g)
{
    refusals_init(&g->refusals);
    g->roof = 0;
    g->roof_for_us = roof_least_us;
    g->lifts = 0;
}
