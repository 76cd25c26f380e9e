#include "providers/rates.h"

#include <math.h>

#include "providers/retry.h"

/* What may be taken at once, in seconds of the limit: servers may hold a limit per minute second by
 * second. */
static const double burst_s = 3;
/* Headers ask for no longer wait. */
static const double reset_most_s = 86400, wait_most_s = 120;
/* Calls that pile up for this long may start together. */
static const int64_t credit_us = 1000000;

static double burst_of(const struct bucket *b)
{
    return fmax(1, b->per_minute / 60 * burst_s);
}

static double level_at(const struct bucket *b, int64_t now_us)
{
    double passed = fmax(0, (double)(now_us - b->at_us) / 60e6);

    return fmin(b->level + passed * b->per_minute, burst_of(b));
}

static void set_level(struct bucket *b, double level, int64_t now_us)
{
    b->level = fmin(level, burst_of(b));
    if (now_us > b->at_us)
        b->at_us = now_us;
}

void bucket_set(struct bucket *b, double per_minute, int64_t now_us)
{
    bool fresh = b->per_minute <= 0;

    double level = level_at(b, now_us);
    b->per_minute = per_minute;
    set_level(b, fresh ? burst_of(b) : level, now_us);
}

int64_t bucket_when(const struct bucket *b, double cost, int64_t now_us)
{
    if (b->per_minute <= 0)
        return now_us;
    double lacking = fmin(cost, burst_of(b)) - level_at(b, now_us);
    return lacking <= 0 ? now_us : now_us + 1 + (int64_t)(lacking / b->per_minute * 60e6);
}

void bucket_take(struct bucket *b, double cost, int64_t now_us)
{
    if (b->per_minute <= 0)
        return;
    set_level(b, level_at(b, now_us) - cost, now_us);
}

void rate_said_clear(struct rate_said said[RATE_KINDS])
{
    for (int i = 0; i < RATE_KINDS; i++)
        said[i] = (struct rate_said){-1, -1, -1};
}

static bool take_prefix(struct str *s, struct str prefix)
{
    if (s->n < prefix.n || !str_ieq((struct str){s->p, prefix.n}, prefix))
        return false;
    *s = str_from(*s, prefix.n);
    return true;
}

static void note_count(double *out, struct str value)
{
    double v;

    if (str_to_double(str_trim(value), &v) && v >= 0)
        *out = v;
}

void rate_header(struct str name, struct str value, struct rate_said said[RATE_KINDS])
{
    if (!take_prefix(&name, STR("x-ratelimit-")))
        return;
    bool limit = take_prefix(&name, STR("limit-")), reset = false;
    bool remaining = !limit && take_prefix(&name, STR("remaining-"));
    if (!limit && !remaining)
        reset = take_prefix(&name, STR("reset-"));
    struct rate_said *s = str_ieq(name, STR("requests")) ? &said[RATE_REQUESTS]
                          : str_ieq(name, STR("tokens")) ? &said[RATE_TOKENS]
                                                         : NULL;
    if (!s)
        return;
    if (limit)
        note_count(&s->limit, value);
    else if (remaining)
        note_count(&s->remaining, value);
    else if (reset)
        s->reset_s = retry_duration_s(value);
}

/* All at once when the time of the restoration stays where it is while what is left goes down, and
 * steadily when it moves away. */
static void tell_kind(struct pace *p, const struct rate_said *said, int64_t all_back_us)
{
    double gone = (p->mark.remaining - said->remaining) / said->limit;
    double moved_s = (double)(all_back_us - p->mark_us) / 1e6;

    if (p->mark_us != 0 && gone >= 0 && gone < 0.05)
        return;
    if (p->mark_us != 0 && gone > 0 && fabs(moved_s) < 1.5)
        p->at_once = true;
    else if (p->mark_us != 0 && gone > 0)
        p->at_once = false;
    p->mark = *said;
    p->mark_us = all_back_us;
}

void pace_heed(struct pace *p, const struct rate_said *said, int64_t age_us, double since,
               int64_t now_us)
{
    double reset_s = said->reset_s < 0 ? 60 : said->reset_s;
    int64_t all_back_us = now_us - age_us + (int64_t)(reset_s * 1e6);

    /* Azure has been seen to say -1 and 0 for all. */
    if (said->limit <= 0 || said->remaining < 0 || reset_s > reset_most_s)
        return;
    p->said = *said;
    tell_kind(p, said, all_back_us);
    if (said->remaining >= said->limit || reset_s <= 0) {
        p->reset_us = p->next_us = 0;
        return;
    }
    p->left = said->remaining - since;
    p->reset_us = all_back_us;
    if (p->at_once)
        return;
    /* What came back since, and when all of it will be. */
    p->per_s = (said->limit - said->remaining) / reset_s;
    p->left = fmin(said->limit, p->left + p->per_s * (double)age_us / 1e6);
    p->reset_us = now_us + (int64_t)((said->limit - p->left) / p->per_s * 1e6);
}

int64_t pace_when(const struct pace *p, double cost, int64_t now_us)
{
    if (p->reset_us <= now_us)
        return now_us;
    double lacking = fmin(cost, p->said.limit) - p->left;
    if (lacking > 0) {
        /* Twice what it takes: it may be less steady than it looks. */
        double wait_s = p->at_once ? wait_most_s : fmin(2 * lacking / p->per_s, wait_most_s);
        int64_t until_us = now_us + (int64_t)(wait_s * 1e6);
        return until_us < p->reset_us ? until_us : p->reset_us;
    }
    return p->next_us > now_us ? p->next_us : now_us;
}

void pace_take(struct pace *p, double cost, int64_t now_us)
{
    if (p->reset_us <= now_us)
        return;
    double share = cost / fmax(p->left, cost);
    int64_t from_us = p->next_us > now_us - credit_us ? p->next_us : now_us - credit_us;
    p->next_us = from_us + (int64_t)(share * (double)(p->reset_us - now_us));
    p->left -= cost;
}
