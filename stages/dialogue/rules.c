#include "stages/dialogue/rules.h"

#include <stdio.h>

#include "server/domain/tokens.h"

enum {
    QUESTION_MAX = 600,
    OPTION_MAX = 200,
    ANSWER_MAX = 3000,
    VARIETY_PAIRS_MIN = 6, /* fewer questions may begin as they like */
    OPENINGS_MIN = 3,
    FAULTS_SHOWN = 3,
    SAME_ANSWER_WORDS_MIN = 3, /* "Yes." may come again */
};

static void rulebook_compile(struct rulebook *b)
{
    static const char *const refusals[] = {
        "as an ai",
        "as a language model",
        "language model i",
        "as a text based",
        "i cannot assist",
        "i cant assist",
        "i cannot help",
        "i cant help",
        "i cannot see",
        "i cant see",
        "i cannot view",
        "i cant view",
        "i cannot answer",
        "i cant answer",
        "i cannot provide",
        "i cant provide",
        "im sorry",
        "i am sorry",
        "i apologize",
        "i apologise",
        "im unable",
        "i am unable",
        "i do not have access",
        "i dont have access",
        "no image provided",
        "no image was provided",
        "unable to view",
        "unable to see",
        NULL,
    };
    static const char *const no_options[] = {
        "all of the above",    "none of the above",  "both of the above",    "any of the above",
        "all the above",       "all of these",       "none of these",        "all of the options",
        "none of the options", "all of the answers", "neither of the above", NULL,
    };
    /* Common in English, and words of few other languages; and the commonest of all, which others
     * have, too, but not as often. */
    static const char *const common[] = {
        "the",  "and", "are",  "what", "how",  "which", "where", "who",   "when",  "why",
        "does", "do",  "did",  "with", "from", "that",  "this",  "there", "his",   "her",
        "its",  "be",  "by",   "it",   "to",   "at",    "for",   "not",   "of",    "if",
        "you",  "or",  "have", "has",  "can",  "could", "they",  "their", "would", NULL,
    };
    static const char *const frequent[] = {
        "the", "and", "are", "with", "from",  "that", "this", "there", "his",   "her",   "its",
        "it",  "to",  "at",  "for",  "not",   "of",   "or",   "they",  "their", "a",     "an",
        "is",  "in",  "on",  "as",   "while", "into", "by",   "two",   "which", "would", NULL,
    };
    source_compile(&b->source);
    phrases_compile(&b->common, common);
    phrases_compile(&b->frequent, frequent);
    phrases_compile(&b->refusal, refusals);
    phrases_compile(&b->no_option, no_options);
}

static bool split(const struct draft *d, struct turn_text *t)
{
    return t->text.p && turn_words_split(t->text, d->arena, &t->terms);
}

static bool judge_options(const struct rulebook *b, struct draft *d, struct pair *p)
{
    static const char *const names[OPTIONS] = {"option A", "option B", "option C", "option D"};
    struct turn_text options[OPTIONS];
    for (int i = 0; i < OPTIONS; i++) {
        options[i] = (struct turn_text){.what = names[i], .most = OPTION_MAX, .text = p->option[i]};
        if (!split(d, &options[i]))
            return false;
        rules_text(b, d, &options[i], &p->fault);
    }
    if (!p->fault.code)
        rules_choice(b, p, options, &p->fault);
    return true;
}

static bool judge_answer(const struct rulebook *b, struct draft *d, struct pair *p)
{
    struct turn_text answer = {"answer", ANSWER_MAX, clean_text(d, p->answer), {NULL, 0}};
    if (!split(d, &answer))
        return false;
    p->answer = answer.text;
    p->says = answer.terms;
    rules_text(b, d, &answer, &p->fault);
    if (!p->fault.code)
        rules_answer(b, d, p, &p->fault);
    return true;
}

static bool judge(const struct rulebook *b, struct draft *d, struct pair *p)
{
    struct turn_text question = {"question", QUESTION_MAX, clean_text(d, p->question), {NULL, 0}};
    if (!split(d, &question))
        return false;
    p->question = question.text;
    p->asks = question.terms;
    rules_text(b, d, &question, &p->fault);
    if (d->task != MULTIPLE_CHOICE)
        return judge_answer(b, d, p);
    options_settle(d, p);
    return p->fault.code || judge_options(b, d, p);
}

static bool same_words(const struct turn_words *a, const struct turn_words *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->of[i].hash != b->of[i].hash)
            return false;
    return true;
}

/* The first of two that say the same stays. */
static void find_repeated(const struct draft *d, struct pair *p)
{
    for (const struct pair *q = d->pairs; q < p; q++) {
        if (q->fault.code)
            continue;
        if (same_words(&q->asks, &p->asks))
            fault_set(&p->fault, "repeated_question", "asks the same as pair %d", q->no);
        if (d->task != MULTIPLE_CHOICE && p->says.n >= SAME_ANSWER_WORDS_MIN &&
            same_words(&q->says, &p->says))
            fault_set(&p->fault, "repeated_answer", "has the same answer as pair %d", q->no);
    }
}

bool rules_judge(struct draft *d)
{
    struct rulebook b;
    rulebook_compile(&b);
    for (size_t i = 0; i < d->n; i++) {
        struct pair *p = &d->pairs[i];
        if (!p->fault.code && !judge(&b, d, p))
            return false;
        if (!p->fault.code)
            find_repeated(d, p);
    }
    return true;
}

static void remove_pair(struct draft *d, size_t at)
{
    d->n--;
    memmove(&d->pairs[at], &d->pairs[at + 1], (d->n - at) * sizeof(struct pair));
    d->repaired = true;
}

/* What most of the bad pairs have. */
static const char *main_fault(const struct draft *d)
{
    const char *code = NULL;
    int most = 0;
    for (size_t i = 0; i < d->n; i++) {
        int n = 0;
        for (size_t k = 0; d->pairs[i].fault.code && k < d->n; k++)
            n += d->pairs[k].fault.code &&
                 strcmp(d->pairs[k].fault.code, d->pairs[i].fault.code) == 0;
        if (n > most) {
            most = n;
            code = d->pairs[i].fault.code;
        }
    }
    return code;
}

enum { WANTED_TEXT = 32 };
static const char *wanted(const struct turns *range, char out[WANTED_TEXT])
{
    if (range->min == range->max)
        (void)snprintf(out, WANTED_TEXT, "%d", range->min);
    else
        (void)snprintf(out, WANTED_TEXT, "%d to %d", range->min, range->max);
    return out;
}

static void tell_faults(const struct draft *d, const struct turns *range, size_t good,
                        struct fault *f)
{
    char text[sizeof(f->say)] = "", range_text[WANTED_TEXT];
    size_t n = 0;
    int shown = 0;
    for (size_t i = 0; i < d->n && shown < FAULTS_SHOWN; i++) {
        const struct pair *p = &d->pairs[i];
        if (!p->fault.code)
            continue;
        int more = snprintf(text + n, sizeof(text) - n, "pair %d %.150s; ", p->no, p->fault.say);
        n += more > 0 && (size_t)more < sizeof(text) - n ? (size_t)more : 0;
        shown++;
    }
    text[n] = '\0';
    fault_set(f, main_fault(d), "%s%s pairs are wanted, %zu %s good", text,
              wanted(range, range_text), good, good == 1 ? "is" : "are");
}

static bool drop_bad(struct draft *d, const struct turns *range, struct fault *f)
{
    char text[WANTED_TEXT];
    size_t good = 0, least = (size_t)range->min;
    for (size_t i = 0; i < d->n; i++)
        good += d->pairs[i].fault.code == NULL;
    if (good < least && d->cut)
        fault_set(f, "cut", "it ends too early, with %zu of %s pairs complete; write shorter pairs",
                  good, wanted(range, text));
    else if (good < least && good == d->n)
        fault_set(f, "turns", "it has %zu pair%s; write %s", d->n, d->n == 1 ? "" : "s",
                  wanted(range, text));
    else if (good < least)
        tell_faults(d, range, good, f);
    for (size_t i = d->n; i-- > 0;)
        if (d->pairs[i].fault.code)
            remove_pair(d, i);
    while (d->n > (size_t)range->max)
        remove_pair(d, d->n - 1);
    return !f->code;
}

/* What a question begins with; "what's" is "what". */
static uint64_t opening(const struct pair *p)
{
    return p->asks.of[0].singular;
}

/* The opening that most questions have: how many, and the last pair that has it. */
static size_t commonest(const struct draft *d, size_t *last, size_t *different)
{
    size_t most = 0;
    *different = 0;
    for (size_t i = 0; i < d->n; i++) {
        size_t n = 0, at = i;
        bool first = true;
        for (size_t k = 0; k < d->n; k++)
            if (opening(&d->pairs[k]) == opening(&d->pairs[i])) {
                first &= k >= i;
                at = k;
                n++;
            }
        *different += first;
        if (n > most) {
            most = n;
            *last = at;
        }
    }
    return most;
}

static bool vary(struct draft *d, const struct turns *range, struct fault *f)
{
    size_t last = 0, different = 0;
    while (d->n >= VARIETY_PAIRS_MIN) {
        size_t most = commonest(d, &last, &different);
        if (different < OPENINGS_MIN) {
            fault_set(f, "question_variety",
                      "its questions begin in only %zu way%s; begin them in at least %d: what, "
                      "where, how, why, is, does …",
                      different, different == 1 ? "" : "s", OPENINGS_MIN);
            return false;
        }
        if (most * 2 <= d->n)
            break;
        if (d->n == (size_t)range->min) {
            struct str word = d->pairs[last].asks.of[0].text;
            fault_set(f, "question_variety",
                      "%zu of its %zu questions begin with \"%.*s\"; at most half may", most, d->n,
                      word.n < 20 ? (int)word.n : 20, word.p);
            return false;
        }
        remove_pair(d, last);
    }
    return true;
}

static size_t pair_tokens(const struct pair *p)
{
    size_t n = SAMPLE_TOKENS_TURN + tokens_estimate(p->question);
    if (p->n_options == 0)
        return n + tokens_estimate(p->answer);
    for (int i = 0; i < OPTIONS; i++)
        n += 3 + tokens_estimate(p->option[i]); /* line end, letter, colon */
    return n + 1;
}

static bool fit(struct draft *d, const struct turns *range, struct fault *f)
{
    for (;;) {
        size_t tokens = SAMPLE_TOKENS_FRONT;
        for (size_t i = 0; i < d->n; i++)
            tokens += pair_tokens(&d->pairs[i]);
        if (tokens <= SAMPLE_TOKENS_MAX)
            return true;
        if (d->n == (size_t)range->min) {
            fault_set(f, "too_long",
                      "it is about %zu tokens long, a sample may have %d; write shorter pairs",
                      tokens, SAMPLE_TOKENS_MAX);
            return false;
        }
        remove_pair(d, d->n - 1);
    }
}

bool rules_settle(struct draft *d, const struct turns *range, struct fault *f)
{
    return drop_bad(d, range, f) && vary(d, range, f) && fit(d, range, f) && vary(d, range, f);
}
