/* Private to server/work: reading what an export is made of, and the directory that its files are
 * in. */
#ifndef MONOCEROS_WORK_EXPORT_H
#define MONOCEROS_WORK_EXPORT_H

#include "handlers/vectors.h"
#include "server/work/internal.h"
#include "stages/export/export.h"

enum { EXPORT_PROVIDERS_MAX = 64 };

/* Rows of the files by provider. */
struct export_provider {
    struct str name;
    int64_t captions, dialogues;
};

/* What the manifest counts. */
struct export_tally {
    int64_t captions, dialogues, representations, no_representation, unfit;
    int64_t tasks[DIALOGUE_TASKS];
    int64_t *recipes, *dialogue_recipes; /* by place in the view */
    int n_providers;
    struct export_provider providers[EXPORT_PROVIDERS_MAX];
};

/* An export as it is made: constant while a task of it is. */
struct export_plan {
    struct arena *arena;
    int64_t dataset;
    struct str name; /* of the dataset */
    int shards;
    struct export_settings settings;
    struct str view, dialogue_view; /* uuid[] as text */
    int n_view, n_dialogue_view;
    struct str source, domain, min_length, max_length, verdict; /* unset: any */
    int64_t limit;                                              /* of captions; -1: none */
    bool has_mix;
    bool chosen[DIALOGUE_TASKS];     /* tasks of which the mix takes some */
    uint64_t bounds[DIALOGUE_TASKS]; /* exclusive, of the choice hash; the greatest takes all */
    struct prepared prepared;
};

/* 1 with the plan, 0 when the export is not wanted any more, -1 with e set. To be freed by
 * plan_free in any case. */
int export_plan_load(struct export_plan *p, struct db *db, const uint8_t id[UUID_BYTES],
                     struct err *e);
void export_plan_free(struct export_plan *p);
/* The first shard of a group, and that of the next one behind the last. */
int export_first_shard(const struct export_plan *p, int group);

/* Reads a shard in pages; every sample that the export takes goes to `add`, in order. */
struct export_reader {
    struct db *db; /* in a snapshot */
    const struct export_plan *plan;
    struct export_tally *tally;
    int64_t shard_id;
    int64_t quota; /* captions that may still be taken of the shard; -1: any number */
    uint8_t after[UUID_BYTES], to[UUID_BYTES]; /* the next page lies between, the latter included */
    int64_t seeds;                             /* that it has */
    bool begun;                                /* `to` and `seeds` are known */
    float *scratch;                            /* twice the dimension */
    int (*add)(void *arg, const struct export_sample *x, struct err *e);
    void *arg;
};
/* The next page. *seeds is how many it had, 0 at the end. */
int export_read_page(struct export_reader *r, int64_t *seeds, struct err *e);

void export_tally_init(struct export_tally *t, int64_t *recipes, int64_t *dialogue_recipes);
/* The sample is in the files. `place` and those of its dialogues are in the views. */
int export_tally_add(struct export_tally *t, const struct export_plan *p,
                     const struct export_sample *x, int place, const int *dialogue_places,
                     const struct str *dialogue_providers, struct err *e);
void export_tally_write(const struct export_tally *t, const struct export_plan *p, struct buf *b);

/* The files of a task, to be registered under its lease; `a` must live as long as the call. */
struct export_arrays {
    struct array names, paths, formats, served, rows, bytes, digests, dtypes;
};
void export_call_files(struct db_call *c, const struct task *t, struct export_arrays *a,
                       const struct export_settings *s, int piece, const struct export_file *files,
                       int n);
bool export_arrays_failed(const struct export_arrays *a);
void export_arrays_free(struct export_arrays *a);
/* What became of a task of an export: rc, which is returned, with e. Says in the export why it does
 * not get on, and gives it up when trying again does not help. */
int export_note(struct worker *k, const struct task *t, int rc, struct err *e);

/* artefacts.c: the export's directory, made if need be; -1 with ERR_UNAVAILABLE when it is not
 * there or is not shared with the other processes on this database. */
int artefacts_open(struct worker *k, const uint8_t export[UUID_BYTES], struct err *e);
/* Removes everything in an export's directory that is not among the names, which are sorted. */
void artefacts_tidy(int directory, const struct str *names, int n);

#endif
