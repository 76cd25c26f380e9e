/* What clip_tower.c (loading) and clip_batch.c (one batch on its way) share. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_CLIP_TOWER_H
#define MONOCEROS_PROVIDERS_ENCODER_CLIP_TOWER_H

#include "providers/clip/model.h"
#include "providers/clip/threads.h"
#include "providers/clip/tokenizer.h"
#include "providers/encoder/clip.h"

struct clip_tower {
    struct clip_model *model;
    struct clip_tokenizer *tokenizer;
    struct clip_pack_limits limits;
    bool holds_threads;
    char hash[65];
};

#endif
