/* Private to server/work: what a range has used and which filters have hit, kept in its task's row
 * so that it stands there exactly with the rows that it counts. */
#ifndef MONOCEROS_WORK_TALLY_H
#define MONOCEROS_WORK_TALLY_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "stages/stage.h"

/* Calls to one of the stage's providers. */
struct usage_line {
    int64_t calls, wasted, unknown; /* sent; of which no row came; of which nobody said the price */
    int64_t tokens_in, tokens_cached, tokens_out, tokens_reasoning, cost;
};

struct filter_hits {
    int64_t flagged, dropped;
};

/* Of the items of a range, those of one task of dialogues: as many as were chosen, and how many of
 * these have a dialogue. */
struct task_count {
    int chosen, got;
};

struct tally {
    struct usage_line usage[CHOICES_MAX]; /* by choice */
    struct filter_hits filters[FILTER_COUNT];
    int64_t truncated; /* embeddings of the beginning of their text */
};

/* Adds the usage of an item that has ended, with what the filters say of it, or of calls that are
 * given up. */
void tally_add(struct tally *t, const struct item *it, bool made);
/* As JSON:
 * {"usage":[{"provider":…,"calls":…},…],"filters":[{"filter":…,"flagged":…,"dropped":…},…],
 *  "tasks":{"multiple_choice":{"chosen":…,"got":…},…},"truncated":…}; what has counted nothing is
 * left out.
 * by_task has DIALOGUE_TASKS counts, or is NULL. */
void tally_write(const struct tally *t, const struct task_count *by_task,
                 const struct call_settings *s, struct buf *json);
/* Reads what tally_write wrote; what cannot be read counts as nothing. */
void tally_read(struct str json, const struct call_settings *s, struct arena *a, struct tally *t);

#endif
