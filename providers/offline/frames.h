/* The sentences of captions. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_FRAMES_H
#define MONOCEROS_PROVIDERS_OFFLINE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "providers/offline/seed.h"

struct frame {
    const char *template;
    uint64_t mask; /* template_mask of it */
};

struct frame_list {
    const struct frame *frames;
    unsigned n;
};

/* Sentences that state facts of style. */
struct frame_list frames_style(void);
/* Sentences that a seed of that form can stand in. */
struct frame_list frames_seed(enum seed_form form);

#endif
