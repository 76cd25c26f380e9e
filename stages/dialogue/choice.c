/* Rules for options: four different ones, of like kind and length, none of which speaks of the
 * others, because they are shuffled, or gives itself away. */
#include "server/base/text.h"
#include "stages/dialogue/rules.h"

enum {
    TIMES_MEDIAN = 3,
    MEDIAN_LEAST = 10, /* characters; among shorter options any is three times another */
    RIGHT_LEAST = 20,
    WORDS_TELL = 5,
    COMMON_SHARE = 10,
    RIGHT_MORE = 15, /* characters by which a right option, twice as long as the next, stands out */
};

static bool same_words(const struct turn_words *a, const struct turn_words *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->of[i].hash != b->of[i].hash)
            return false;
    return true;
}

static void are_different(const struct turn_text *o, struct fault *f)
{
    for (int i = 0; i < OPTIONS; i++)
        for (int k = 0; k < i; k++)
            if (str_ieq(o[i].text, o[k].text) || same_words(&o[i].terms, &o[k].terms))
                fault_set(f, "options_equal", "has the same option twice, %c and %c", 'A' + k,
                          'A' + i);
}

/* "Both A and C" and the like, in which letters are all that is said. */
static bool names_letters(const struct turn_words *t)
{
    size_t letters = 0;
    for (size_t i = 0; i < t->n; i++) {
        bool letter = t->of[i].text.n == 1 && turn_word_is_among(&t->of[i], "a b c d");
        if (!letter &&
            !turn_word_is_among(&t->of[i], "both either neither options option and or nor"))
            return false;
        letters += letter;
    }
    return letters > 1;
}

static void speak_for_themselves(const struct rulebook *b, const struct turn_text *o,
                                 struct fault *f)
{
    size_t where;
    for (int i = 0; i < OPTIONS; i++)
        if (names_letters(&o[i].terms) ||
            phrases_find(&b->no_option, &o[i].terms, 0, o[i].terms.n, &where) >= 0)
            fault_set(f, "options_meta",
                      "has an option that speaks of the others (\"%.*s\"); each must stand alone",
                      o[i].text.n < 30 ? (int)o[i].text.n : 30, o[i].text.p);
}

static bool is_number(const struct turn_words *t)
{
    static const char words[] =
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty hundred dozen";
    for (size_t i = 0; i < t->n; i++)
        if (!strchr("0123456789", t->of[i].text.p[0]) && !turn_word_is_among(&t->of[i], words))
            return false;
    return t->n > 0;
}

/* Words of amount go with numbers. */
static bool is_amount(const struct turn_words *t)
{
    static const char first[] = "none no many several some few more less about at over under only "
                                "just one two three four five six seven eight nine ten twelve";
    if (is_number(t))
        return true;
    if (t->n > 1 && turn_word_is_among(&t->of[0], "a an"))
        return turn_word_is_among(&t->of[1], "couple few pair dozen handful lot single hundred");
    return t->n > 0 &&
           (strchr("0123456789", t->of[0].text.p[0]) || turn_word_is_among(&t->of[0], first));
}

static bool is_yes_or_no(const struct turn_words *t)
{
    return t->n > 0 &&
           turn_word_is_among(&t->of[0], "yes no not maybe perhaps only sometimes partly");
}

static void are_of_one_kind(const struct turn_text *o, struct fault *f)
{
    int numbers = 0, amounts = 0, plain = 0, replies = 0;
    for (int i = 0; i < OPTIONS; i++) {
        const struct turn_words *t = &o[i].terms;
        numbers += is_number(t);
        amounts += is_amount(t);
        plain += t->n == 1 && turn_word_is_among(&t->of[0], "yes no");
        replies += is_yes_or_no(t);
    }
    if (numbers > 0 && amounts < OPTIONS)
        fault_set(f, "options_kind", "mixes numbers with other options; make all of one kind");
    if (plain > 0 && replies < OPTIONS - 1)
        fault_set(f, "options_kind", "mixes yes or no with other options; make all of one kind");
}

static void sort(size_t v[OPTIONS])
{
    for (int i = 1; i < OPTIONS; i++)
        for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
            size_t swap = v[k];
            v[k] = v[k - 1];
            v[k - 1] = swap;
        }
}

static void are_about_as_long(const struct pair *p, const struct turn_text *o, struct fault *f)
{
    size_t length[OPTIONS], sorted[OPTIONS];
    for (int i = 0; i < OPTIONS; i++)
        sorted[i] = length[i] = text_length(o[i].text);
    sort(sorted);
    size_t median = (sorted[1] + sorted[2]) / 2;
    median = median > MEDIAN_LEAST ? median : MEDIAN_LEAST;
    for (int i = 0; i < OPTIONS; i++)
        if (length[i] > TIMES_MEDIAN * median)
            fault_set(f, "options_length",
                      "has an option %c that is more than three times as long as the others; make "
                      "all about as long",
                      'A' + i);
    size_t right = length[p->right], next = sorted[OPTIONS - 2];
    if (right >= RIGHT_LEAST && right >= 2 * next && right >= next + RIGHT_MORE)
        fault_set(f, "options_length",
                  "has a right option that is by far the longest; make all about as long");
}

void rules_choice(const struct rulebook *b, const struct pair *p, const struct turn_text *options,
                  struct fault *f)
{
    are_different(options, f);
    speak_for_themselves(b, options, f);
    are_of_one_kind(options, f);
    are_about_as_long(p, options, f);
    if (is_foreign(&b->common, &p->asks, WORDS_TELL, COMMON_SHARE))
        fault_set(f, "language", "is not in English; write English only");
}
