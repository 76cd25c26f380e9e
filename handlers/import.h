/* Imports: streams of lines, read in constant memory and stored by the batch. What a line means is
 * up to the kind of import. */
#ifndef MONOCEROS_HANDLERS_IMPORT_H
#define MONOCEROS_HANDLERS_IMPORT_H

#include "handlers/operation.h"
#include "server/json/decode.h"

enum {
    IMPORT_BATCH_ROWS = 1000,
    IMPORT_COLUMN_BYTES_MAX = 16 << 20,
    IMPORT_REFUSED_SHOWN = 100,
};

struct refused_line {
    int64_t line;
    const char *reason;
    char detail[160];
};

/* Of an import, and what it tells at its end. */
struct import_counts {
    int64_t received, created, duplicate, differs, refused;
    int n_shown;
    struct refused_line shown[IMPORT_REFUSED_SHOWN]; /* those with the lowest numbers */
};

struct import_kind;

/* An import under way, as its kind sees it. */
struct import {
    const struct import_kind *kind;
    void *batch; /* of the kind */
    struct req *q;
    struct work_ctx *ctx;
    struct err *e;
    const char *dataset;
    struct str source, domain; /* of lines that do not say */
    struct arena *line_arena;  /* of the line at hand */
    int64_t line;              /* its number, from 1 */
    int rows;                  /* in the batch */
    struct import_counts *counts;
};

/* What `take` did with a line. */
enum taken { TAKEN, REFUSED, BLANK };

struct import_kind {
    /* A line of valid UTF-8 that is not blank; `plain` when it does not start with a brace. Adds a
     * row to the batch or refuses the line by import_refuse. -1 when the import cannot go on. */
    int (*take)(struct import *m, struct str line, bool plain);
    size_t (*bytes)(const struct import *m); /* that the batch holds */
    /* Stores the batch, counts its rows and empties it. */
    int (*store)(struct import *m);
    bool rows; /* rows of a matrix, counted from 0, are refused instead of lines */
    /* Appends members of this kind to the counts; or NULL. */
    void (*describe)(const struct import *m, struct buf *b);
};

/* Reads the request's stream to its end and answers; -1 without an answer. The dataset must be
 * there. */
int import_run(struct req *q, struct work_ctx *ctx, const struct import_kind *kind, void *batch,
               struct import_counts *counts, struct err *e);

/* Answers with the counts: as they are, or with m->e as a problem when rc is negative. */
void import_answer(const struct import *m, int rc);
/* Counts a line as refused; `detail` may quote it and may end in the middle of a character. */
void import_refuse(struct import *m, int64_t line, const char *reason, const char *detail);
/* The members of a JSON line, in line_arena. TAKEN, REFUSED or -1. */
int import_decode(struct import *m, struct str line, const struct field *fields, void *out,
                  size_t size);

#endif
