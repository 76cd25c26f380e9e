#include "server/base/err.h"

#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    if (!e || e->code != ERR_NONE)
        return -1;
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    return -1;
}

int err_field(struct err *e, const char *pointer, const char *fmt, ...)
{
    if (!e || (e->code != ERR_NONE && e->code != ERR_VALIDATION))
        return -1;
    e->code = ERR_VALIDATION;
    struct err_field discarded;
    struct err_field *f = e->n_fields < ERR_FIELDS_MAX ? &e->fields[e->n_fields] : &discarded;
    (void)snprintf(f->pointer, sizeof(f->pointer), "%s", pointer);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
    va_end(ap);
    if (f != &discarded)
        e->n_fields++;
    if (e->n_fields == 1 && f != &discarded)
        (void)snprintf(e->msg, sizeof(e->msg), "%s: %s", pointer, f->detail);
    else
        (void)snprintf(e->msg, sizeof(e->msg), "%s fields are not as documented",
                       f == &discarded ? "more than 8" : "several");
    return -1;
}

void err_clear(struct err *e)
{
    e->code = ERR_NONE;
    e->retry_after = 0;
    e->msg[0] = '\0';
    e->n_fields = 0;
}
