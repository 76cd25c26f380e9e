#include "providers/offline/lexicon.h"

#include <pthread.h>

enum { SLOTS = 16384, SURFACE_MAX = 48 };

struct slot {
    const char *key; /* NULL: free */
    size_t key_n;
    struct lexeme lexeme;
};

/* Filled once under `once`, read-only afterwards. */
static struct slot slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t hash_of(struct str s)
{
    uint32_t h = 2166136261U;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h ^ (h >> 15);
}

static struct slot *slot_of(struct str key)
{
    uint32_t i = hash_of(key) % SLOTS;

    while (slots[i].key && !(slots[i].key_n == key.n && memcmp(slots[i].key, key.p, key.n) == 0))
        i = (i + 1) % SLOTS;
    return &slots[i];
}

static struct lexeme *entry(const char *key)
{
    struct slot *s = slot_of(str_of(key));

    s->key = key;
    s->key_n = strlen(key);
    return &s->lexeme;
}

/* The first row of a form wins, so tables put the commoner reading first. */
static void add_noun(const char *key, const struct noun *noun, bool plural)
{
    struct lexeme *l = entry(key);

    if (l->noun)
        return;
    l->noun = noun;
    l->plural = plural;
}

static void add_verb(const char *key, const struct verb *verb, char form)
{
    struct lexeme *l = entry(key);

    if (l->verb)
        return;
    l->verb = verb;
    l->form = form;
}

/* "shorts": no singular form. */
static bool is_pair(const struct noun *n)
{
    return n->class == N_CLOTHES && n->many && strcmp(n->one, n->many) == 0;
}

static void add_nouns(const struct noun_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        add_noun(t->rows[i].one, &t->rows[i], is_pair(&t->rows[i]));
        if (t->rows[i].many)
            add_noun(t->rows[i].many, &t->rows[i], true);
    }
}

static void add_mods(const struct mod_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct lexeme *l = entry(t->rows[i].word);

        if (!l->mod)
            l->mod = &t->rows[i];
    }
}

static void build(void)
{
    add_nouns(&lex_people);
    add_nouns(&lex_animals);
    add_nouns(&lex_places);
    add_nouns(&lex_things);
    add_nouns(&lex_made);
    add_nouns(&lex_food);
    for (size_t i = 0; i < lex_verbs_n; i++) {
        add_verb(lex_verbs[i].base, &lex_verbs[i], 'b');
        add_verb(lex_verbs[i].third, &lex_verbs[i], 's');
        add_verb(lex_verbs[i].ing, &lex_verbs[i], 'g');
    }
    add_mods(&lex_words);
    add_mods(&lex_adjectives);
}

const struct lexeme *lex_find(struct str surface)
{
    const struct slot *s;

    if (surface.n == 0 || surface.n >= SURFACE_MAX)
        return NULL;
    pthread_once(&once, build);
    s = slot_of(surface);
    return s->key ? &s->lexeme : NULL;
}
