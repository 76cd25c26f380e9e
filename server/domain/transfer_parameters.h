/* The parameters of a prepared transfer: as a request gives them, as they are kept, and as the
 * constants that follow from them. */
#ifndef MONOCEROS_DOMAIN_TRANSFER_PARAMETERS_H
#define MONOCEROS_DOMAIN_TRANSFER_PARAMETERS_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/domain/transfer.h"
#include "server/json/decode.h"

struct transfer_parameters {
    struct opt_bool norm, image_mean;
    struct opt_number cosine, sigma;
    struct opt_int seed;
    struct str form;
};
extern const struct field transfer_parameter_fields[];

/* What a request names: a method, its parameters or NULL, and image moments or unset. */
struct transfer_choice {
    enum transfer_method method;
    const struct transfer_parameters *parameters;
    struct str image_moments;
};

/* Whether method, parameters and image moments go together; -1 with fields below `pointer`. */
int transfer_choice_check(const struct transfer_choice *c, const char *pointer, struct err *e);
bool transfer_choice_needs_images(const struct transfer_choice *c);
/* As they are kept: what differs from the defaults, and always how strong noise is, so that the
 * same transfer has the same text. */
void transfer_parameters_write(const struct transfer_choice *c, struct buf *out);
/* Sets the constants of t, whose method and n are set, from kept parameters; *images is whether
 * they want the image mean. */
int transfer_parameters_read(struct str kept, struct arena *a, struct transfer *t, bool *images,
                             struct err *e);

#endif
