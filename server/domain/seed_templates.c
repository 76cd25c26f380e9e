#include "server/domain/seed_templates.h"

#include <stdlib.h>

#include "server/base/hash.h"
#include "server/domain/label.h"
#include "server/domain/templates.h"

enum { CHOICE_BYTES_MAX = 65536 };

enum form {
    FORM_LABEL,
    FORM_LABEL_CAPITAL,
    FORM_ARTICLE,
    FORM_ARTICLE_CAPITAL,
    FORM_NAME,
    FORM_DOMAIN,
    FORM_COUNT
};

static const struct str forms[FORM_COUNT] = {
    [FORM_LABEL] = {"{label}", 7},     [FORM_LABEL_CAPITAL] = {"{Label}", 7},
    [FORM_ARTICLE] = {"{a label}", 9}, [FORM_ARTICLE_CAPITAL] = {"{A label}", 9},
    [FORM_NAME] = {"{name}", 6},       [FORM_DOMAIN] = {"{domain}", 8},
};

const struct seed_template_set *const seed_template_sets[] = {
    &algae_templates,     &amphibians_templates, &animals_templates,  &arachnids_templates,
    &art_templates,       &artists_templates,    &birds_templates,    &clothing_templates,
    &faces_templates,     &fish_templates,       &flowers_templates,  &food_templates,
    &fungi_templates,     &genres_templates,     &home_templates,     &insects_templates,
    &landmarks_templates, &mammals_templates,    &mollusks_templates, &objects_templates,
    &office_templates,    &places_templates,     &plants_templates,   &protozoa_templates,
    &reptiles_templates,  &scenes_templates,     &vehicles_templates, NULL};

const struct seed_template_set *seed_template_set_find(struct str name)
{
    for (size_t i = 0; seed_template_sets[i]; i++)
        if (str_is(name, seed_template_sets[i]->name))
            return seed_template_sets[i];
    return NULL;
}

/* The form that a text starts with; FORM_COUNT when there is none. */
static enum form form_at(struct str text)
{
    for (int f = 0; f < FORM_COUNT; f++)
        if (str_starts(text, forms[f]))
            return (enum form)f;
    return FORM_COUNT;
}

const char *seed_template_fault(struct str template)
{
    bool has_label = false;
    for (size_t i = 0; i < template.n; i++) {
        enum form f = template.p[i] == '{' ? form_at(str_from(template, i)) : FORM_COUNT;
        if (f == FORM_COUNT && (template.p[i] == '{' || template.p[i] == '}'))
            return "has a brace that belongs to none of {label}, {Label}, {a label}, {A label}, "
                   "{name} and {domain}";
        if (f == FORM_COUNT)
            continue;
        has_label |= f != FORM_DOMAIN;
        i += forms[f].n - 1;
    }
    return has_label ? NULL : "must have {label} or another form of the label";
}

static void add_form(enum form f, struct str label, struct str domain, struct buf *b)
{
    const char *article = label_article(label);
    size_t start = b->n;
    if ((f == FORM_ARTICLE || f == FORM_ARTICLE_CAPITAL) && *article) {
        buf_addz(b, article);
        buf_addc(b, ' ');
    }
    buf_adds(b, f == FORM_DOMAIN ? domain : f == FORM_NAME ? label_bare(label) : label);
    bool capital = f == FORM_LABEL_CAPITAL || f == FORM_ARTICLE_CAPITAL;
    if (capital && !b->failed && b->n > start && b->p[start] >= 'a' && b->p[start] <= 'z')
        b->p[start] = (char)(b->p[start] - 'a' + 'A');
}

void seed_template_render(struct str template, struct str label, struct str domain, struct buf *b)
{
    while (template.n) {
        enum form f = template.p[0] == '{' ? form_at(template) : FORM_COUNT;
        if (f == FORM_COUNT)
            buf_addc(b, template.p[0]);
        else
            add_form(f, label, domain, b);
        template = str_from(template, f == FORM_COUNT ? 1 : forms[f].n);
    }
}

struct choice {
    uint64_t hash;
    size_t number;
};

static int by_hash(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

bool seed_templates_choose(const struct str *templates, size_t n, size_t k, struct str domain,
                           struct str label, struct str salt, size_t *chosen)
{
    struct choice choices[SEED_TEMPLATES_MAX];
    struct buf id, purpose;
    buf_init(&id, CHOICE_BYTES_MAX);
    buf_init(&purpose, CHOICE_BYTES_MAX);
    buf_addz(&purpose, "template:");
    buf_adds(&purpose, salt);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&id);
        buf_adds(&id, domain);
        buf_addc(&id, '\0');
        buf_adds(&id, label);
        buf_addc(&id, '\0');
        buf_adds(&id, templates[i]);
        choices[i] = (struct choice){hash_choice(buf_str(&purpose), buf_str(&id)), i};
    }
    bool whole = !id.failed && !purpose.failed;
    buf_free(&id);
    buf_free(&purpose);
    qsort(choices, n, sizeof(choices[0]), by_hash);
    for (size_t i = 0; whole && i < k; i++)
        chosen[i] = choices[i].number;
    return whole;
}
