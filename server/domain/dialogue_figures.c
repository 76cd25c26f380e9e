#include "server/domain/dialogue_figures.h"

#include <math.h>

#include "server/base/text.h"
#include "server/domain/terms.h"
#include "server/domain/tokens.h"

enum { TURNS_BOUND = 64, ANSWER_WORDS_BOUND = 2048, TOKENS_BOUND = 4096 };

const char *const question_words[QUESTION_WORDS] = {"what", "which", "who", "where", "when", "why",
                                                    "how",  "does",  "is",  "can",   "other"};

bool dialogue_figures_init(struct dialogue_figures *f)
{
    *f = (struct dialogue_figures){0};
    return spread_init(&f->turns, TURNS_BOUND) &&
           spread_init(&f->answer_words, ANSWER_WORDS_BOUND) &&
           spread_init(&f->tokens, TOKENS_BOUND);
}

void dialogue_figures_free(struct dialogue_figures *f)
{
    spread_free(&f->turns);
    spread_free(&f->answer_words);
    spread_free(&f->tokens);
}

/* Other forms of the words that questions begin with. */
static const struct {
    const char *form, *word;
} forms[] = {
    {"whose", "who"}, {"whom", "who"},   {"do", "does"},  {"did", "does"},
    {"are", "is"},    {"was", "is"},     {"were", "is"},  {"could", "can"},
    {"would", "can"}, {"should", "can"}, {"will", "can"},
};

static int begin_of(struct str question)
{
    char first[16];
    terms_first(question, 1, first, sizeof(first));
    const char *word = first;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(first, forms[i].form) == 0)
            word = forms[i].word;
    for (int i = 0; i < QUESTION_WORDS - 1; i++)
        if (strcmp(word, question_words[i]) == 0)
            return i;
    return QUESTION_WORDS - 1;
}

static struct str take_line(struct str *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct str line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    *rest = str_from(*rest, line.n + 1);
    return line;
}

/* The four lines behind a question, "A: …" to "D: …"; false when they do not stand there. */
static bool take_options(struct str rest, struct str options[CHOICE_OPTIONS])
{
    (void)take_line(&rest);
    for (int i = 0; i < CHOICE_OPTIONS; i++) {
        const char label[] = {(char)('A' + i), ':', ' '};
        struct str line = take_line(&rest);
        if (!str_starts(line, (struct str){label, sizeof(label)}))
            return false;
        options[i] = str_from(line, sizeof(label));
    }
    return rest.n == 0;
}

static bool is_longest(const struct str options[CHOICE_OPTIONS], int right)
{
    for (int i = 0; i < CHOICE_OPTIONS; i++)
        if (i != right && text_length(options[i]) >= text_length(options[right]))
            return false;
    return true;
}

static void add_pair(struct dialogue_figures *f, struct str question, struct str answer)
{
    struct str options[CHOICE_OPTIONS];
    const struct str image = STR("<image>\n");
    if (str_starts(question, image))
        question = str_from(question, image.n);
    f->questions++;
    f->begins[begin_of(question)]++;
    if (answer.n == 1 && answer.p[0] >= 'A' && answer.p[0] <= 'D' &&
        take_options(question, options)) {
        int right = answer.p[0] - 'A';
        f->choices++;
        f->letters[right]++;
        f->longest += is_longest(options, right);
        answer = options[right];
    }
    spread_add(&f->answer_words, (int64_t)text_words(answer));
}

void dialogue_figures_add(struct dialogue_figures *f, const struct str *turns, size_t n)
{
    int64_t tokens = (int64_t)tokens_sample(turns, n);
    for (size_t i = 0; i + 1 < n; i += 2)
        add_pair(f, turns[i], turns[i + 1]);
    f->dialogues++;
    f->over_limit += tokens > SAMPLE_TOKENS_MAX;
    spread_add(&f->turns, (int64_t)(n / 2));
    spread_add(&f->tokens, tokens);
}

double letters_deviation(const struct dialogue_figures *f)
{
    double most = 0;
    if (!f->choices)
        return (double)NAN;
    for (int i = 0; i < CHOICE_OPTIONS; i++)
        most = fmax(most, fabs((double)f->letters[i] / (double)f->choices - 1.0 / CHOICE_OPTIONS));
    return most;
}

double letters_chi_square(const struct dialogue_figures *f)
{
    double expected = (double)f->choices / CHOICE_OPTIONS, sum = 0;
    if (!f->choices)
        return (double)NAN;
    for (int i = 0; i < CHOICE_OPTIONS; i++)
        sum += ((double)f->letters[i] - expected) * ((double)f->letters[i] - expected) / expected;
    return sum;
}
