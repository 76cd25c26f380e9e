/* Content decides identity: ids of seeds, captions and dialogues, their shards, and the seeded
 * choices, as in the design's section 2. Pure functions. */
#ifndef MONOCEROS_DOMAIN_IDENTITY_H
#define MONOCEROS_DOMAIN_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

enum {
    SEED_ID_BYTES = 16,
    SEED_ID_HEX = 32,
    CAPTION_HASH_BYTES = 8,
    CAPTION_ID_TEXT = 32 + 1 + 16, /* "<seed id>-<16 hex>" */
    DIALOGUE_HASH_BYTES = 4,
    DIALOGUE_ID_TEXT = CAPTION_ID_TEXT + 1 + 8, /* "<caption id>-<8 hex>" */
    RECIPE_ID_BYTES = 16,
    SHARDS_MAX = 65536,
};

/* First 16 bytes of SHA-256 over the normalised text. */
void seed_id(struct str normalised, uint8_t out[SEED_ID_BYTES]);
/* The first 8 bytes, big-endian, modulo the shard count. */
int64_t seed_shard(const uint8_t id[SEED_ID_BYTES], int shards);
/* dataset number x 65536 + shard number. */
int64_t shard_id(int64_t dataset, int64_t shard);

/* First 8 bytes of SHA-256(recipe id as 32 hex digits, NUL, variant in decimal, NUL, text). */
void caption_hash(const uint8_t recipe[RECIPE_ID_BYTES], int variant, struct str text,
                  uint8_t out[CAPTION_HASH_BYTES]);
void caption_id(const uint8_t seed[SEED_ID_BYTES], const uint8_t hash[CAPTION_HASH_BYTES],
                char out[CAPTION_ID_TEXT + 1]);
/* First 4 bytes of SHA-256(recipe id hex, NUL, task, NUL, conversations). */
void dialogue_hash(const uint8_t recipe[RECIPE_ID_BYTES], struct str task, struct str conversations,
                   uint8_t out[DIALOGUE_HASH_BYTES]);

/* What an encoder version is. Texts may be unset, which is the same as empty. */
struct encoder_identity {
    struct str name, kind, model;
    struct str revision; /* as it is declared */
    struct str weights;  /* SHA-256 in hex digits, where they are known */
    int dimension;
    int64_t version; /* from 1 */
};

/* First 16 bytes of SHA-256("encoder" NUL name NUL kind NUL model NUL dimension in decimal), and,
 * of all but the first version of an encoder without revision and weights, NUL revision NUL weights
 * NUL version in decimal. */
void encoder_version_id(const struct encoder_identity *x, uint8_t out[RECIPE_ID_BYTES]);

/* Ids from outside: false unless they have exactly the documented form. */
bool seed_id_parse(struct str s, uint8_t out[SEED_ID_BYTES]);
bool caption_id_parse(struct str s, uint8_t seed[SEED_ID_BYTES], uint8_t hash[CAPTION_HASH_BYTES]);
bool dialogue_id_parse(struct str s, uint8_t seed[SEED_ID_BYTES], uint8_t hash[CAPTION_HASH_BYTES],
                       uint8_t dialogue[DIALOGUE_HASH_BYTES]);

/* share in [0, 1] as the exclusive upper bound of the 8 leading bytes of a choice hash, big-endian:
 * SHA-256(purpose || id) < bound. false in *all means "use the bytes"; a share of 1 takes all. */
void share_bound(double share, uint8_t out[8], bool *all);

#endif
