/* How an export was made, and how it is made again. */
#include <inttypes.h>
#include <stdlib.h>

#include "stages/export/card_internal.h"

static int64_t recipe_rows(const struct card *c, const char *recipe)
{
    const json_t *rows = json_object_get(json_object_get(c->manifest, "counts"), "recipes");
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(card_text(json_array_get(rows, i), "recipe"), recipe) == 0)
            return card_number(json_array_get(rows, i), "rows");
    return 0;
}

static void add_recipes(const struct card *c, struct buf *b)
{
    const json_t *recipes = json_object_get(c->manifest, "recipes");
    if (json_array_size(recipes) == 0)
        return;
    buf_addz(b,
             "A recipe is everything that decides what a stage makes; `manifest.json` has all of "
             "each, with its\nprompts and sampling.\n\n"
             "| stage | recipe | kind | model | rows |\n| --- | --- | --- | --- | ---: |\n");
    for (size_t i = 0; i < json_array_size(recipes); i++) {
        const json_t *r = json_array_get(recipes, i);
        buf_addz(b, "| ");
        buf_addz(b, card_text(r, "stage"));
        buf_addz(b, " | ");
        card_code(b, card_text(r, "recipe"));
        buf_addf(b, " | %s | ", card_text(r, "kind"));
        const char *model = card_text(json_object_get(r, "settings"), "model");
        if (*model)
            card_code(b, model);
        buf_addf(b, " | %" PRId64 " |\n", recipe_rows(c, card_text(r, "recipe")));
    }
    buf_addc(b, '\n');
}

static void add_providers(const struct card *c, struct buf *b)
{
    const json_t *providers = json_object_get(json_object_get(c->manifest, "counts"), "providers");
    if (json_array_size(providers) == 0)
        return;
    buf_addz(b, "| provider | captions | dialogues |\n| --- | ---: | ---: |\n");
    for (size_t i = 0; i < json_array_size(providers); i++) {
        const json_t *p = json_array_get(providers, i);
        buf_addz(b, "| ");
        card_code(b, card_text(p, "provider"));
        buf_addf(b, " | %" PRId64 " | %" PRId64 " |\n", card_number(p, "captions"),
                 card_number(p, "dialogues"));
    }
    buf_addc(b, '\n');
}

static void add_steps(const json_t *steps, const char *title, struct buf *b)
{
    if (json_array_size(steps) == 0)
        return;
    buf_addz(b, title);
    for (size_t i = 0; i < json_array_size(steps); i++)
        buf_addf(b, "%zu. %s\n", i + 1, card_text(json_array_get(steps, i), "meaning"));
    buf_addc(b, '\n');
}

static void add_representations(const struct card *c, struct buf *b)
{
    const json_t *encoder = json_object_get(c->manifest, "encoder");
    const json_t *transfer = json_object_get(c->manifest, "transfer");
    if (!json_is_object(encoder) || !json_is_object(transfer))
        return;
    buf_addz(b, "The text of each caption was encoded by ");
    card_code(b, card_text(encoder, "name"));
    buf_addz(b, " (model ");
    card_code(b, card_text(encoder, "model"));
    buf_addf(b,
             ", version %" PRId64 ", %" PRId64 " numbers)\nand brought to the side of the images "
             "by the transfer ",
             card_number(encoder, "version"), card_number(encoder, "dimension"));
    card_code(b, card_text(transfer, "method"));
    buf_addz(b, ", prepared as ");
    card_code(b, card_text(transfer, "id"));
    buf_addz(b, ".\n\n");
    add_steps(json_object_get(transfer, "steps"), "From the text's embedding to the row:\n\n", b);
    add_steps(json_object_get(transfer, "inference"),
              "**At inference**, when the model is given real images, the embedding of an image by "
              "the image\nside of the same encoder must go through these steps first:\n\n",
              b);
}

static void add_request(const struct card *c, struct buf *b)
{
    char *text = json_dumps(json_object_get(c->manifest, "request"), JSON_INDENT(2));
    if (!text)
        return;
    buf_addz(b, "## Making it again\n\nThe same rows make the same files, byte by byte. `POST "
                "/v1/datasets/");
    buf_addz(b, c->dataset);
    buf_addz(b, "/exports`:\n\n```json\n");
    buf_addz(b, text);
    buf_addz(b, "\n```\n");
    free(text);
}

void card_made(const struct card *c, struct buf *b)
{
    buf_addz(b, "## How it was made\n\n");
    add_recipes(c, b);
    add_providers(c, b);
    add_representations(c, b);
    add_request(c, b);
}
