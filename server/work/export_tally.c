/* What the manifest counts, summed up while a group of shards is made. */
#include "server/json/write.h"
#include "server/work/export.h"

void export_tally_init(struct export_tally *t, int64_t *recipes, int64_t *dialogue_recipes)
{
    *t = (struct export_tally){.recipes = recipes, .dialogue_recipes = dialogue_recipes};
}

/* The last row counts for all that there is no row left for. */
static struct export_provider *provider(struct export_tally *t, struct arena *a, struct str name,
                                        struct err *e)
{
    int i = 0;
    while (i < t->n_providers && !str_eq(t->providers[i].name, name))
        i++;
    if (i < t->n_providers)
        return &t->providers[i];
    if (i == EXPORT_PROVIDERS_MAX)
        return &t->providers[i - 1];
    t->providers[i] = (struct export_provider){.name = arena_str(a, name)};
    if (!t->providers[i].name.p) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the providers of the export");
        return NULL;
    }
    t->n_providers++;
    return &t->providers[i];
}

int export_tally_add(struct export_tally *t, const struct export_plan *p,
                     const struct export_sample *x, int place, const int *dialogue_places,
                     const struct str *dialogue_providers, struct err *e)
{
    struct export_provider *by = provider(t, p->arena, x->provider, e);
    if (!by)
        return -1;
    by->captions++;
    t->captions++;
    t->recipes[place - 1]++;
    t->representations += x->vector != NULL;
    for (int i = 0; i < x->n_dialogues; i++) {
        by = provider(t, p->arena, dialogue_providers[i], e);
        if (!by)
            return -1;
        by->dialogues++;
        t->dialogues++;
        t->tasks[x->dialogues[i].task]++;
        t->dialogue_recipes[dialogue_places[i] - 1]++;
    }
    return 0;
}

static void numbers(struct buf *b, const char *key, const int64_t *v, int n)
{
    json_key(b, key);
    json_open(b, '[');
    for (int i = 0; i < n; i++)
        json_int(b, v[i]);
    json_close(b, ']');
}

static void number(struct buf *b, const char *key, int64_t v)
{
    json_key(b, key);
    json_int(b, v);
}

void export_tally_write(const struct export_tally *t, const struct export_plan *p, struct buf *b)
{
    json_open(b, '{');
    number(b, "captions", t->captions);
    number(b, "dialogues", t->dialogues);
    number(b, "representations", t->representations);
    number(b, "no_representation", t->no_representation);
    number(b, "unfit", t->unfit);
    numbers(b, "tasks", t->tasks, DIALOGUE_TASKS);
    numbers(b, "recipes", t->recipes, p->n_view);
    numbers(b, "dialogue_recipes", t->dialogue_recipes, p->n_dialogue_view);
    json_key(b, "providers");
    json_open(b, '[');
    for (int i = 0; i < t->n_providers; i++) {
        json_open(b, '{');
        json_key(b, "provider");
        json_str(b, t->providers[i].name);
        number(b, "captions", t->providers[i].captions);
        number(b, "dialogues", t->providers[i].dialogues);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
}
