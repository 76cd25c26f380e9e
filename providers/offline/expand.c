#include "providers/offline/expand.h"

enum { ALTERNATIVES_MAX = 12 };

static const char *const names[SLOTS] = {
    [STYLE_LIGHT] = "light",
    [STYLE_DIR] = "dir",
    [STYLE_SHADOW] = "shadow",
    [STYLE_VIEW] = "view",
    [STYLE_FRAMING] = "framing",
    [STYLE_FOCUS] = "focus",
    [STYLE_POSITION] = "position",
    [STYLE_PALETTE] = "palette",
    [STYLE_SKY] = "sky",
    [STYLE_BACKDROP] = "backdrop",
    [STYLE_SURFACE] = "surface",
    [STYLE_DETAIL] = "detail",
    [STYLE_LAYOUT] = "layout",
    [STYLE_POSE] = "pose",
    [STYLE_FINISH] = "finish",
    [STYLE_FEATURE] = "feature",
    [SLOT_REF] = "ref",
    [SLOT_GROUND] = "ground",
    [SLOT_PART] = "part",
    [SLOT_THING] = "thing",
    [SLOT_ACCENT] = "accent",
    [SLOT_SEED] = "seed",
    [SLOT_ACT] = "act",
    [SLOT_PLACE] = "place",
    [SLOT_COUNT] = "count",
    [SLOT_COLOUR] = "colour",
    [SLOT_TIME] = "time",
    [SLOT_OBJECT] = "object",
    [SLOT_OTHER] = "other",
    [SLOT_IS] = "is",
    [SLOT_HAS] = "has",
    [SLOT_S] = "s",
    [SLOT_THING_IS] = "thing_is",
    [SLOT_ACCENT_IS] = "accent_is",
    [SLOT_SUBJECT] = "subject",
    [SLOT_VALUE] = "value",
    [SLOT_A_VALUE] = "a_value",
    [SLOT_ABOUT] = "about",
    [SLOT_ABOUT_IS] = "about_is",
    [SLOT_ABOUT_DO] = "about_do",
    [SLOT_VERB] = "verb",
    [SLOT_COUNT_OF] = "count_of",
    [SLOT_COUNT_ONE_MORE] = "count_one_more",
    [SLOT_COLOUR_OF] = "colour_of",
    [SLOT_OBJECT_OF] = "object_of",
    [SLOT_OBJECT_IS] = "object_is",
    [SLOT_OBJECT_VERB] = "object_verb",
};

static int slot_named(struct str name)
{
    for (int i = 0; i < SLOTS; i++)
        if (str_is(name, names[i]))
            return i;
    return -1;
}

/* The name between the braces at p; NULL end when the brace is never closed. */
static struct str name_at(const char *p, const char *end)
{
    const char *close = memchr(p, '}', (size_t)(end - p));

    return (struct str){p + 1, close ? (size_t)(close - p - 1) : (size_t)(end - p - 1)};
}

uint64_t template_mask(const char *template)
{
    const char *end = template + strlen(template);
    uint64_t mask = 0;

    for (const char *p = template; p < end; p++) {
        int slot = *p == '{' ? slot_named(name_at(p, end)) : -1;

        if (slot >= 0 && slot < SLOT_FACTS)
            mask |= SLOT_BIT(slot);
    }
    return mask;
}

/* Splits the bracket that opens at p; answers the place of its closing mark. */
static const char *alternatives(const char *p, const char *end, struct str *alt, unsigned *n)
{
    const char *start = p + 1;
    int depth = 0;

    *n = 0;
    for (; p < end; p++) {
        bool split = depth == 1 && (*p == '|' || *p == ']');

        depth += *p == '[';
        depth -= *p == ']';
        if (!split)
            continue;
        if (*n < ALTERNATIVES_MAX)
            alt[(*n)++] = (struct str){start, (size_t)(p - start)};
        start = p + 1;
        if (depth == 0)
            return p;
    }
    return end;
}

static void expand(struct buf *out, struct str t, const struct slots *slots, struct choice *c)
{
    const char *end = t.p + t.n;

    for (const char *p = t.p; p < end; p++) {
        if (*p == '{') {
            struct str name = name_at(p, end);
            int slot = slot_named(name);

            if (slot >= 0)
                buf_adds(out, slots->v[slot]);
            p += name.n + 1;
        } else if (*p == '[') {
            struct str alt[ALTERNATIVES_MAX];
            unsigned n;
            const char *close = alternatives(p, end, alt, &n);

            if (n > 0)
                expand(out, alt[choice_below(c, n)], slots, c);
            p = close;
        } else {
            buf_addc(out, *p);
        }
    }
}

void template_expand(struct buf *out, const char *template, const struct slots *slots,
                     struct choice *c)
{
    expand(out, str_of(template), slots, c);
}

void capitalise(struct buf *b, size_t at)
{
    if (at < b->n && (b->p[at] == '"' || b->p[at] == '\''))
        at++;
    if (at < b->n && b->p[at] >= 'a' && b->p[at] <= 'z')
        b->p[at] = (char)(b->p[at] - ('a' - 'A'));
}
