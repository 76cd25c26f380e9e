#include "handlers/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *out, const uint8_t *p, size_t n, const char *alphabet)
{
    size_t i = 0;
    if (!buf_room(out, (n + 2) / 3 * 4))
        return;
    char *to = out->p + out->n;
    for (; i + 3 <= n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = alphabet[v >> 6 & 63];
        *to++ = alphabet[v & 63];
    }
    if (i < n) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0);
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        if (i + 1 < n)
            *to++ = alphabet[v >> 6 & 63];
        for (size_t k = n - i; k < 3 && alphabet == standard; k++)
            *to++ = '=';
    }
    out->n = (size_t)(to - out->p);
}

void base64_encode(struct buf *out, const void *p, size_t n)
{
    encode(out, p, n, standard);
}

void base64url_encode(struct buf *out, const void *p, size_t n)
{
    encode(out, p, n, for_urls);
}

static bool decode(struct buf *out, struct str text, const char *alphabet)
{
    uint32_t bits = 0;
    int n_bits = 0;
    if (text.n % 4 == 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            buf_addc(out, (char)(bits >> n_bits));
        }
    }
    /* The bits that are left over must be zero: one text for one value. */
    return (bits & ((1U << n_bits) - 1)) == 0 && !out->failed;
}

bool base64_decode(struct buf *out, struct str text)
{
    if (text.n % 4)
        return false;
    for (int padding = 0; padding < 2 && text.n && text.p[text.n - 1] == '='; padding++)
        text.n--;
    return decode(out, text, standard);
}

bool base64url_decode(struct buf *out, struct str text)
{
    return decode(out, text, for_urls);
}
