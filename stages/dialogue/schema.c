/* Whether an answer is what its schema asks for, to the letter. */
#include "server/base/text.h"
#include "server/domain/dialogue_schema.h"
#include "stages/dialogue/dialogue.h"

static bool is_text_of(const struct node *n, const char *name, size_t most)
{
    return n && str_is(n->key, name) && n->type == NODE_TEXT && n->text.n > 0 &&
           text_length(n->text) <= most;
}

static const struct node *named(const struct node *object, const char *name)
{
    for (const struct node *n = object->first; n; n = n->next)
        if (str_is(n->key, name))
            return n;
    return NULL;
}

static bool options_kept(const struct node *object)
{
    static const char *const letters[OPTIONS] = {"A", "B", "C", "D"};
    if (!object || object->type != NODE_OBJECT || object->n != OPTIONS)
        return false;
    for (int i = 0; i < OPTIONS; i++)
        if (!is_text_of(named(object, letters[i]), letters[i], SCHEMA_OPTION_MAX))
            return false;
    return true;
}

static bool pair_kept(const struct node *object, int task)
{
    bool choice = task == MULTIPLE_CHOICE;
    if (object->type != NODE_OBJECT || object->n != (choice ? 3 : 2) ||
        !is_text_of(named(object, "question"), "question", SCHEMA_QUESTION_MAX))
        return false;
    const struct node *answer = named(object, "answer");
    if (!choice)
        return is_text_of(answer, "answer",
                          task == COMPLEX_REASONING ? SCHEMA_PARAGRAPH_MAX : SCHEMA_SENTENCE_MAX);
    return options_kept(named(object, "options")) && is_text_of(answer, "answer", 1) &&
           answer->text.p[0] >= 'A' && answer->text.p[0] <= 'D';
}

bool schema_kept(const struct node *value, int task, const struct turns *range)
{
    const struct node *list = value->type == NODE_OBJECT ? value->first : NULL;
    if (!list || value->n != 1 || !str_is(list->key, "pairs") || list->type != NODE_LIST ||
        list->n < (size_t)range->min || list->n > (size_t)range->max)
        return false;
    for (const struct node *n = list->first; n; n = n->next)
        if (!pair_kept(n, task))
            return false;
    return true;
}
