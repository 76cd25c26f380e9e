/* Encoders of kind `clip`: batches computed by the threads of this process. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_CLIP_H
#define MONOCEROS_PROVIDERS_ENCODER_CLIP_H

#include "providers/encoder.h"
#include "providers/job.h"

struct clip_tower;

/* Loads a model's directory. */
struct clip_tower *clip_tower_open(const char *directory, struct err *e);
void clip_tower_close(struct clip_tower *t); /* accepts NULL */

int clip_tower_dimension(const struct clip_tower *t);
const char *clip_tower_hash(const struct clip_tower *t);

/* One batch on a lane that is held already; -1: nothing was started. */
int clip_batch_start(struct encoder *c, struct lane *l, const struct str *texts, size_t n,
                     void *ctx, encoder_done_fn done, void *arg, struct err *e);

#endif
