/* How many questions a dialogue has. */
#ifndef MONOCEROS_DOMAIN_TURNS_H
#define MONOCEROS_DOMAIN_TURNS_H

enum { DIALOGUE_TURNS_MAX = 16 };

/* Both ends included; a question and its answer are one turn. */
struct turns {
    int min, max;
};

#endif
