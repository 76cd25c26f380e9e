/* An answer's JSON as pairs of question and answer. The schema says how they are to be written;
 * what models write instead is other names for the members, wrappers around the list, options as a
 * list or as lines of text, roles instead of questions. */
#include <stdarg.h>
#include <stdio.h>

#include "stages/dialogue/dialogue.h"

enum { KEY_BYTES = 24, REREADS_MAX = 8, DEPTH_MAX = 6 };

#define QUESTION_NAMES                                                                             \
    "question q query ask prompt questiontext human user instruction problem input"
#define CHOICE_ANSWER_NAMES                                                                        \
    "answer response correctanswer rightanswer correctoption correctletter answerletter "          \
    "answerkey answertext correct solution ans"
#define ANSWER_NAMES CHOICE_ANSWER_NAMES " reply gpt assistant output a"
#define OPTION_NAMES "options choices alternatives option choice answers"
#define TEXT_NAMES   "text value content label string"
#define LETTER_NAMES "letter key label id option name"

struct reading {
    struct draft *d;
    int rereads;
};

void fault_set(struct fault *f, const char *code, const char *fmt, ...)
{
    if (f->code)
        return;
    va_list ap;
    f->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(f->say, sizeof(f->say), fmt, ap);
    va_end(ap);
}

/* Names are compared by their letters and digits: correct_answer, correctAnswer, "Correct answer".
 */
static struct str plain_key(struct str key, char out[KEY_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < key.n && n < KEY_BYTES; i++) {
        char c = key.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[n++] = c;
    }
    return (struct str){out, n};
}

static bool is_named(const struct node *n, const char *names)
{
    char bytes[KEY_BYTES];
    struct str key = plain_key(n->key, bytes);
    const struct turn_word t = {.hash = turn_word_hash(key)};
    return key.n > 0 && turn_word_is_among(&t, names);
}

/* The first of the names is the schema's, and the one that most answers have. */
static const struct node *member(const struct node *object, const char *names)
{
    struct str usual = {names, strcspn(names, " ")};
    for (const struct node *n = object->first; n; n = n->next)
        if (str_eq(n->key, usual))
            return n;
    for (const struct node *n = object->first; n; n = n->next)
        if (is_named(n, names))
            return n;
    return NULL;
}

static bool is_text(const struct node *n)
{
    return n->type == NODE_TEXT || n->type == NODE_NUMBER;
}

static struct str joined(struct draft *d, const struct node *list)
{
    struct str all = {NULL, 0};
    for (const struct node *n = list->first; n; n = n->next) {
        if (!is_text(n))
            return (struct str){NULL, 0};
        all = all.p ? str_of(arena_printf(d->arena, STR_FMT " " STR_FMT, STR_ARG(all),
                                          STR_ARG(n->text)))
                    : n->text;
    }
    return all;
}

/* What a value says; p is NULL when it is no text. */
static struct str said(struct draft *d, const struct node *n)
{
    if (n && is_text(n))
        return n->text;
    if (n && n->type == NODE_LIST && n->n <= PAIRS_READ_MAX)
        return joined(d, n);
    const struct node *text = n && n->type == NODE_OBJECT ? member(n, TEXT_NAMES) : NULL;
    return text && is_text(text) ? text->text : (struct str){NULL, 0};
}

/* The value that a pair has under one of these names. Two that differ are none. */
static const struct node *value_of(struct draft *d, const struct node *object, const char *names,
                                   const char *what, struct fault *f)
{
    const struct node *first = member(object, names);
    for (const struct node *n = first ? first->next : NULL; n; n = n->next)
        if (str_eq(n->key, first->key) && !str_eq(said(d, n), said(d, first)))
            fault_set(f, "shape", "has two members \"%s\" that differ; write one", what);
    return first;
}

/* The place of a letter or number that names an option: "A", "option_b", "3"; -1 for none. */
static int option_place(struct str key)
{
    char bytes[KEY_BYTES];
    struct str plain = plain_key(key, bytes);
    if (str_starts(plain, STR("option")) || str_starts(plain, STR("choice")))
        plain = str_from(plain, 6);
    if (plain.n != 1)
        return -1;
    char c = plain.p[0];
    return c >= 'a' && c <= 'h' ? c - 'a' : c >= '1' && c <= '8' ? c - '1' : -1;
}

static void put_option(struct pair *p, int place, struct str text)
{
    if (place >= 0 && place < OPTIONS && !text.p)
        return;
    if (place >= 0 && place < OPTIONS && p->option[place].p && !str_eq(p->option[place], text))
        fault_set(&p->fault, "options", "has two options %c that differ; write four", 'A' + place);
    if (place >= 0 && place < OPTIONS)
        p->option[place] = text;
    p->n_options++;
}

/* {"A": "…", …}; whether any member was an option. */
static bool options_by_letter(struct draft *d, const struct node *object, struct pair *p)
{
    for (const struct node *n = object->first; n; n = n->next) {
        int place = option_place(n->key);
        if (place >= 0)
            put_option(p, place, said(d, n));
    }
    return p->n_options > 0;
}

/* One of a list: a text, {"A": "…"}, or {"letter": "A", "text": "…"}. */
static void options_item(struct draft *d, const struct node *n, int place, struct pair *p)
{
    const struct node *letter = n->type == NODE_OBJECT ? member(n, LETTER_NAMES) : NULL;
    if (n->type == NODE_OBJECT && n->n == 1 && option_place(n->first->key) >= 0) {
        place = option_place(n->first->key);
        n = n->first;
    } else if (letter && is_text(letter) && option_place(letter->text) >= 0) {
        place = option_place(letter->text);
    }
    put_option(p, place, said(d, n));
}

static void read_options(struct draft *d, const struct node *object, struct pair *p)
{
    const struct node *options = value_of(d, object, OPTION_NAMES, "options", &p->fault);
    int place = 0;
    if (options && options->type == NODE_OBJECT)
        (void)options_by_letter(d, options, p);
    else if (options && options->type == NODE_LIST)
        for (const struct node *n = options->first; n; n = n->next)
            options_item(d, n, place++, p);
    else if (options && options->type == NODE_TEXT) {
        struct str text = options->text;
        p->n_options = options_in_text(&text, p->option);
    } else {
        (void)options_by_letter(d, object, p);
    }
    /* Often the question holds them, too. */
    struct str written[OPTIONS];
    int n = options_in_text(&p->question, written);
    d->repaired |= n > 0;
    if (p->n_options == 0 && n > 0) {
        memcpy(p->option, written, sizeof(written));
        p->n_options = n;
    }
}

static struct pair *new_pair(struct draft *d)
{
    if (d->n == PAIRS_READ_MAX)
        return NULL;
    struct pair *p = &d->pairs[d->n++];
    *p = (struct pair){.no = (int)d->n};
    return p;
}

static void read_pair(struct draft *d, const struct node *object)
{
    const bool choice = d->task == MULTIPLE_CHOICE;
    struct pair *p = new_pair(d);
    if (!p)
        return;
    const struct node *question = value_of(d, object, QUESTION_NAMES, "question", &p->fault);
    /* In a pair with its options as members, "A" is one of them. */
    const struct node *answer =
        value_of(d, object, choice ? CHOICE_ANSWER_NAMES : ANSWER_NAMES, "answer", &p->fault);
    p->question = said(d, question);
    p->answer = said(d, answer);
    if (choice)
        read_options(d, object, p);
    if ((question && question->cut) || (answer && answer->cut) || (object->cut && !p->answer.p))
        fault_set(&p->fault, "cut", "is cut");
    if (!p->question.p)
        fault_set(&p->fault, "shape", "has no \"question\" that is a text");
    if (!p->answer.p)
        fault_set(&p->fault, "shape", "has no \"answer\" that is a text");
}

/* Other forms: ["question", "answer"], and turns with roles, two to a pair. */
static bool read_two(struct draft *d, const struct node *list)
{
    const struct node *q = list->first, *a = q ? q->next : NULL;
    if (!a || d->task == MULTIPLE_CHOICE || list->n != 2 || q->type != NODE_TEXT ||
        a->type != NODE_TEXT)
        return false;
    struct pair *p = new_pair(d);
    if (p) {
        p->question = q->text;
        p->answer = a->text;
        if (list->cut || a->cut)
            fault_set(&p->fault, "cut", "is cut");
    }
    return true;
}

static const struct node *turn_of(const struct node *n, const char *roles)
{
    const struct node *role = n->type == NODE_OBJECT ? member(n, "from role speaker") : NULL;
    if (!role || role->type != NODE_TEXT)
        return NULL;
    char bytes[KEY_BYTES];
    const struct turn_word t = {.hash = turn_word_hash(plain_key(role->text, bytes))};
    return turn_word_is_among(&t, roles) ? member(n, "value content text message") : NULL;
}

static bool read_turns(struct draft *d, const struct node *list)
{
    bool any = false;
    for (const struct node *n = list->first; n && n->next; n = n->next) {
        const struct node *q = turn_of(n, "human user questioner q");
        const struct node *a = turn_of(n->next, "gpt assistant bot model ai answerer a");
        struct pair *p = q && a ? new_pair(d) : NULL;
        if (!p)
            continue;
        any = true;
        p->question = said(d, q);
        p->answer = said(d, a);
        if (d->task == MULTIPLE_CHOICE)
            p->n_options = options_in_text(&p->question, p->option);
        if (a->cut)
            fault_set(&p->fault, "cut", "is cut");
    }
    return any;
}

static bool holds_objects(const struct node *object)
{
    for (const struct node *n = object->first; n; n = n->next)
        if (n->type == NODE_LIST && n->first && n->first->type == NODE_OBJECT &&
            !is_named(n, OPTION_NAMES))
            return true;
    return false;
}

static bool is_pair(struct draft *d, const struct node *object)
{
    const struct node *q = member(object, QUESTION_NAMES), *a = member(object, ANSWER_NAMES);
    if (holds_objects(object))
        return false;
    if (q)
        return said(d, q).p && !(q->type == NODE_LIST && q->n > 1);
    return a && is_text(a) && d->task == MULTIPLE_CHOICE && member(object, OPTION_NAMES);
}

static void collect(struct reading *r, const struct node *n, int depth);

static void collect_text(struct reading *r, struct str text, int depth)
{
    struct repair inner;
    struct err none = {0};
    text = str_trim(text);
    if (text.n == 0 || (text.p[0] != '{' && text.p[0] != '[') || r->rereads++ >= REREADS_MAX ||
        repair_read(text, r->d->arena, &inner, &none) < 0)
        return;
    for (const struct node *value = inner.values; value; value = value->next)
        collect(r, value, depth + 1);
}

static void collect_items(struct reading *r, const struct node *n, int depth)
{
    for (const struct node *item = n->first; item; item = item->next)
        if (n->type != NODE_LIST || item->type != NODE_LIST || !read_two(r->d, item))
            collect(r, item, depth + 1);
}

/* All pairs below a value, in the order in which they stand. */
static void collect(struct reading *r, const struct node *n, int depth)
{
    if (depth > DEPTH_MAX)
        return;
    if (n->type == NODE_TEXT)
        collect_text(r, n->text, depth);
    else if (n->type == NODE_OBJECT && is_pair(r->d, n))
        read_pair(r->d, n);
    else if (n->type == NODE_OBJECT || (n->type == NODE_LIST && !read_turns(r->d, n)))
        collect_items(r, n, depth);
}

/* The first of several values with a list of pairs; a complete one before one that is cut. NULL
 * when there is none: then each may be a pair of its own. */
static const struct node *best_value(struct reading *r, const struct node *values)
{
    const struct node *best = NULL;
    for (const struct node *n = values; n; n = n->next) {
        if (n->type == NODE_OBJECT && is_pair(r->d, n))
            continue;
        r->d->n = 0;
        collect(r, n, 0);
        if (r->d->n > 0 && (!best || (best->cut && !n->cut)))
            best = n;
    }
    r->d->n = 0;
    r->rereads = 0;
    return best;
}

static void collect_values(struct reading *r, const struct node *values)
{
    const struct node *best = values->next ? best_value(r, values) : values;
    for (const struct node *n = best ? best : values; n; n = best ? NULL : n->next) {
        collect(r, n, 0);
        r->d->cut |= n->cut;
    }
}

static struct str start_of(struct str text)
{
    text = str_trim(text);
    size_t n = text.n < 40 ? text.n : 40;
    while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){text.p, n};
}

static bool says_no(struct draft *d, struct str text)
{
    struct turn_words t;
    return turn_words_split(start_of(text), d->arena, &t) && t.n > 1 &&
           str_find(text, STR("{")) < 0 &&
           (turn_word_is_among(&t.of[0], "im i sorry unfortunately apologies") ||
            (turn_word_is(&t.of[0], "as") && turn_word_is(&t.of[1], "an")));
}

bool draft_read(struct draft *d, struct str text, const struct turns *range, struct fault *f)
{
    struct repair r;
    struct err e = {0};
    struct reading reading = {.d = d};
    d->pairs = arena_alloc(d->arena, PAIRS_READ_MAX * sizeof(struct pair));
    if (!d->pairs || !turn_words_split(d->caption, d->arena, &d->shown)) {
        fault_set(f, "no_memory", "out of memory");
        return false;
    }
    if (repair_read(text, d->arena, &r, &e) < 0) {
        if (says_no(d, text))
            fault_set(f, "refusal", "it is a refusal; the task is harmless, answer it");
        else
            fault_set(f, "not_json", "%s; write one JSON object and nothing else", e.msg);
        return false;
    }
    d->schema_held = !r.repaired && schema_kept(r.values, d->task, range);
    d->repaired = !d->schema_held;
    collect_values(&reading, r.values);
    if (d->n == 0 && d->cut)
        fault_set(f, "cut", "it ends before the first pair is complete; write shorter pairs");
    else if (d->n == 0)
        fault_set(f, "shape",
                  "its JSON has no list \"pairs\" of objects with \"question\" and "
                  "\"answer\"");
    return d->n > 0;
}
