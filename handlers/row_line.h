/* A row as the JSON object that its list has, written from plain columns: PostgreSQL takes several
 * times as long to make it. The fragments caption_json and dialogue_json say the same in SQL, and
 * tests hold the two against each other. */
#ifndef MONOCEROS_HANDLERS_ROW_LINE_H
#define MONOCEROS_HANDLERS_ROW_LINE_H

#include <stdbool.h>

#include "db/db.h"

enum row_form {
    ROW_END,
    ROW_TEXT,
    ROW_INT,
    ROW_HEX,    /* uuid or bytea */
    ROW_ID,     /* the first column and the member's as hex digits, between them a hyphen */
    ROW_ID_OF,  /* the same with the column `also` in the middle */
    ROW_LENGTH, /* of a text, in characters */
    ROW_COST,   /* from billionths */
    ROW_JSON,   /* as it is */
    ROW_TIME,
};

struct row_member {
    const char *key;
    enum row_form form;
    int col, also;
};

/* `spaced` as json_build_object has it, with members that are null; otherwise as json_strip_nulls
 * has it. Rows are of a statement marked `-- result: binary`. */
void row_line(const struct row_member *members, bool spaced, const struct rows *r, int row,
              struct buf *b);

#endif
