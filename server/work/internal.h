/* Private to server/work. */
#ifndef MONOCEROS_WORK_INTERNAL_H
#define MONOCEROS_WORK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "db/db.h"
#include "server/base/arena.h"
#include "server/work/work.h"
#include "stages/stage.h"

enum {
    UUID_BYTES = 16,
    WORK_THREADS_MAX = 64,
    CHECKED_RUNS = 16,
    SPLIT_ATTEMPTS = 3, /* times begun without a flush after which a range is split */
    /* The same for a range of one seed, which is then given up. Many more: a server that is killed
     * for other reasons must not cost the seed that happened to be at work each time. */
    GIVE_UP_ATTEMPTS = 12,
};

/* What this process may still spend of a run's budget: slices that it took, less the calls under
 * way at their worst and what others have cost. */
struct budget {
    bool cost_limited, tokens_limited;
    int64_t cost, tokens;           /* left; guarded by the run's mutex, as the rest */
    int64_t cost_rest, tokens_rest; /* what the run had left when a slice was last taken */
    int reserved;                   /* calls under way that may give something back */
    int64_t deadline_us;            /* 0: none */
    int64_t latency_us;             /* of a call, smoothed */
};

/* What this process knows of a run that it holds tasks of. Shared by threads, counted. */
struct run_info {
    struct run_info *next;
    uint8_t id[UUID_BYTES];
    char hex[2 * UUID_BYTES + 1];
    bool is_run; /* else the id is that of what the tasks are for, and nobody pauses them */
    int users;   /* guarded by the list's mutex */
    struct arena *arena;
    int64_t dataset;
    int64_t retry; /* how often what had failed was put back */
    struct run_settings settings;
    struct llm_provider *providers[STAGE_COUNT][CHOICES_MAX]; /* of the language-model stages */
    const char *changed; /* what a provider has other than the recipe says; NULL: nothing */
    struct budget budget;
    struct encoder *encoder;
    /* The version; guarded by `encoder_mutex` until it is used, and never changed from then on. */
    uint8_t encoder_id[UUID_BYTES];
    int dimension;
    bool encoder_known, encoder_used;
    /* Held while an encoder is asked for its probe texts, during which answers of other calls come
     * in and are counted: hence two. */
    pthread_mutex_t encoder_mutex, mutex;
    atomic_bool stopping; /* paused, cancelled or ended: issue nothing new */
    atomic_bool pause_asked;
    /* The quality breaker: of the last `window` items, which were failed or dropped. */
    unsigned char *window; /* guarded by `mutex` */
    int window_size, window_at, window_bad;
    struct frequency *frequency;    /* guarded by `mutex` */
    int64_t outcomes;               /* seen in all */
    atomic_int_least64_t served_us; /* when the served model was last put on record */
};

/* A leased task. The dispatcher's list owns it from claim to end. */
struct task {
    struct task *next; /* of all held */
    struct task *next_ready;
    int64_t shard;
    uint8_t run[UUID_BYTES], lo[UUID_BYTES], hi[UUID_BYTES];
    enum stage_id stage;
    int64_t dataset, token;
    int attempts, seeds;
    atomic_bool lost; /* somebody else holds it now: write nothing */
    struct run_info *info;
};

/* Tasks that wait for the threads of their lane. */
struct ready {
    struct task *first, **tail;
    int n;
    pthread_cond_t changed;
};

struct leases {
    pthread_mutex_t mutex;
    pthread_cond_t dispatch_wanted;
    struct task *held;
    struct ready ready[LANES];
    int n_held;
    bool wanted; /* the dispatcher should look for work now */
};

/* When the encoder of a run was last found to be what it was. Outlives the run_info, which comes
 * and goes with the tasks. */
struct checked_run {
    uint8_t id[UUID_BYTES];
    int64_t at_us;
};

struct runs {
    pthread_mutex_t mutex;
    struct run_info *list;
    struct run_info *leaving; /* nobody uses them; what is left of their budgets goes back */
    struct checked_run checked[CHECKED_RUNS]; /* the newest over the oldest */
};

struct worker {
    struct work *work;
    enum stage_lane lane;
    pthread_t thread;
    struct db *db;
    struct engine *engine;
    struct range *ranges;
    int n_ranges;
};

struct work {
    struct work_settings s;
    char name[64];        /* of this process in leases: host, pid, random */
    atomic_bool draining; /* claim and issue nothing new */
    atomic_bool stopped;  /* the workers are gone: no lease is left to renew */
    struct leases leases;
    struct runs runs;
    pthread_t dispatcher, ticker;
    bool dispatcher_started, ticker_started;
    struct db *dispatcher_db, *ticker_db;
    pthread_mutex_t ticker_mutex;
    pthread_cond_t ticker_wanted_cond;
    bool ticker_wanted;
    int64_t audit_due_us, sweep_due_us; /* of the ticker's thread */
    int n_workers;                      /* of all lanes */
    struct worker workers[2 * WORK_THREADS_MAX + 1];
};

/* leases.c */
int leases_init(struct leases *l);
void leases_destroy(struct leases *l);
/* Takes a ready task of a lane, or NULL; waits at most wait_ms for one. */
struct task *leases_take(struct leases *l, enum stage_lane lane, int wait_ms);
void leases_add(struct leases *l, struct task *t);
/* The task is over for this process, whatever became of it. Frees it. */
void leases_drop(struct work *w, struct task *t);
void leases_want(struct leases *l);

/* runs.c */
int runs_init(struct runs *r);
void runs_destroy(struct runs *r);
/* The run's settings, loaded on first use. NULL with e set; counted, give back by runs_put. Of a
 * stage whose tasks may belong to no run, there need not be one. */
struct run_info *runs_get(struct work *w, struct db *db, const uint8_t id[UUID_BYTES],
                          enum stage_id stage, struct err *e);
void runs_put(struct work *w, struct run_info *r);
/* Gives back what is left of the budgets of runs that nobody uses any more. */
void runs_leave(struct work *w, struct db *db);
/* Records the outcome of an item; asks for a pause when the quality breaker trips. */
void run_outcome(struct work *w, struct run_info *r, struct db *db, bool bad);
/* Notes a caption of the run and asks the frequency filter of it, which may change its result. */
void run_note_caption(struct run_info *r, struct item *it, struct arena *a);
/* When its encoder was last found to be what it was, by clock_us; 0: not lately. */
int64_t runs_checked_us(struct work *w, const struct run_info *r);
void runs_note_checked(struct work *w, const struct run_info *r);
/* Asks, once, that the run be paused; issuing stops at once. */
void run_ask_pause(struct work *w, struct run_info *r, struct db *db, const char *reason,
                   const char *detail);
/* Marks the runs of which nothing more may be issued. */
int runs_check(struct work *w, struct db *db, struct err *e);

/* limits.c: tells the database that this process is there, and the providers how many processes
 * there are and which limits operators have set. */
int limits_share(struct work *w, struct db *db, struct err *e);
void limits_leave(struct work *w, struct db *db);

/* dispatcher.c, ticker.c, worker.c: the threads' main functions */
void *dispatcher_main(void *arg);
void *ticker_main(void *arg);
void *worker_main(void *arg);
void ticker_want(struct work *w);
/* Issues and flushes what the worker holds, once: for a task that waits for a server, so that the
 * ranges beside it do not. */
void worker_turn(struct worker *k);

/* whole.c: plan, moments, transfer and delete tasks, start to end. 0; -1 with e set when the task
 * should be tried again later. */
int whole_task_run(struct worker *k, struct task *t, struct err *e);
/* prepare.c: the same for a transfer that needs a pass over the embeddings. */
int prepare_run(struct worker *k, struct task *t, struct err *e);
/* export.c, manifest.c, artefacts.c: the same for exports. */
int export_run(struct worker *k, struct task *t, struct err *e);
int manifest_run(struct worker *k, struct task *t, struct err *e);
int discard_run(struct worker *k, struct task *t, struct err *e);
/* artefacts.c: lets the other processes know that this one sees the directory of the exports, until
 * it ends; and removes what is in it and belongs to nothing any more. */
void artefacts_appear(struct work *w);
void artefacts_vanish(struct work *w);
int artefacts_sweep(struct worker *k, struct err *e);
/* duplicates.c: the same for the pass over the duplicates of a run. */
int duplicates_run(struct worker *k, struct task *t, struct err *e);
/* Gives the lease back; `begun` is whether work on it was begun under this lease. */
int task_release(struct db *db, const struct task *t, bool begun);
/* The five or four parameters that name a leased task. */
void call_task(struct db_call *c, enum stmt_id stmt, const struct task *t);

/* resolve.c: asks the providers of a run which models they serve, and freezes its recipes. */
int resolve_run(struct worker *k, struct task *t, struct err *e);

/* budget.c */
enum budget_answer {
    BUDGET_OK,
    BUDGET_WAIT,  /* not now: calls under way may give back what they do not use */
    BUDGET_SPENT, /* the run has no room for this call */
};
/* Takes the worst case of one item's calls off the budget, with another slice if need be. */
enum budget_answer budget_reserve(struct worker *k, struct run_info *r, int64_t cost,
                                  int64_t tokens);
/* Gives back a reservation and takes what the calls have used. */
void budget_settle(struct run_info *r, int64_t reserved_cost, int64_t reserved_tokens, int64_t cost,
                   const struct llm_usage *u, int64_t unknown_tokens);
bool budget_is_limited(const struct budget *b);
/* Whether a call that starts now would end behind the deadline. */
bool budget_is_late(struct run_info *r);

/* encoder_version.c: makes sure that the run has an encoder version, and that the encoder still
 * answers what it did when the version was made; `now`: even if that was asked a moment ago. Pauses
 * the run when it does not. 1 when the run has to begin its representations again: its tasks for
 * moments and transfer are gone. */
int encoder_version_ensure(struct worker *k, struct run_info *r, bool now, struct err *e);

#endif
