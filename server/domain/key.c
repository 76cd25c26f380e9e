#include "server/domain/key.h"

#include <string.h>

enum { DIGITS = 62, PREFIX_CHARS = 5, SECRET_AT = PREFIX_CHARS + KEY_ID_CHARS + 1 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const char *const scope_names[] = {"read", "write", "run", "export", "admin", NULL};

unsigned scope_of(struct str name)
{
    for (int i = 0; scope_names[i]; i++)
        if (str_is(name, scope_names[i]))
            return 1U << i;
    return SCOPE_NONE;
}

const char *scope_name(unsigned scope)
{
    for (int i = 0; scope_names[i]; i++)
        if (scope == 1U << i)
            return scope_names[i];
    return "";
}

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool are_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(p[i]))
            return false;
    return true;
}

/* Each digit as likely as any other: bytes from the last, shorter round of 62 are not used. */
static void random_digits(char *out, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint8_t bytes[64];
        random_bytes(bytes, sizeof(bytes));
        for (size_t k = 0; k < sizeof(bytes) && i < n; k++)
            if (bytes[k] < 4 * DIGITS)
                out[i++] = digits[bytes[k] % DIGITS];
    }
}

static void checksum(const char *text, char out[KEY_CHECKSUM_CHARS])
{
    uint8_t hash[SHA256_BYTES];
    sha256((struct str){text, KEY_CHARS - KEY_CHECKSUM_CHARS}, hash);
    uint64_t v = load_be64(hash);
    for (int i = 0; i < KEY_CHECKSUM_CHARS; i++, v /= DIGITS)
        out[i] = digits[v % DIGITS];
}

/* What follows from the text. */
static void complete(struct key *k)
{
    k->text[KEY_CHARS] = '\0';
    memcpy(k->id, k->text + PREFIX_CHARS, KEY_ID_CHARS);
    k->id[KEY_ID_CHARS] = '\0';
    sha256((struct str){k->text, KEY_CHARS}, k->hash);
}

void key_id_from(const uint8_t hash[SHA256_BYTES], char id[KEY_ID_CHARS + 1])
{
    for (int i = 0; i < KEY_ID_CHARS; i++)
        id[i] = digits[hash[i] % DIGITS];
    id[KEY_ID_CHARS] = '\0';
}

void key_make(struct key *k, const char *id)
{
    memcpy(k->text, "mono_", PREFIX_CHARS);
    if (id)
        memcpy(k->text + PREFIX_CHARS, id, KEY_ID_CHARS);
    else
        random_digits(k->text + PREFIX_CHARS, KEY_ID_CHARS);
    k->text[SECRET_AT - 1] = '_';
    random_digits(k->text + SECRET_AT, KEY_SECRET_CHARS);
    checksum(k->text, k->text + KEY_CHARS - KEY_CHECKSUM_CHARS);
    complete(k);
}

bool key_parse(struct str text, struct key *k)
{
    char sum[KEY_CHECKSUM_CHARS];
    if (text.n != KEY_CHARS || memcmp(text.p, "mono_", PREFIX_CHARS) != 0 ||
        text.p[SECRET_AT - 1] != '_' || !are_digits(text.p + PREFIX_CHARS, KEY_ID_CHARS) ||
        !are_digits(text.p + SECRET_AT, KEY_SECRET_CHARS + KEY_CHECKSUM_CHARS))
        return false;
    checksum(text.p, sum);
    if (memcmp(sum, text.p + KEY_CHARS - KEY_CHECKSUM_CHARS, sizeof(sum)) != 0)
        return false;
    memcpy(k->text, text.p, KEY_CHARS);
    complete(k);
    return true;
}

bool key_id_is_valid(struct str id)
{
    return id.n == KEY_ID_CHARS && are_digits(id.p, id.n);
}

void key_mask(char *text)
{
    for (char *p = text; (p = strstr(p, "mono_")) != NULL; p += PREFIX_CHARS) {
        size_t id = strspn(p + PREFIX_CHARS, digits);
        char *secret = p + PREFIX_CHARS + id;
        if (id != KEY_ID_CHARS || *secret != '_')
            continue;
        secret++;
        memset(secret, '*', strspn(secret, digits));
    }
}
