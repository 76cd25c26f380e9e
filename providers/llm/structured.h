/* Whether an endpoint keeps to a JSON schema that it is sent, learned as it goes: some refuse it,
 * some take it and ignore it. Where it does not hold, requests go without, as the prompt describes
 * the answer, too; it is tried again now and then. Guarded by its owner. */
#ifndef MONOCEROS_PROVIDERS_LLM_STRUCTURED_H
#define MONOCEROS_PROVIDERS_LLM_STRUCTURED_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"

enum structured_state {
    STRUCTURED_UNKNOWN,
    STRUCTURED_HOLDS,
    STRUCTURED_REFUSED, /* a request with a schema is an error */
    STRUCTURED_IGNORED, /* answers do not keep it */
};

enum {
    STRUCTURED_WINDOW = 32,    /* last answers that count */
    STRUCTURED_ENOUGH = 20,    /* of them, for a judgement */
    STRUCTURED_BROKEN_PC = 40, /* per cent that did not keep it, for a bad one */
    STRUCTURED_PROBE = 500,    /* one in so many is asked nevertheless */
    STRUCTURED_PROBE_SOON = 50,
    STRUCTURED_PROBES_GOOD = 5, /* in a row, to be asked again */
};

struct structured {
    enum structured_state state;
    uint32_t kept; /* the last answers, a bit each */
    int n;
    int until_probe, good_probes;
    unsigned round;       /* times that it was turned off: what was asked before tells no more */
    uint64_t asked, held; /* in all: answers to requests with a schema, and that kept it */
};

/* Whether the next request is to carry the schema: 0 when not, else what is to be said of its
 * answer as `asked`. */
unsigned structured_ask(struct structured *s);
/* A request with the schema was refused, and one without it was not. */
void structured_refused(struct structured *s);
/* An answer to a request with the schema did or did not keep it. */
void structured_note(struct structured *s, unsigned asked, bool held);
/* An object. */
void structured_describe(const struct structured *s, struct buf *out);

#endif
