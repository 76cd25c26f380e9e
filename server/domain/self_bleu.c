#include "server/domain/self_bleu.h"

#include <math.h>
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "server/domain/terms.h"

enum { ORDER = 4 };

/* A run of words where it stands. */
struct gram {
    uint64_t hash;
    uint32_t text;
};

struct measured {
    size_t words;
    int64_t matches[ORDER];
};

static int by_hash_and_text(const void *a, const void *b)
{
    const struct gram *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

/* The end of the stretch from i on in which the same run stands; in the same text when `text`. */
static size_t stretch(const struct gram *grams, size_t n, size_t i, bool text)
{
    size_t end = i + 1;
    while (end < n && grams[end].hash == grams[i].hash &&
           (!text || grams[end].text == grams[i].text))
        end++;
    return end;
}

/* A run counts in a text as often as it stands there, but no more often than in that other text
 * where it stands most. */
static void clip(const struct gram *grams, size_t n, struct measured *texts, int order)
{
    size_t most = 0, second = 0;
    for (size_t i = 0, end; i < n; i = end) {
        end = stretch(grams, n, i, true);
        if (end - i > most) {
            second = most;
            most = end - i;
        } else if (end - i > second) {
            second = end - i;
        }
    }
    bool shared = second == most;
    for (size_t i = 0, end; i < n; i = end) {
        end = stretch(grams, n, i, true);
        size_t here = end - i, elsewhere = here == most && !shared ? second : most;
        texts[grams[i].text].matches[order] += (int64_t)(here < elsewhere ? here : elsewhere);
    }
}

static bool match_order(const uint64_t *hash, const size_t *starts, struct measured *texts,
                        size_t n, int order)
{
    size_t total = 0, run = (size_t)order + 1;
    _cleanup_(freep) struct gram *grams = calloc(starts[n] + 1, sizeof(*grams));
    if (!grams)
        return false;
    for (size_t t = 0; t < n; t++)
        for (size_t i = starts[t]; i + run <= starts[t + 1]; i++)
            grams[total++] = (struct gram){terms_gram(hash + i, run), (uint32_t)t};
    qsort(grams, total, sizeof(*grams), by_hash_and_text);
    for (size_t i = 0, end; i < total; i = end) {
        end = stretch(grams, total, i, false);
        clip(grams + i, end - i, texts, order);
    }
    return true;
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* The length of the other text that is nearest in length; the shorter one of two. */
static size_t closest(const struct measured *texts, size_t n, size_t me)
{
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        size_t words = texts[i].words;
        if (i == me || !words)
            continue;
        size_t d = distance(words, texts[me].words), b = distance(best, texts[me].words);
        if (!best || d < b || (d == b && words < best))
            best = words;
    }
    return best;
}

static double bleu(const struct measured *texts, size_t n, size_t me)
{
    const struct measured *m = &texts[me];
    size_t reference = closest(texts, n, me);
    double logs = 0, words = (double)m->words;
    if (m->matches[0] == 0)
        return 0;
    for (size_t k = 0; k < ORDER; k++) {
        double runs = m->words > k ? (double)(m->words - k) : 1;
        double matches = m->matches[k] ? (double)m->matches[k] : 0.1;
        logs += log(matches / runs) / ORDER;
    }
    return exp(logs + (m->words < reference ? 1 - (double)reference / words : 0));
}

/* The words of all texts one behind the other; those of text t begin at starts[t]. */
static bool split_all(const struct str *texts, size_t n, uint64_t **hash, size_t *starts,
                      struct measured *out)
{
    struct terms w = {0};
    bool ok = true;
    for (size_t t = 0; t < n && ok; t++) {
        ok = terms_split(&w, texts[t]);
        out[t].words = w.n;
        starts[t + 1] = starts[t] + w.n;
        uint64_t *grown = ok ? realloc(*hash, (starts[t + 1] + 1) * sizeof(**hash)) : NULL;
        ok = grown;
        if (!ok)
            break;
        *hash = grown;
        memcpy(grown + starts[t], w.hash, w.n * sizeof(*w.hash));
    }
    terms_free(&w);
    return ok;
}

static double mean_bleu(const struct measured *texts, size_t n)
{
    size_t counted = 0;
    double sum = 0;
    for (size_t t = 0; t < n; t++)
        if (texts[t].words) {
            sum += bleu(texts, n, t);
            counted++;
        }
    return counted > 1 ? sum / (double)counted : (double)NAN;
}

bool self_bleu4(const struct str *texts, size_t n, double *out)
{
    _cleanup_(freep) struct measured *measured = calloc(n + 1, sizeof(*measured));
    _cleanup_(freep) size_t *starts = calloc(n + 1, sizeof(*starts));
    _cleanup_(freep) uint64_t *hash = NULL;
    if (!measured || !starts || !split_all(texts, n, &hash, starts, measured))
        return false;
    for (int order = 0; hash && order < ORDER; order++)
        if (!match_order(hash, starts, measured, n, order))
            return false;
    *out = mean_bleu(measured, n);
    return true;
}
