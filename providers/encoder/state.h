/* What encoder.c (the public face) and batch.c (one batch on its way) share. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_STATE_H
#define MONOCEROS_PROVIDERS_ENCODER_STATE_H

#include <stdatomic.h>

#include "providers/encoder.h"
#include "providers/job.h"

struct encoder {
    struct encoder_settings settings;
    struct upstream *upstream;
    bool offline, tei;
    atomic_int dimension; /* 0: not known yet */
    atomic_int batch;     /* texts per call that the server was seen to take */
    atomic_size_t bytes;  /* of their JSON; 0: no limit is known */
    atomic_bool plain;    /* the server has no base64: numbers are asked for */
    atomic_bool answered; /* it has once, so that what it refuses is not the settings */
    atomic_int strange;   /* replies in a row whose vectors all had another dimension */
};

struct batch;

/* NULL when out of memory. Strings are copied. */
struct batch *batch_new(struct encoder *c, struct lane *l, const struct str *texts, size_t n);
void batch_free(struct batch *b);
/* Sends it; from here on it answers by `done` and frees itself. -1: nothing was sent. */
int batch_start(struct batch *b, void *ctx, encoder_done_fn done, void *arg, struct err *e);

#endif
