/* The kinds of style, found by their fixed wording. */
#include "providers/offline/facts.h"

enum { VALUES_MAX = 96 };

/* The one value of the kind that the caption states; NULL for none or for several. Wordings of one
 * family may both stand there when one contains the other; the longer one counts. */
static const struct style_value *stated(const struct facts *fs, const struct style_kind *k)
{
    const struct style_value *found = NULL;

    for (size_t i = 0; i < k->n; i++) {
        const struct style_value *v = &k->values[i];

        if ((found && strcmp(found->text, v->text) == 0) ||
            !words_have_phrase(&fs->words, str_of(v->text)))
            continue;
        if (found && str_find(str_of(found->text), str_of(v->text)) >= 0)
            continue;
        if (found && str_find(str_of(v->text), str_of(found->text)) < 0)
            return NULL;
        found = v;
    }
    return found;
}

static bool family_taken(const struct style_value *v, const struct style_value *right,
                         const uint8_t *families, unsigned n)
{
    if (v->family == right->family)
        return true;
    for (unsigned i = 0; i < n; i++)
        if (families[i] == v->family)
            return true;
    return false;
}

/* Poses and features of the same kind of subject make the better wrong answers. */
static bool is_sister(enum style kind, const struct style_value *v, const struct style_value *right)
{
    bool person = (right->any & (T(40) | T(41) | T(42) | T(43))) != 0;

    if (kind != STYLE_FEATURE)
        return true;
    return person == ((v->any & (T(40) | T(41) | T(42) | T(43))) != 0) ||
           (person && (v->any == T_NEVER));
}

static void add_wrongs(struct facts *fs, struct fact *f, enum style kind,
                       const struct style_value *right, struct choice *c)
{
    const struct style_kind *k = style_kind(kind);
    uint8_t order[VALUES_MAX], families[WRONGS];
    size_t n = k->n < VALUES_MAX ? k->n : VALUES_MAX;

    for (size_t i = 0; i < n; i++)
        order[i] = (uint8_t)i;
    choice_shuffle(c, order, n);
    for (int lenient = 0; lenient < 2; lenient++) {
        for (size_t i = 0; i < n && f->n_wrong < WRONGS; i++) {
            const struct style_value *v = &k->values[order[i]];
            unsigned before = f->n_wrong;

            if (family_taken(v, right, families, f->n_wrong) || !is_sister(kind, v, right))
                continue;
            if (lenient)
                fact_wrong_phrase(fs, f, v->text);
            else
                fact_wrong(fs, f, v->text);
            if (f->n_wrong > before)
                families[before] = v->family;
        }
    }
}

void facts_style(struct facts *fs, struct choice *c)
{
    for (unsigned kind = 0; kind < STYLE_KINDS; kind++) {
        const struct style_value *right = stated(fs, style_kind((enum style)kind));
        struct fact *f;

        if (!right)
            continue;
        f = facts_add(fs, (enum fact_kind)kind, str_of(right->text), fs->subject.ref);
        if (!f)
            return;
        f->plural = fs->subject.plural;
        add_wrongs(fs, f, (enum style)kind, right, c);
    }
}
