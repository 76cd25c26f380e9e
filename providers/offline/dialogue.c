#include "providers/offline/composer.h"

#include <stdio.h>

#include "providers/offline/draft.h"
#include "providers/offline/questions.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/json/write.h"

enum {
    TURNS_LEAST = 6,
    TURNS_MOST = 8,
    PROBLEMS_LEAST = 2,
    PROBLEMS_MOST = 4,
    CONTENT_MOST = 5,
    FIT_MAX = 64,
    TURN_BYTES = 8192,
    SCRATCH = 256,
};

struct dialogue {
    struct facts *fs;
    struct choice c;
    size_t least, most; /* pairs */
    struct slots slots;
    uint64_t stated;
    char act[SCRATCH];
    char ground[32];
    char value[SCRATCH];      /* with article */
    char last_word[16];       /* first word of the question before */
    uint64_t said[FACTS_MAX]; /* answers, hashed */
    size_t n_said;
    struct buf ask, answer;
};

static void set(struct dialogue *d, enum slot slot, struct str s)
{
    d->slots.v[slot] = s;
    if (slot < SLOT_FACTS)
        d->stated |= SLOT_BIT(slot);
}

static void set_z(struct dialogue *d, enum slot slot, const char *z)
{
    set(d, slot, str_of(z));
}

/* The ground that is named in the sentence of its texture. */
static void find_ground(struct dialogue *d, struct str texture)
{
    static const char *const grounds[] = {
        "the forest floor", "the court surface", "the stage floor", "the pavement", "the turf",
        "the field",        "the grass",         "the sand",        "the snow",     "the ice",
        "the water",        "the rock",          "the ground",      "the floor"};
    const struct words *ws = &d->fs->words;
    struct str lower = {ws->lower, ws->text.n};
    ptrdiff_t at = str_find(lower, texture);
    size_t from, end;

    if (at < 0)
        return;
    from = (size_t)at;
    end = from;
    while (from > 0 && lower.p[from - 1] != '.')
        from--;
    while (end < lower.n && lower.p[end] != '.')
        end++;
    for (size_t i = 0; i < sizeof(grounds) / sizeof(grounds[0]); i++)
        if (str_find((struct str){lower.p + from, end - from}, str_of(grounds[i])) >= 0) {
            (void)snprintf(d->ground, sizeof(d->ground), "%s", grounds[i]);
            return;
        }
}

static void set_count(struct dialogue *d, const struct fact *f)
{
    for (size_t i = 0; lex_numbers[i] && lex_numbers[i + 1]; i++)
        if (str_ieq(f->value, str_of(lex_numbers[i]))) {
            set(d, SLOT_COUNT, f->value);
            set_z(d, SLOT_COUNT_OF, f->about);
            set_z(d, SLOT_COUNT_ONE_MORE, lex_numbers[i + 1]);
        }
}

static void set_act(struct dialogue *d, const struct fact *f)
{
    const char *is = f->plural ? "are" : "is";

    if (f->kind == FACT_DOING)
        (void)snprintf(d->act, sizeof(d->act), "%s " STR_FMT, is, STR_ARG(f->value));
    else
        (void)snprintf(d->act, sizeof(d->act), STR_FMT, STR_ARG(f->value));
    set_z(d, SLOT_ACT, d->act);
}

static void set_object(struct dialogue *d, const struct fact *f)
{
    set(d, SLOT_OBJECT, f->value);
    set_z(d, SLOT_OBJECT_OF, f->about);
    set_z(d, SLOT_OBJECT_IS, f->plural ? "are" : "is");
    set_z(d, SLOT_OBJECT_VERB, f->verb);
}

static void set_fact(struct dialogue *d, const struct fact *f)
{
    if (f->kind < STYLE_KINDS)
        set(d, (enum slot)f->kind, f->value);
    if (f->kind == STYLE_SURFACE)
        find_ground(d, f->value);
    if (f->kind == FACT_COUNT)
        set_count(d, f);
    if (f->kind == FACT_ACT || f->kind == FACT_DOING)
        set_act(d, f);
    if (f->kind == FACT_OBJECT)
        set_object(d, f);
    if (f->kind == FACT_PLACE)
        set(d, SLOT_PLACE, f->value);
    if (f->kind == FACT_TIME)
        set(d, SLOT_TIME, f->value);
    if (f->kind == FACT_COLOUR && !(d->stated & SLOT_BIT(SLOT_COLOUR))) {
        set(d, SLOT_COLOUR, f->value);
        set_z(d, SLOT_COLOUR_OF, f->about);
    }
}

static void set_all(struct dialogue *d)
{
    const struct subject *who = &d->fs->subject;

    (void)snprintf(d->ground, sizeof(d->ground), "the nearest surface");
    set_z(d, SLOT_SUBJECT, who->ref);
    set_z(d, SLOT_REF, who->ref);
    set_z(d, SLOT_PART, part_name(who->traits));
    set_z(d, SLOT_IS, who->plural ? "are" : "is");
    set_z(d, SLOT_HAS, who->plural ? "have" : "has");
    set_z(d, SLOT_S, who->plural ? "" : "s");
    for (size_t i = 0; i < d->fs->n; i++)
        set_fact(d, &d->fs->f[i]);
    set_z(d, SLOT_GROUND, d->ground);
}

static void with_article(struct dialogue *d, struct str value)
{
    bool vowel = value.n > 0 && strchr("aeiouAEIOU", value.p[0]);
    const struct lexeme *l = lex_find(value);

    (void)snprintf(d->value, sizeof(d->value), "%s" STR_FMT,
                   l && l->plural ? ""
                   : vowel        ? "an "
                                  : "a ",
                   STR_ARG(value));
}

/* The slots that belong to the one fact that is asked for. */
static void set_asked(struct dialogue *d, const struct fact *f)
{
    with_article(d, f->value);
    set(d, SLOT_VALUE, f->value);
    set_z(d, SLOT_A_VALUE, d->value);
    set_z(d, SLOT_ABOUT, f->about);
    set_z(d, SLOT_ABOUT_IS, f->plural ? "are" : "is");
    set_z(d, SLOT_ABOUT_DO, f->plural ? "do" : "does");
    set_z(d, SLOT_VERB, f->verb);
    d->stated &= ~SLOT_BIT(SLOT_OTHER);
    if (f->n_wrong > 0)
        set_z(d, SLOT_OTHER, f->wrong[choice_below(&d->c, f->n_wrong)]);
}

static bool begins_alike(const struct dialogue *d)
{
    size_t n = strlen(d->last_word);

    return n > 0 && d->ask.n > n && memcmp(d->ask.p, d->last_word, n) == 0 && d->ask.p[n] == ' ';
}

/* Whether the answer is a part of the caption, word for word. */
static bool is_copied(const struct dialogue *d)
{
    struct str said = str_trim(buf_str(&d->answer));

    while (said.n > 0 && said.p[said.n - 1] == '.')
        said.n--;
    return said.n > 0 && str_ifind(d->fs->words.text, said) >= 0;
}

static uint64_t answer_hash(const struct dialogue *d)
{
    return hash_choice(STR("answer"), buf_str(&d->answer));
}

static bool is_said(const struct dialogue *d)
{
    uint64_t hash = d->answer.n > 0 ? answer_hash(d) : 0;

    for (size_t i = 0; d->answer.n > 0 && i < d->n_said; i++)
        if (d->said[i] == hash)
            return true;
    return false;
}

static void note_answer(struct dialogue *d)
{
    if (d->answer.n > 0 && d->n_said < FACTS_MAX)
        d->said[d->n_said++] = answer_hash(d);
}

static void note_first_word(struct dialogue *d)
{
    size_t n = 0;

    while (n < d->ask.n && n + 1 < sizeof(d->last_word) && d->ask.p[n] != ' ')
        n++;
    memcpy(d->last_word, d->ask.p, n);
    d->last_word[n] = '\0';
}

static void write_turn(struct dialogue *d, const char *ask, const char *answer)
{
    buf_reset(&d->ask);
    buf_reset(&d->answer);
    template_expand(&d->ask, ask, &d->slots, &d->c);
    capitalise(&d->ask, 0);
    if (!answer)
        return;
    template_expand(&d->answer, answer, &d->slots, &d->c);
    for (size_t i = 0; i < d->answer.n; i++)
        if (i == 0 || (i >= 2 && d->answer.p[i - 1] == ' ' && d->answer.p[i - 2] == '.'))
            capitalise(&d->answer, i);
}

/* Writes question and answer of a fact, preferring a first word that differs from the last. */
static bool ask_about(struct dialogue *d, const struct fact *f, const struct question *all,
                      size_t n_all)
{
    const struct question *fit[FIT_MAX];
    unsigned n = 0;

    set_asked(d, f);
    for (size_t i = 0; i < n_all && n < FIT_MAX; i++) {
        uint64_t needs = template_mask(all[i].ask);

        if (all[i].kind != f->kind)
            continue;
        needs |= all[i].answer ? template_mask(all[i].answer) : 0;
        if (!(needs & ~(d->stated | SLOT_BIT(SLOT_REF) | SLOT_BIT(SLOT_GROUND))))
            fit[n++] = &all[i];
    }
    for (int tries = 0; n > 0 && tries < 4; tries++) {
        const struct question *q = fit[choice_below(&d->c, n)];

        write_turn(d, q->ask, q->answer);
        if (!begins_alike(d) && !is_copied(d) && !is_said(d))
            break;
    }
    note_first_word(d);
    note_answer(d);
    return n > 0;
}

static void put_options(struct dialogue *d, const struct fact *f, struct buf *out)
{
    static const char *const letters[] = {"A", "B", "C", "D"};
    unsigned right = choice_below(&d->c, 4), wrong = 0;

    json_key(out, "options");
    json_open(out, '{');
    for (unsigned i = 0; i < 4; i++) {
        buf_reset(&d->answer);
        if (i == right)
            buf_adds(&d->answer, f->value);
        else
            buf_addz(&d->answer, f->wrong[wrong++]);
        capitalise(&d->answer, 0);
        json_key(out, letters[i]);
        json_str(out, buf_str(&d->answer));
    }
    json_close(out, '}');
    json_key(out, "answer");
    json_z(out, letters[right]);
}

static void put_pair(struct dialogue *d, const struct fact *f, bool options, struct buf *out)
{
    json_open(out, '{');
    json_key(out, "question");
    json_str(out, buf_str(&d->ask));
    if (options) {
        put_options(d, f, out);
    } else {
        json_key(out, "answer");
        json_str(out, buf_str(&d->answer));
    }
    json_close(out, '}');
}

/* Whether the right option gives itself away: twice as long as each of the others. */
static bool stands_out(const struct fact *f)
{
    enum { SHORT = 20 };
    size_t longest = 0;

    for (unsigned i = 0; i < f->n_wrong; i++)
        if (strlen(f->wrong[i]) > longest)
            longest = strlen(f->wrong[i]);
    return f->value.n >= SHORT && f->value.n >= 2 * longest;
}

/* Which facts to ask for: some of content, the rest of style, in mixed order. */
static size_t select_facts(struct dialogue *d, bool options, uint8_t picked[FACTS_MAX])
{
    uint8_t order[FACTS_MAX];
    size_t n = 0, most = d->least + choice_below(&d->c, (unsigned)(d->most - d->least + 1));
    size_t content = 0;

    for (size_t i = 0; i < d->fs->n; i++)
        order[i] = (uint8_t)i;
    choice_shuffle(&d->c, order, d->fs->n);
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < d->fs->n && n < most; i++) {
            const struct fact *f = &d->fs->f[order[i]];
            bool is_content = f->kind >= STYLE_KINDS;

            if ((options && f->n_wrong < WRONGS) || memchr(picked, order[i], n))
                continue;
            if (pass < 2 && options && stands_out(f))
                continue;
            if ((pass == 0 && (!is_content || content >= CONTENT_MOST)) ||
                (pass == 1 && is_content))
                continue;
            content += is_content;
            picked[n++] = order[i];
        }
    }
    choice_shuffle(&d->c, picked, n);
    return n;
}

static int too_few(size_t have, size_t need, struct err *e)
{
    return err_set(e, ERR_PROVIDER,
                   "the caption states only %zu facts of the %zu that a dialogue needs", have,
                   need);
}

static int put_questions(struct dialogue *d, bool options, struct buf *out, struct err *e)
{
    uint8_t picked[FACTS_MAX];
    size_t n = select_facts(d, options, picked);

    if (n < d->least)
        return too_few(n, d->least, e);
    for (size_t i = 0; i < n; i++) {
        const struct fact *f = &d->fs->f[picked[i]];

        if (options ? ask_about(d, f, choice_questions, choice_questions_n)
                    : ask_about(d, f, open_questions, open_questions_n))
            put_pair(d, f, options, out);
    }
    return 0;
}

static int put_problems(struct dialogue *d, struct buf *out, struct err *e)
{
    uint8_t order[FIT_MAX];
    size_t n = 0, most = d->least + choice_below(&d->c, (unsigned)(d->most - d->least + 1));

    for (size_t i = 0; i < problems_n && n < FIT_MAX; i++) {
        uint64_t needs = template_mask(problems[i].ask) | template_mask(problems[i].answer);

        if (!(needs & ~(d->stated | SLOT_BIT(SLOT_REF) | SLOT_BIT(SLOT_GROUND))))
            order[n++] = (uint8_t)i;
    }
    if (n < d->least)
        return too_few(d->fs->n, TURNS_LEAST, e);
    choice_shuffle(&d->c, order, n);
    for (size_t i = 0; i < n && i < most; i++) {
        write_turn(d, problems[order[i]].ask, problems[order[i]].answer);
        put_pair(d, NULL, false, out);
    }
    return 0;
}

static void free_turn(struct dialogue *d)
{
    buf_free(&d->ask);
    buf_free(&d->answer);
}

static void set_length(struct dialogue *d, enum composer_task task,
                       const struct composer_form *form)
{
    bool hard = task == COMPOSER_COMPLEX_REASONING;

    d->least = form->least > 0 ? (size_t)form->least : hard ? PROBLEMS_LEAST : TURNS_LEAST;
    d->most = form->most > 0 ? (size_t)form->most : hard ? PROBLEMS_MOST : TURNS_MOST;
}

int composer_dialogue(struct str caption, enum composer_task task, struct str key, struct str salt,
                      const struct composer_form *form, struct buf *out, struct err *e)
{
    static const char *const purposes[] = {"multiple choice", "question answering",
                                           "complex reasoning"};
    const uint8_t again = (uint8_t)form->variant;
    struct str parts[] = {str_of(purposes[task]), caption, key, salt, {(const char *)&again, 1}};
    size_t n_parts = sizeof(parts) / sizeof(parts[0]) - (again == 0);
    _cleanup_(freep) struct facts *fs = NULL;
    _cleanup_(free_turn) struct dialogue d = {.stated = 0};
    size_t before = out->n;
    int rc;

    buf_init(&d.ask, TURN_BYTES);
    buf_init(&d.answer, TURN_BYTES);
    choice_init(&d.c, parts, n_parts);
    fs = d.fs = facts_read(caption, &d.c);
    if (!fs)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a caption");
    set_all(&d);
    set_length(&d, task, form);
    json_open(out, '{');
    json_key(out, "pairs");
    json_open(out, '[');
    if (task == COMPOSER_COMPLEX_REASONING)
        rc = put_problems(&d, out, e);
    else
        rc = put_questions(&d, task == COMPOSER_MULTIPLE_CHOICE, out, e);
    json_close(out, ']');
    json_close(out, '}');
    if (rc == 0 && out->failed)
        rc = err_set(e, ERR_PROVIDER, "the composed dialogue is too long");
    if (rc != 0)
        out->n = before;
    return rc;
}
