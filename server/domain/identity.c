#include "server/domain/identity.h"

#include <stdio.h>

#include "server/base/hash.h"

void seed_id(struct str normalised, uint8_t out[SEED_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256(normalised, digest);
    memcpy(out, digest, SEED_ID_BYTES);
}

int64_t seed_shard(const uint8_t id[SEED_ID_BYTES], int shards)
{
    return (int64_t)(load_be64(id) % (uint64_t)shards);
}

int64_t shard_id(int64_t dataset, int64_t shard)
{
    return dataset * SHARDS_MAX + shard;
}

/* SHA-256(recipe id as hex, NUL, what, NUL, text). */
static void hash_of_recipe(const uint8_t recipe[RECIPE_ID_BYTES], struct str what, struct str text,
                           uint8_t digest[SHA256_BYTES])
{
    char hex[2 * RECIPE_ID_BYTES + 1];
    hex_encode(recipe, RECIPE_ID_BYTES, hex);
    const struct str nul = {"", 1};
    const struct str parts[] = {str_of(hex), nul, what, nul, text};
    sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
}

void caption_hash(const uint8_t recipe[RECIPE_ID_BYTES], int variant, struct str text,
                  uint8_t out[CAPTION_HASH_BYTES])
{
    char number[16];
    uint8_t digest[SHA256_BYTES];
    (void)snprintf(number, sizeof(number), "%d", variant);
    hash_of_recipe(recipe, str_of(number), text, digest);
    memcpy(out, digest, CAPTION_HASH_BYTES);
}

void caption_id(const uint8_t seed[SEED_ID_BYTES], const uint8_t hash[CAPTION_HASH_BYTES],
                char out[CAPTION_ID_TEXT + 1])
{
    hex_encode(seed, SEED_ID_BYTES, out);
    out[SEED_ID_HEX] = '-';
    hex_encode(hash, CAPTION_HASH_BYTES, out + SEED_ID_HEX + 1);
}

void dialogue_hash(const uint8_t recipe[RECIPE_ID_BYTES], struct str task, struct str conversations,
                   uint8_t out[DIALOGUE_HASH_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    hash_of_recipe(recipe, task, conversations, digest);
    memcpy(out, digest, DIALOGUE_HASH_BYTES);
}

/* One spelling for each id: lower case only. */
static bool parse_hex(struct str hex, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < hex.n; i++)
        if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
            return false;
    return hex_decode(hex, out, n);
}

bool seed_id_parse(struct str s, uint8_t out[SEED_ID_BYTES])
{
    return parse_hex(s, out, SEED_ID_BYTES);
}

bool caption_id_parse(struct str s, uint8_t seed[SEED_ID_BYTES], uint8_t hash[CAPTION_HASH_BYTES])
{
    if (s.n != CAPTION_ID_TEXT || s.p[SEED_ID_HEX] != '-')
        return false;
    return parse_hex((struct str){s.p, SEED_ID_HEX}, seed, SEED_ID_BYTES) &&
           parse_hex(str_from(s, SEED_ID_HEX + 1), hash, CAPTION_HASH_BYTES);
}

bool dialogue_id_parse(struct str s, uint8_t seed[SEED_ID_BYTES], uint8_t hash[CAPTION_HASH_BYTES],
                       uint8_t dialogue[DIALOGUE_HASH_BYTES])
{
    if (s.n != DIALOGUE_ID_TEXT || s.p[CAPTION_ID_TEXT] != '-')
        return false;
    return caption_id_parse((struct str){s.p, CAPTION_ID_TEXT}, seed, hash) &&
           parse_hex(str_from(s, CAPTION_ID_TEXT + 1), dialogue, DIALOGUE_HASH_BYTES);
}

void share_bound(double share, uint8_t out[8], bool *all)
{
    *all = share >= 1;
    /* Below 1 the largest double is 1 - 2^-53, so that the product fits in 64 bits. */
    double scaled = share > 0 ? share * 0x1p64 : 0;
    uint64_t bound = *all ? UINT64_MAX : (uint64_t)scaled;
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(bound >> (56 - 8 * i));
}

void encoder_version_id(const struct encoder_identity *x, uint8_t out[RECIPE_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    char dimension[16], version[24];
    const struct str nul = {"", 1};
    (void)snprintf(dimension, sizeof(dimension), "%d", x->dimension);
    (void)snprintf(version, sizeof(version), "%lld", (long long)x->version);
    const struct str parts[] = {STR("encoder"), nul, x->name,           nul, x->kind,     nul,
                                x->model,       nul, str_of(dimension), nul, x->revision, nul,
                                x->weights,     nul, str_of(version)};
    enum { PARTS = sizeof(parts) / sizeof(parts[0]), PLAIN_PARTS = 9 };
    bool plain = x->revision.n == 0 && x->weights.n == 0 && x->version == 1;
    sha256_parts(parts, plain ? PLAIN_PARTS : PARTS, digest);
    memcpy(out, digest, RECIPE_ID_BYTES);
}
