#include "handlers/key_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/base/clock.h"

/* Two keys of one slot push each other out, which costs a statement each time and nothing else. */
enum { SLOTS = 1024 };

struct slot {
    struct key_facts facts;
    char *caller;           /* that of facts */
    int64_t fresh_until_us; /* 0: empty */
};

struct key_cache {
    pthread_mutex_t mutex;
    struct slot slots[SLOTS]; /* under mutex */
};

struct key_cache *key_cache_new(void)
{
    struct key_cache *c = calloc(1, sizeof(*c));
    if (c)
        (void)pthread_mutex_init(&c->mutex, NULL);
    return c;
}

static void empty(struct slot *s)
{
    free(s->caller);
    *s = (struct slot){.fresh_until_us = 0};
}

void key_cache_free(struct key_cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < SLOTS; i++)
        empty(&c->slots[i]);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

/* Ids are random digits. */
static struct slot *slot_of(struct key_cache *c, const char *id)
{
    unsigned h = 0;
    for (; *id; id++)
        h = h * 31 + (unsigned char)*id;
    return &c->slots[h % SLOTS];
}

bool key_cache_get(struct key_cache *c, const char *id, struct arena *a, struct key_facts *out)
{
    bool found = false;
    (void)pthread_mutex_lock(&c->mutex);
    const struct slot *s = slot_of(c, id);
    if (s->fresh_until_us > clock_us() && strcmp(s->facts.id, id) == 0) {
        *out = s->facts;
        out->caller = arena_dup(a, s->facts.caller, strlen(s->facts.caller));
        found = out->caller != NULL;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return found;
}

bool key_cache_knew(struct key_cache *c, const struct key *k)
{
    (void)pthread_mutex_lock(&c->mutex);
    const struct slot *s = slot_of(c, k->id);
    bool knew =
        s->fresh_until_us && strcmp(s->facts.id, k->id) == 0 && sha256_same(s->facts.hash, k->hash);
    (void)pthread_mutex_unlock(&c->mutex);
    return knew;
}

void key_cache_put(struct key_cache *c, const struct key_facts *f)
{
    struct slot made = {.facts = *f,
                        .caller = strdup(f->caller),
                        .fresh_until_us = clock_us() + (int64_t)KEY_CACHE_S * 1000000};
    if (!made.caller)
        return;
    made.facts.caller = made.caller;
    (void)pthread_mutex_lock(&c->mutex);
    struct slot *s = slot_of(c, f->id);
    empty(s);
    *s = made;
    (void)pthread_mutex_unlock(&c->mutex);
}

void key_cache_drop(struct key_cache *c, const char *id)
{
    (void)pthread_mutex_lock(&c->mutex);
    struct slot *s = slot_of(c, id);
    if (s->fresh_until_us && strcmp(s->facts.id, id) == 0)
        empty(s);
    (void)pthread_mutex_unlock(&c->mutex);
}
