/* What is known of keys, for a few seconds, so that not every request asks the database. Any
 * thread. */
#ifndef MONOCEROS_HANDLERS_KEY_CACHE_H
#define MONOCEROS_HANDLERS_KEY_CACHE_H

#include "server/base/arena.h"
#include "server/domain/key.h"

/* A key that was taken back, or whose time is over, is refused so many seconds later at most. */
enum { KEY_CACHE_S = 10 };

struct key_facts {
    char id[KEY_ID_CHARS + 1];
    uint8_t hash[SHA256_BYTES];
    const char *caller; /* what the first parameter of statements says */
    unsigned scopes;    /* bits of enum scope */
    bool revoked;
    struct key_limits limits;
    int64_t expires_us; /* by clock_us(); 0: never */
};

struct key_cache;

struct key_cache *key_cache_new(void);
void key_cache_free(struct key_cache *c); /* accepts NULL */
/* False when nothing fresh is known. The string is a copy in `a`. */
bool key_cache_get(struct key_cache *c, const char *id, struct arena *a, struct key_facts *out);
/* Copies; does nothing without memory. */
void key_cache_put(struct key_cache *c, const struct key_facts *f);
/* Whether these were a key's id and hash when it was last asked for, however long ago. */
bool key_cache_knew(struct key_cache *c, const struct key *k);
void key_cache_drop(struct key_cache *c, const char *id);

#endif
