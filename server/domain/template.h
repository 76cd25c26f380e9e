/* Templates of prompts: text with {{variables}}, parsed once into pieces and rendered for each
 * item. Pure functions. */
#ifndef MONOCEROS_DOMAIN_TEMPLATE_H
#define MONOCEROS_DOMAIN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum template_variable {
    VARIABLE_SEED,    /* the seed's text */
    VARIABLE_CAPTION, /* the caption's text */
    VARIABLE_DOMAIN,  /* of the seed; these three may be empty */
    VARIABLE_SOURCE,
    VARIABLE_LABEL,     /* the member "label" of the seed's metadata */
    VARIABLE_TASK,      /* what the prompt says of the dialogue's task */
    VARIABLE_TURNS_MIN, /* pairs of question and answer that the run asks for */
    VARIABLE_TURNS_MAX,
    VARIABLE_COUNT
};

/* Names by number, as they stand between the braces. */
extern const char *const template_variables[VARIABLE_COUNT];

/* Text that is sent as it stands, or, with a variable, the fallback for an empty value. */
struct template_piece {
    enum template_variable variable; /* VARIABLE_COUNT: none */
    struct str text;
};

struct template
{
    size_t n;
    struct template_piece *pieces;
};

/* A set of variables, as bits. */
#define TEMPLATE_HAS(v) (1U << (v))

/* Splits a text into pieces, which refer to it. {{name}} and {{name|fallback}} are variables, white
 * space around the name and single braces mean nothing. -1 with one error at `pointer` for each
 * variable that is not one of `known` and for the first pair of braces without a counterpart, or
 * without memory. */
int template_parse(struct str text, unsigned known, const char *pointer, struct arena *a,
                   struct template *t, struct err *e);
/* Appends the text with the values in place of the variables; an unset value is empty. */
void template_render(const struct template *t, const struct str values[VARIABLE_COUNT],
                     struct buf *b);
bool template_uses(const struct template *t, enum template_variable variable);

#endif
