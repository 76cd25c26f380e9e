/* Dialogues that a client's checks pass: distinct questions that begin differently, four options of
 * one kind, answers of one sentence or a few. */
#include "bench/llm_server/server.h"

enum { OPTIONS = 4, PAIRS = 7, REASONING_PAIRS = 3, PAIRS_MAX = 8 };

/* {x} is the thing that is asked about, as in answer.c but the same in question and answer. */
struct aspect {
    const char *question, *answer;
    char options; /* the list that the right word and the wrong ones come from */
};

static const struct aspect aspects[PAIRS_MAX] = {
    {"What colour is the {x} that stands nearest?", "Its paint is {y} from top to bottom.", 'c'},
    {"Which material is the {x} on the far side made of?", "That piece is a {y} one.", 'm'},
    {"How does the upper face of the {x} look?", "Seen from here it looks {y} all over.", 't'},
    {"Where does the light that reaches the {x} come from?", "It arrives from the {y} side.", 'd'},
    {"Does the {x} have a shape that can be named?", "Yes, its outline is clearly {y}.", 'h'},
    {"Why is the ground by the {x} partly darker?", "Because {y} shadows lie across it.", 's'},
    {"Is anything large visible past the {x}?", "Yes, a {y} can be made out there.", 'b'},
    {"When looking down, what lies under the {x}?", "Under it there is {y} only.", 'g'},
};

static const char *const problems[PAIRS_MAX] = {
    "How could a visitor reach the {x} without crossing the shaded part?",
    "Why would the {x} look different if the light came from the other side?",
    "What would change around the {x} after a night of rain?",
    "Which of the things near the {x} would have to move first to clear a path?",
    "Where could one stand to see the {x} and the far wall at once?",
    "Does the {x} stand there for long, to judge by its surface?",
    "Who would have to step aside if the {x} were carried away?",
    "Is the {x} safe where it stands when the wind grows stronger?",
};
static const char *const reasons[] = {
    "First, {r} the {o} there is {t} {g}, which gives firm footing. ",
    "The {s} shadow shows that the light comes from the {d}. ",
    "Next, the {h} {m} {o} {v} {r} it and leaves a {s} gap. ",
    "A {c} {b} closes the {d}, so that way is shut. ",
    "Since the {m} {o} is {t}, it has stood in the open. ",
};

static void say(struct buf *out, const char *form, const char *thing, const char *word)
{
    for (const char *p = form; *p; p++) {
        if (*p != '{') {
            buf_addc(out, *p);
            continue;
        }
        buf_addz(out, p[1] == 'x' ? thing : word);
        p += 2;
    }
}

static const char *pick(char letter, uint64_t *draw)
{
    size_t n;
    const char *const *words = answer_words(letter, &n);
    return words[answer_draw(draw) % n];
}

static void add_options(struct buf *out, const struct aspect *a, uint64_t *draw)
{
    size_t n, start, step;
    const char *const *words = answer_words(a->options, &n);
    start = answer_draw(draw) % n;
    step = 1 + answer_draw(draw) % ((n - 1) / (OPTIONS - 1));
    buf_addz(out, "\\\"options\\\":{");
    for (size_t i = 0; i < OPTIONS; i++)
        buf_addf(out, "%s\\\"%c\\\":\\\"%s\\\"", i ? "," : "", (char)('A' + i),
                 words[(start + i * step) % n]);
    buf_addf(out, "},\\\"answer\\\":\\\"%c\\\"", (char)('A' + answer_draw(draw) % OPTIONS));
}

static void add_pair(struct buf *out, size_t i, bool choice, uint64_t *draw)
{
    const struct aspect *a = &aspects[i];
    const char *thing = pick('o', draw);
    buf_addz(out, "{\\\"question\\\":\\\"");
    say(out, a->question, thing, "");
    buf_addz(out, "\\\",");
    if (choice) {
        add_options(out, a, draw);
    } else {
        buf_addz(out, "\\\"answer\\\":\\\"");
        say(out, a->answer, thing, pick(a->options, draw));
        buf_addz(out, "\\\"");
    }
    buf_addc(out, '}');
}

static void add_problem(struct buf *out, size_t i, uint64_t *draw)
{
    const size_t n = sizeof(reasons) / sizeof(reasons[0]);
    size_t at = answer_draw(draw) % n;
    buf_addz(out, "{\\\"question\\\":\\\"");
    say(out, problems[i], pick('o', draw), "");
    buf_addz(out, "\\\",\\\"answer\\\":\\\"");
    for (size_t k = 0; k < 3; k++)
        answer_fill(out, reasons[(at + k) % n], (struct str){NULL, 0}, draw);
    answer_fill(out, "So the {o} decides the matter, and the {d} side is the better one.",
                (struct str){NULL, 0}, draw);
    buf_addz(out, "\\\"}");
}

/* A number that the schema names, such as minItems; `otherwise` when it does not. */
static size_t schema_number(struct str schema, struct str key, size_t otherwise)
{
    ptrdiff_t at = str_find(schema, key);
    if (at < 0)
        return otherwise;
    struct str rest = str_trim(str_from(schema, (size_t)at + key.n));
    size_t digits = 0;
    int64_t n;
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
        digits++;
    return str_to_i64((struct str){rest.p, digits}, 0, 1000, &n) ? (size_t)n : otherwise;
}

void answer_dialogue(struct buf *out, const struct request *r)
{
    uint64_t draw = r->draw;
    bool choice = str_find(r->schema, STR("\"options\"")) >= 0;
    bool reasoning = str_is(r->schema_name, "complex_reasoning");
    size_t n = reasoning ? REASONING_PAIRS : PAIRS;
    size_t least = schema_number(r->schema, STR("\"minItems\":"), 1);
    size_t most = schema_number(r->schema, STR("\"maxItems\":"), PAIRS_MAX);
    n = n > most ? most : n;
    n = n < least ? least : n;
    n = n > PAIRS_MAX ? PAIRS_MAX : n;
    size_t at = answer_draw(&draw) % PAIRS_MAX;
    buf_addz(out, "{\\\"pairs\\\":[");
    for (size_t i = 0; i < n; i++, at = (at + 1) % PAIRS_MAX) {
        if (i > 0)
            buf_addc(out, ',');
        if (reasoning)
            add_problem(out, at, &draw);
        else
            add_pair(out, at, choice, &draw);
    }
    buf_addz(out, "]}");
}
