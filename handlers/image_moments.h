/* Image moments by reference: how requests name them. */
#ifndef MONOCEROS_HANDLERS_IMAGE_MOMENTS_H
#define MONOCEROS_HANDLERS_IMAGE_MOMENTS_H

#include "handlers/operation.h"

enum { IMAGE_LABEL_MAX = 63, IMAGE_REFERENCE_MAX = 80, IMAGE_VERSION_MAX = 999999999 };

/* ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$, but nothing that could be an id. */
bool image_label_is_valid(struct str label);
/* Three parameters from a label, label@version or an id: label, version and id, each or NULL. Of an
 * unset reference all are NULL. -1 with a field at `pointer` for what is none of them. */
int bind_image_moments(struct req *q, struct db_call *c, struct str reference, const char *pointer,
                       struct err *e);

#endif
