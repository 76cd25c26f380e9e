/* Private to server/work: one leased range and its items on their way through a stage. */
#ifndef MONOCEROS_WORK_RANGE_H
#define MONOCEROS_WORK_RANGE_H

#include "server/work/internal.h"
#include "server/work/tally.h"

struct failed_item {
    const struct item *item;
    const char *reason, *detail;
    struct str raw;
};

/* The worst case that was taken off the run's budget for an item under way. */
struct reservation {
    int64_t cost, tokens;
};

struct range {
    struct range *next;
    struct worker *worker;
    struct task *task;
    struct arena *arena;
    int n_items; /* pending ones when it was loaded */
    struct item *items;
    struct reservation *reserved; /* by item */
    int n_todo;
    struct item **todo; /* neither ended nor under way */
    int in_flight;      /* items */
    int n_fresh, n_failed;
    struct item **fresh; /* results that are not flushed yet */
    struct failed_item *failed;
    /* Counters of the whole range, exact because the load counts what the rows say. */
    int total, existing, done, failed_total, dropped;
    struct task_count by_task[DIALOGUE_TASKS]; /* dialogues */
    struct tally tally;
    bool tally_changed; /* since the last flush */
    int64_t flush_no, flushed_us, retry_us;
    bool uncertain; /* the acknowledgement of flush_no + 1 was lost */
    bool reload;    /* finishing found items that the load had not seen */
};

/* Loads a task's items; `begin` counts that work on it begins. NULL with e set. */
struct range *range_open(struct worker *k, struct task *t, bool begin, struct err *e);
void range_free(struct range *r);
/* Submits what the provider has room for. */
void range_issue(struct range *r);
/* The settings of its stage; NULL for stages without a language model. */
const struct call_settings *range_settings(const struct range *r);
/* An item has ended with a result, or failed for good; or it is to be asked for again. */
void range_take(struct range *r, struct item *it);
void range_fail(struct range *r, const struct item *it, const char *reason, struct str detail,
                struct str raw);
void range_put_back(struct range *r, struct item *it);
/* Counts the calls for items that have not ended as wasted: nobody will hear of them again. */
void range_write_off(struct range *r);
/* Everything has been answered. */
bool range_complete(const struct range *r);
/* Nothing more may be issued for it. */
bool range_stopping(const struct range *r);

enum flush_result {
    FLUSH_WRITTEN,
    FLUSH_FINISHED, /* and the task has ended */
    FLUSH_LATER,    /* the database is away; nothing is lost, try again */
    FLUSH_LOST,     /* the lease is somebody else's */
};
/* One transaction: counters, results, failures and, when complete, the end of the task. */
enum flush_result range_flush(struct range *r);

#endif
