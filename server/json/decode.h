/* JSON bodies to plain structs by field tables. Unknown members, duplicate keys, wrong types and
 * values out of range are all reported with JSON pointers; strings live in the arena. */
#ifndef MONOCEROS_JSON_DECODE_H
#define MONOCEROS_JSON_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum field_type {
    FIELD_STRING,  /* struct str; min and max count code points */
    FIELD_ENUM,    /* struct str that is one of values */
    FIELD_INT,     /* struct opt_int */
    FIELD_NUMBER,  /* struct opt_number */
    FIELD_BOOL,    /* struct opt_bool */
    FIELD_OBJECT,  /* pointer to a struct described by fields; NULL when absent */
    FIELD_STRINGS, /* struct list of struct str; min and max count items, len_max code points */
    FIELD_NUMBERS, /* struct list of double; min and max count items */
    FIELD_OBJECTS, /* struct list of structs described by fields */
    FIELD_MAP,     /* any JSON object kept as compact text in a struct str; max counts bytes */
    FIELD_LABELS,  /* names and strings, kept as FIELD_MAP; max counts them, len_max code points */
    FIELD_END,
};

struct opt_int {
    bool set;
    int64_t v;
};
struct opt_number {
    bool set;
    double v;
};
struct opt_bool {
    bool set;
    bool v;
};
/* n items of the row's `size` bytes each. */
struct list {
    bool set;
    size_t n;
    void *items;
};

struct field {
    enum field_type type;
    const char *name;
    bool required;
    size_t offset;
    double min, max;            /* FIELD_INT and FIELD_NUMBER: inclusive; both 0: unbounded */
    size_t len_max;             /* FIELD_STRINGS, FIELD_LABELS: code points of each */
    const char *const *values;  /* FIELD_ENUM and FIELD_STRINGS: NULL-terminated, or NULL */
    const struct field *fields; /* FIELD_OBJECT, FIELD_OBJECTS */
    size_t size;                /* of the pointed-to or listed struct */
};

enum { JSON_DEPTH_MAX = 16, LABEL_NAME_MAX = 63 };

/* ^[a-z][a-z0-9_.-]{0,62}$ */
bool label_name_is_valid(struct str name);

/* Bounds and syntax before anything is built: depth, number of values. jansson takes up to 78
 * times a body's size, so that a limit in bytes alone bounds nothing. */
int json_scan(struct str text, size_t max_nodes, struct err *e);

/* Fills *out (zeroed first) from a JSON object. 0, or -1 with ERR_MALFORMED (line and column in
 * the sentence) or ERR_VALIDATION (fields). max_nodes as in json_scan. */
int json_decode(struct str text, const struct field *fields, size_t max_nodes, struct arena *a,
                void *out, size_t out_size, struct err *e);

/* The table as JSON, for the contract test. */
void json_describe(const struct field *fields, struct buf *out);

#endif
