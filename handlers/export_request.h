/* What a request for an export asks for, checked against itself and completed as far as the
 * database has no say in it. */
#ifndef MONOCEROS_HANDLERS_EXPORT_REQUEST_H
#define MONOCEROS_HANDLERS_EXPORT_REQUEST_H

#include "handlers/operation.h"
#include "server/domain/settings.h"
#include "server/json/decode.h"

enum export_kind { WITH_CAPTIONS, WITH_DIALOGUES, WITH_VECTORS, EXPORT_KINDS };

struct export_select {
    struct str source, domain, verdict;
    struct opt_int min_length, max_length;
};

struct export_body {
    struct list include, formats, view, dialogue_recipes;
    struct export_select *select;
    struct opt_int limit, files;
    struct opt_number *mix; /* DIALOGUE_TASKS shares; NULL: every dialogue that there is */
    struct str transfer, encoder, dtype;
    struct opt_bool allow_offline;
    struct str labels; /* as JSON */
};

/* Texts live in the request's arena. Arrays are as PostgreSQL writes them. */
struct export_request {
    bool with[EXPORT_KINDS];
    const char *include, *formats;
    const char *view, *dialogue_recipes; /* NULL: not said */
    const char *selection;               /* JSON */
    const char *mix_tasks, *mix_bounds;  /* NULL without a mix */
    const char *mix;                     /* JSON, NULL without one */
    struct str transfer, encoder;        /* unset as the body has them, but for the method */
    struct str dtype;
};

/* Every fault is reported as a field. */
int export_request_make(struct req *q, const struct export_body *b, struct export_request *out,
                        struct err *e);

#endif
