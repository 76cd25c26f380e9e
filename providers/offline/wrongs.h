/* Lists that wrong answers are drawn from. Every list ends with NULL. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_WRONGS_H
#define MONOCEROS_PROVIDERS_OFFLINE_WRONGS_H

#include "providers/offline/facts.h"

struct wrong_act {
    enum verb_family family;
    const char *base, *third, *ing, *rest;
    bool animal; /* an animal can do it, too */
};

struct wrong_place {
    const char *text;
    uint64_t setting; /* texts with one of these traits do not contradict it */
};

extern const struct wrong_act wrong_acts[];
extern const size_t wrong_acts_n;
extern const struct wrong_place wrong_places[];
extern const size_t wrong_places_n;
extern const char *const wrong_things[],
    *const wrong_clothes[],
        *const wrong_food[], *const wrong_vehicles[],
                                 *const wrong_times[], *const wrong_people[], *const wrong_trades[];

/* Whether a viewer could take the one colour for the other. */
bool colours_near(struct str a, const char *b);
/* Offers each entry of a list, beginning at a seeded one, until the fact has enough. */
void wrongs_from(struct facts *fs, struct fact *f, const char *const *list, struct choice *c);

#endif
