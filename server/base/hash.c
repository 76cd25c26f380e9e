#include "server/base/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

/* Fetching the algorithm for each digest costs more than hashing a caption. */
static const EVP_MD *sha256_algorithm;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Identities decide where rows go: no answer is better than a wrong one. */
static void insist(bool ok)
{
    if (!ok)
        abort();
}

void sha256_begin(struct sha256_state *s)
{
    (void)pthread_once(&sha256_once, sha256_fetch);
    s->ctx = EVP_MD_CTX_new();
    insist(s->ctx && sha256_algorithm && EVP_DigestInit_ex(s->ctx, sha256_algorithm, NULL) == 1);
}

void sha256_add(struct sha256_state *s, struct str data)
{
    insist(EVP_DigestUpdate(s->ctx, data.p, data.n) == 1);
}

void sha256_end(struct sha256_state *s, uint8_t out[SHA256_BYTES])
{
    insist(EVP_DigestFinal_ex(s->ctx, out, NULL) == 1);
    sha256_drop(s);
}

void sha256_drop(struct sha256_state *s)
{
    EVP_MD_CTX_free(s->ctx);
    s->ctx = NULL;
}

void sha256_parts(const struct str *parts, size_t n, uint8_t out[SHA256_BYTES])
{
    struct sha256_state s;
    sha256_begin(&s);
    for (size_t i = 0; i < n; i++)
        sha256_add(&s, parts[i]);
    sha256_end(&s, out);
}

void sha256(struct str data, uint8_t out[SHA256_BYTES])
{
    sha256_parts(&data, 1, out);
}

void hmac_sha256(const uint8_t key[SHA256_BYTES], const struct str *parts, size_t n,
                 uint8_t out[SHA256_BYTES])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool ok = ctx && EVP_MAC_init(ctx, key, SHA256_BYTES, params) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].n) == 1;
    ok = ok && EVP_MAC_final(ctx, out, NULL, SHA256_BYTES) == 1;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    if (!ok)
        abort(); /* whoever asks would take what is in `out` for proof */
}

uint64_t load_be64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

uint64_t hash_choice(struct str purpose, struct str id)
{
    uint8_t digest[SHA256_BYTES];
    const struct str parts[] = {purpose, id};
    sha256_parts(parts, 2, digest);
    return load_be64(digest);
}

void hex_encode(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct str hex, uint8_t *out, size_t n)
{
    if (hex.n != 2 * n)
        return false;
    for (size_t i = 0; i < hex.n; i++)
        if (hex_value(hex.p[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_value(hex.p[2 * i]) << 4 | hex_value(hex.p[2 * i + 1]));
    return true;
}

void random_bytes(void *out, size_t n)
{
    if (RAND_bytes(out, (int)n) != 1)
        abort();
}

bool sha256_same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES])
{
    return CRYPTO_memcmp(a, b, SHA256_BYTES) == 0;
}
