/* What refusals say about how many calls at a time a server takes. Pure.
 *
 * A burst of them says how many were taken, of how many. But a refusal may also be about a rate, a
 * row or the server's mood, and then giving less does not help. So a cut is a trial: when the share
 * of refusals is no smaller with less, what was cut is given back, and that share counts as usual
 * from then on. */
#ifndef MONOCEROS_PROVIDERS_REFUSALS_H
#define MONOCEROS_PROVIDERS_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

struct refusals {
    double tried, refused; /* calls of this window that ended, and were refused */
    double usual;          /* share of refusals that has nothing to do with how many there are */
    double cut_from, cut_share;     /* limit and share before a cut that is on trial; 0: none is */
    int64_t burst_us;               /* refusals of calls that began before are of one burst */
    double burst_least, burst_most; /* calls at a time when those of it began */
    double burst_n, burst_counted;  /* its refusals, and those that are in `refused` */
    bool unsettled;
};

enum refusals_advice { REFUSALS_NOTHING, REFUSALS_LESS, REFUSALS_RESTORE };

void refusals_init(struct refusals *r);
/* A call with `at_once` under way when it began was refused; true when this begins a burst. */
bool refusals_note(struct refusals *r, int64_t started_us, int64_t now_us, int at_once);
/* Before the next start: whether the last burst asks for less than `limit`, which *to is then.
 * `sure` is what was taken for long before more was tried, or 0: of calls beyond it one refusal is
 * enough, because each may cost a pause of all. */
enum refusals_advice refusals_settle(struct refusals *r, double limit, double sure, double *to);
/* A call was taken: whether a cut on trial is to be undone, and *to what. */
enum refusals_advice refusals_taken(struct refusals *r, double *to);

#endif
