#include "providers/offline/composer.h"

#include "providers/offline/draft.h"
#include "providers/offline/frames.h"
#include "server/base/cleanup.h"
#include "server/base/text.h"

enum {
    WORDS_LEAST = 50,
    WORDS_MOST = 150,
    WORDS_AIM = 74,
    AIM_SPREAD = 36,
    FACTS_AIM = 9,
    SENTENCES_MAX = 16,
    GROUPS = 5,
    FRAMES_MAX = 128,
    TRIES = 6,
    SENTENCE_BYTES = 70000,
};

static const uint64_t groups[GROUPS] = {
    SLOT_BIT(STYLE_POSE) | SLOT_BIT(STYLE_POSITION) | SLOT_BIT(STYLE_FINISH) |
        SLOT_BIT(SLOT_THING) | SLOT_BIT(SLOT_ACCENT),
    SLOT_BIT(STYLE_SURFACE) | SLOT_BIT(STYLE_DETAIL),
    SLOT_BIT(STYLE_BACKDROP) | SLOT_BIT(STYLE_SKY),
    SLOT_BIT(STYLE_LIGHT) | SLOT_BIT(STYLE_DIR) | SLOT_BIT(STYLE_SHADOW) | SLOT_BIT(STYLE_PALETTE),
    SLOT_BIT(STYLE_VIEW) | SLOT_BIT(STYLE_FRAMING) | SLOT_BIT(STYLE_FOCUS) | SLOT_BIT(STYLE_LAYOUT),
};

/* What may be said before the seed: nothing that refers back to it. */
static const uint64_t opening =
    SLOT_BIT(STYLE_LIGHT) | SLOT_BIT(STYLE_DIR) | SLOT_BIT(STYLE_VIEW) | SLOT_BIT(STYLE_FRAMING) |
    SLOT_BIT(STYLE_FOCUS) | SLOT_BIT(STYLE_PALETTE) | SLOT_BIT(STYLE_LAYOUT) | SLOT_BIT(STYLE_SKY);

static unsigned bits(uint64_t mask)
{
    return (unsigned)__builtin_popcountll(mask);
}

/* A frame that states something of `wanted` and nothing outside `allowed`; NULL when none does. */
static const struct frame *pick(struct draft *d, struct frame_list list, uint64_t wanted,
                                uint64_t allowed)
{
    const struct frame *fit[FRAMES_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < list.n && n < FRAMES_MAX; i++)
        if (!(list.frames[i].mask & ~allowed) && (wanted == 0 || (list.frames[i].mask & wanted)))
            fit[n++] = &list.frames[i];
    return n > 0 ? fit[choice_below(&d->c, n)] : NULL;
}

static bool opens_alike(const struct draft *d, struct str sentence)
{
    size_t n = strlen(d->opener);

    return n > 0 && sentence.n > n && memcmp(sentence.p, d->opener, n) == 0 && sentence.p[n] == ' ';
}

static void note_opener(struct draft *d, struct str sentence)
{
    size_t n = 0;

    while (n < sentence.n && n + 1 < sizeof(d->opener) && sentence.p[n] != ' ')
        n++;
    memcpy(d->opener, sentence.p, n);
    d->opener[n] = '\0';
}

/* Writes the frame at the end of out; undone when it opens like the sentence before or would pass
 * the limit of words. */
static bool say(struct draft *d, const struct frame *f, bool strict, size_t limit)
{
    size_t before = d->out->n, at, words;
    struct str sentence;

    if (before > d->start)
        buf_addc(d->out, ' ');
    at = d->out->n;
    template_expand(d->out, f->template, &d->slots, &d->c);
    capitalise(d->out, at);
    if (d->out->failed)
        return false;
    sentence = (struct str){d->out->p + at, d->out->n - at};
    words = text_words(sentence);
    if ((strict && opens_alike(d, sentence)) || d->words + words > limit) {
        d->out->n = before;
        return false;
    }
    note_opener(d, sentence);
    d->words += words;
    d->facts += bits(f->mask & (SLOT_BIT(STYLE_KINDS) - 1U));
    d->open &= ~f->mask;
    return true;
}

static bool say_about(struct draft *d, uint64_t wanted, uint64_t allowed, size_t limit)
{
    struct frame_list list = frames_style();

    for (int i = 0; i < TRIES; i++) {
        const struct frame *f = pick(d, list, wanted, allowed);

        if (!f)
            return false;
        if (say(d, f, i + 1 < TRIES, limit))
            return true;
    }
    return false;
}

/* The seed as it stands in a frame, with article, case and closing mark put right. */
static void write_seed(struct buf *b, const struct seed *s, bool alone)
{
    size_t at;
    bool lower = !alone && s->lower_first && s->article[0] == '\0';

    buf_addz(b, s->article);
    at = b->n;
    buf_adds(b, buf_str(&s->clean));
    if (b->failed)
        return;
    if ((lower || (s->article[0] && s->lower_first)) && b->p[at] >= 'A' && b->p[at] <= 'Z')
        b->p[at] = (char)(b->p[at] + ('a' - 'A'));
    buf_addc(b, s->end);
}

static bool stands_alone(const struct frame *f)
{
    return f->template[0] == '{' && f->template[1] == 's' && f->template[2] == 'e';
}

/* A question, a call and a sentence that begins with a name keep their place at the front. */
static bool stays_alone(const struct seed *s)
{
    bool named = s->words.n > 0 && s->words.w[0].capital && !s->lower_first && !s->article[0];

    return s->form == SEED_SENTENCE && (s->end != '.' || named);
}

static bool say_seed(struct draft *d)
{
    const struct seed *s = d->seed;
    enum seed_form form = stays_alone(s) ? SEED_VERBATIM : s->form;
    const struct frame *f = pick(d, frames_seed(form), 0, d->open | SLOT_BIT(SLOT_SEED));
    struct buf seed;
    bool said;

    if (!f)
        return false;
    buf_init(&seed, SENTENCE_BYTES);
    write_seed(&seed, s, stands_alone(f));
    d->slots.v[SLOT_SEED] = buf_str(&seed);
    said = !seed.failed && say(d, f, false, SIZE_MAX);
    buf_free(&seed);
    return said;
}

static void say_rest(struct draft *d, size_t aim, size_t limit)
{
    uint8_t order[GROUPS] = {0, 1, 2, 3, 4};
    unsigned silent = 0;

    choice_shuffle(&d->c, order, GROUPS);
    for (unsigned i = 0; i < SENTENCES_MAX * 2 && silent < GROUPS; i++) {
        uint64_t wanted = groups[order[i % GROUPS]] & d->open;

        if (d->words >= aim && (d->facts >= FACTS_AIM || aim > WORDS_MOST))
            break;
        if (wanted && say_about(d, wanted, d->open | d->context, limit))
            silent = 0;
        else
            silent++;
    }
}

/* A seed that takes nearly all the words still gets what a dialogue needs. */
static void limits(const struct draft *d, size_t seed_words, size_t *aim, size_t *limit)
{
    struct choice c = d->c;

    *aim = WORDS_AIM + choice_below(&c, AIM_SPREAD);
    *limit = WORDS_MOST;
    if (*aim < seed_words + WORDS_LEAST)
        *aim = seed_words + WORDS_LEAST;
    if (*aim > WORDS_MOST)
        *limit = *aim + 12;
}

int composer_caption(struct str seed, struct str key, struct str salt, int variant, struct buf *out,
                     struct err *e)
{
    uint8_t number[4] = {(uint8_t)variant, (uint8_t)((unsigned)variant >> 8),
                         (uint8_t)((unsigned)variant >> 16), (uint8_t)((unsigned)variant >> 24)};
    struct str parts[] = {STR("caption"), seed, key, salt, {(const char *)number, 4}};
    _cleanup_(seed_freep) struct seed *s = seed_read(seed);
    struct draft d = {.out = out, .start = out->n};
    size_t aim, limit;

    if (!s)
        return err_set(e, ERR_PROVIDER, "the offline composer cannot read an empty seed");
    choice_init(&d.c, parts, sizeof(parts) / sizeof(parts[0]));
    draft_choose(&d, s);
    limits(&d, s->n_words, &aim, &limit);
    if (s->n_words < WORDS_LEAST && choice_below(&d.c, 10) < 3)
        say_about(&d, 0, d.open & opening, WORDS_LEAST);
    say_seed(&d);
    say_rest(&d, aim, limit);
    if (out->failed)
        return err_set(e, ERR_PROVIDER, "the composed text is too long");
    return 0;
}
