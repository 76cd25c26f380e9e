/* URLs that carry their own permission. What a key signs, whoever has the URL may fetch until it
 * expires, as the key itself could: the signature is an HMAC-SHA-256 of path, query and end under
 * the SHA-256 of the key, so that every replica can check it and it falls with the key. */
#ifndef MONOCEROS_HANDLERS_SIGNED_URL_H
#define MONOCEROS_HANDLERS_SIGNED_URL_H

#include "server/domain/key.h"
#include "server/http/http.h"

/* Of the query parameter `signature`: <key id>.<end>.<HMAC as hex digits>, always the last one. */
enum { SIGNATURE_CHARS_MAX = KEY_ID_CHARS + 1 + 11 + 1 + 2 * SHA256_BYTES };

struct signature {
    char key[KEY_ID_CHARS + 1];
    int64_t expires; /* seconds of the Unix epoch */
    uint8_t mac[SHA256_BYTES];
    struct str path, query; /* what it is of; the query without the signature */
};

/* Fills mac from the rest, under the hash of the key. */
void signature_make(struct signature *s, const uint8_t key_hash[SHA256_BYTES]);
/* The parameter's value. */
void signature_text(const struct signature *s, char out[SIGNATURE_CHARS_MAX + 1]);
/* 1 when the request's URL is signed, 0 when it is not, -1 when what it has is no signature. */
int signature_read(const struct req *q, struct signature *s);
/* Whether the key with this hash made it. Takes the same time wherever the two differ. */
bool signature_holds(const struct signature *s, const uint8_t key_hash[SHA256_BYTES]);

#endif
