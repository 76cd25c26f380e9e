/* Cuts a stream of bytes into lines, at any chunk borders, in constant memory. */
#ifndef MONOCEROS_HANDLERS_IMPORT_LINES_H
#define MONOCEROS_HANDLERS_IMPORT_LINES_H

#include "server/base/buf.h"

enum { LINE_BYTES_MAX = 65536 };

struct line_cutter {
    struct buf partial; /* the line that a chunk ended in */
    bool skipping;      /* the rest of a line that is too long */
    bool started;       /* past the place of a byte order mark */
    /* A line without its end; too_long: its first bytes. The view is valid during the call. -1 ends
     * the cutting. */
    int (*line)(void *arg, struct str line, bool too_long);
    void *arg;
};

void line_cutter_init(struct line_cutter *c, int (*line)(void *arg, struct str line, bool too_long),
                      void *arg);
void line_cutter_free(struct line_cutter *c);
/* -1 when a call of `line` said so or memory was short. */
int line_cutter_feed(struct line_cutter *c, struct str chunk);
/* The end of the stream: what follows the last line end is a line as well. */
int line_cutter_end(struct line_cutter *c);

#endif
