/* API keys: mono_<id>_<secret><checksum>. The id names the key, the secret has 256 bits, and the
 * checksum lets a scanner, and us, tell a key from what only looks like one without asking the
 * database. Only the SHA-256 of a whole key is ever stored. */
#ifndef MONOCEROS_DOMAIN_KEY_H
#define MONOCEROS_DOMAIN_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/hash.h"
#include "server/base/str.h"

enum {
    KEY_ID_CHARS = 12,
    KEY_SECRET_CHARS = 43,
    KEY_CHECKSUM_CHARS = 6,
    KEY_CHARS = 5 + KEY_ID_CHARS + 1 + KEY_SECRET_CHARS + KEY_CHECKSUM_CHARS,
    KEY_NAME_CHARS_MAX = 100,
    KEY_DATASETS_MAX = 100
};

/* What a key may be used for. SCOPE_ADMIN includes the others. */
enum scope {
    SCOPE_NONE = 0, /* of an operation: anybody, without a key */
    SCOPE_READ = 1,
    SCOPE_WRITE = 2,
    SCOPE_RUN = 4,
    SCOPE_EXPORT = 8,
    SCOPE_ADMIN = 16
};

/* Names by bit, NULL-terminated. */
extern const char *const scope_names[];
/* Of one bit. */
const char *scope_name(unsigned scope);
/* The bit of a name; SCOPE_NONE for what is none. */
unsigned scope_of(struct str name);

/* 0: none. */
struct key_limits {
    int64_t requests_per_minute, seeds_per_day, runs_in_flight;
};

struct key {
    char text[KEY_CHARS + 1];
    char id[KEY_ID_CHARS + 1];
    uint8_t hash[SHA256_BYTES]; /* of the text */
};

/* A new random key, with this id or a random one. */
void key_make(struct key *k, const char *id);
/* An id that follows from a hash. */
void key_id_from(const uint8_t hash[SHA256_BYTES], char id[KEY_ID_CHARS + 1]);
/* Reads what a client presents; false unless form and checksum are right. */
bool key_parse(struct str text, struct key *k);
bool key_id_is_valid(struct str id);
/* Writes stars over the secrets of what looks like keys, or the beginnings of keys, in a text. */
void key_mask(char *text);

#endif
