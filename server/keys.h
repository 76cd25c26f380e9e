/* `monoceros keys`: the first key has to come from somewhere, and keys of other owners too. */
#ifndef MONOCEROS_KEYS_H
#define MONOCEROS_KEYS_H

#include <stdio.h>

#include "server/base/err.h"

/* argv is what follows `keys`. A new key goes to standard output, alone; what there is to say about
 * it to standard error. 0, or -1 with a sentence. */
int keys_command(int argc, char **argv, struct err *e);
void keys_help(FILE *out);

#endif
