/* Prompts as the operations show them, built-in ones and those of operators alike. */
#ifndef MONOCEROS_HANDLERS_PROMPT_VIEW_H
#define MONOCEROS_HANDLERS_PROMPT_VIEW_H

#include "handlers/bind.h"
#include "server/domain/prompt.h"

/* In characters; `system` may be longer than the template and the texts of tasks. */
enum { PROMPT_SYSTEM_MAX = 16000, PROMPT_TEXT_MAX = 8000 };

/* Texts are in the request's rows, or static. */
struct prompt_view {
    struct prompt prompt;
    int64_t version;
    char hash[2 * PROMPT_HASH_BYTES + 1];
    struct str created_at; /* unset: built in */
};

bool prompt_is_built_in(struct str name);

/* What {prompt} in the path names, as two parameters: name and version, or NULL for the newest. */
int prompt_bind(struct req *q, struct db_call *c, struct err *e);
/* The prompt whose columns start at `col` of the row, or a built-in one by what the path names.
 * Both may be missing: ERR_NOT_FOUND. */
int prompt_view_find(struct req *q, const struct rows *r, int col, struct prompt_view *v,
                     struct err *e);
void prompt_view_read(const struct rows *r, int col, struct prompt_view *v);
void prompt_view_built_in(const struct prompt *p, struct prompt_view *v);
/* Appends the whole prompt as a JSON object. */
int prompt_view_write(struct req *q, const struct prompt_view *v, struct buf *b, struct err *e);

#endif
