/* SHA-256 and hexadecimal. */
#ifndef MONOCEROS_BASE_HASH_H
#define MONOCEROS_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

enum { SHA256_BYTES = 32 };

void sha256(struct str data, uint8_t out[SHA256_BYTES]);
/* Takes the same time wherever two hashes differ. */
bool sha256_same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES]);
/* Over the concatenation of n parts. */
void sha256_parts(const struct str *parts, size_t n, uint8_t out[SHA256_BYTES]);
/* A digest of bytes that come one after the other. Zeroed: not begun. */
struct sha256_state {
    void *ctx;
};
void sha256_begin(struct sha256_state *s);
void sha256_add(struct sha256_state *s, struct str data);
/* Ends it and lets its memory go; it can begin again. */
void sha256_end(struct sha256_state *s, uint8_t out[SHA256_BYTES]);
void sha256_drop(struct sha256_state *s); /* without the digest; also of one that was not begun */
/* HMAC (RFC 2104) by SHA-256 over the concatenation of n parts, with a key of SHA256_BYTES. */
void hmac_sha256(const uint8_t key[SHA256_BYTES], const struct str *parts, size_t n,
                 uint8_t out[SHA256_BYTES]);
/* The first 8 bytes of SHA-256(purpose || id), big-endian: the seeded choice of a purpose. */
uint64_t hash_choice(struct str purpose, struct str id);
/* Lower-case hex of n bytes, 2n digits and a NUL. */
void hex_encode(const uint8_t *p, size_t n, char *out);
/* Exactly n bytes from 2n hex digits; false on any other length or digit. */
bool hex_decode(struct str hex, uint8_t *out, size_t n);
/* n bytes from the system's generator; aborts when there are none. */
void random_bytes(void *out, size_t n);
uint64_t load_be64(const uint8_t *p);

#endif
