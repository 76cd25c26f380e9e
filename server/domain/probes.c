#include "server/domain/probes.h"

#include <math.h>

/* Short, plain, long, several scripts, punctuation, numbers, capitals, white space. */
const char *const probe_texts[PROBES] = {
    "A dog.",
    "Two children in red coats run across a wet lawn behind their house.",
    "An old fishing harbour lies in the soft light of the late afternoon. Wooden boats painted "
    "blue "
    "and white rock gently beside a stone pier, their ropes slack and dark with water. A man in a "
    "yellow jacket mends a net that is spread over his knees, while a grey cat watches from a "
    "stack "
    "of crates. Behind him a row of narrow houses climbs the hill, and the last window reflects "
    "the "
    "sun. Far out, beyond the breakwater, a single sail leans away from the wind, and thin clouds "
    "drift slowly towards the open sea.",
    "Über die Straße nach Łódź fährt ein Fahrrad, 自転車が雨の中を走る, и ещё один 🚲",
    "Wait -- what?! (No: \"that\" isn't it...) [see #3; 50% off & more]",
    "In 1987, 42 of the 365 boats numbered 0012 to 9800 were 3.5 m wide.",
    "A SIGN SAYS STOP HERE",
    "First line.\nSecond line,\twith a tab   and spaces.",
};

void probes_pack(const float *vectors, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < PROBES * n; i++) {
        uint32_t bits;
        memcpy(&bits, &vectors[i], sizeof(bits));
        for (int k = 0; k < 4; k++)
            out[4 * i + (size_t)k] = (uint8_t)(bits >> (8 * k));
    }
}

static double kept_value(struct str kept, size_t i)
{
    uint32_t bits = 0;
    float value;
    for (int k = 0; k < 4; k++)
        bits |= (uint32_t)(uint8_t)kept.p[4 * i + (size_t)k] << (8 * k);
    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

/* NaN when one of the two is zero. */
static double cosine(struct str kept, size_t first, const float *now, size_t n)
{
    double dot = 0, a = 0, b = 0;
    for (size_t i = 0; i < n; i++) {
        double x = kept_value(kept, first + i), y = (double)now[i];
        dot += x * y;
        a += x * x;
        b += y * y;
    }
    return dot / sqrt(a * b);
}

double probes_compare(struct str kept, const float *now, size_t n, int *compared)
{
    double smallest = 1;
    *compared = 0;
    if (kept.n != 4 * PROBES * n)
        return 0;
    for (size_t i = 0; i < PROBES; i++) {
        double c = cosine(kept, i * n, now + i * n, n);
        if (isnan(c))
            continue;
        smallest = fmin(smallest, c);
        (*compared)++;
    }
    return smallest;
}
