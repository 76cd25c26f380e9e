/* The insides of the tokenizer, for the files that load it. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_STATE_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/clip/tokenizer.h"
#include "providers/clip/tokenizer_bpe.h"
#include "server/base/arena.h"

#define CLIP_BOS "<|startoftext|>"
#define CLIP_EOS "<|endoftext|>"

enum { CLIP_SPECIALS_MAX = 8, CLIP_SPECIAL_BYTES = 64 };

/* A token that is found in a text before anything else. */
struct clip_special {
    char text[CLIP_SPECIAL_BYTES];
    size_t n;
    int32_t id;
    bool normalised; /* looked for in the normalised text, else in the text as it comes */
};

struct clip_tokenizer {
    struct clip_bpe bpe;
    int32_t size, bos, eos;
    struct clip_special specials[CLIP_SPECIALS_MAX];
    size_t n_specials;
    /* The rule that cuts words has the names of BOS and EOS, in whatever case, as words. */
    bool names_are_words;
};

#endif
