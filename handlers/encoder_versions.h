/* The versions of encoders, for whatever computes with them. */
#ifndef MONOCEROS_HANDLERS_ENCODER_VERSIONS_H
#define MONOCEROS_HANDLERS_ENCODER_VERSIONS_H

#include "handlers/operation.h"
#include "server/domain/identity.h"

/* The newest version of an encoder as it is declared; texts are in the request's arena. */
struct encoder_version {
    const char *id; /* NULL: there is none yet */
    int dimension;
    int64_t number;
    struct str probes; /* unset where none are kept */
    bool changed;      /* its vectors were found not to be what they were */
};

struct encoder_identity encoder_identity_of(struct encoder *c, int dimension, int64_t version);
/* Parameters that name an encoder as it is declared, without its name. */
void call_declared(struct db_call *c, struct encoder *encoder);
int encoder_version_find(struct req *q, struct work_ctx *ctx, struct encoder *c,
                         struct encoder_version *out, struct err *e);

/* Records the first version of an encoder that nobody has asked yet, whose vectors were made
 * elsewhere; whoever asks it first keeps those of the probe texts. Its id, in the request's arena;
 * NULL with an error. */
const char *encoder_version_declare(struct req *q, struct work_ctx *ctx, struct encoder *c,
                                    size_t dimension, struct err *e);

#endif
