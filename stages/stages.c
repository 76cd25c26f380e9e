#include "server/base/hash.h"
#include "server/domain/recipe.h"
#include "stages/stage.h"

static const char *caption_key(const struct item *it, struct arena *a)
{
    return arena_printf(a, "%d", it->variant);
}

static const char *dialogue_key(const struct item *it, struct arena *a)
{
    char hex[2 * CAPTION_HASH_BYTES + 1];
    hex_encode(it->hash, CAPTION_HASH_BYTES, hex);
    return arena_printf(a, "%s:%s", hex, dialogue_tasks[it->task]);
}

static const char *embed_key(const struct item *it, struct arena *a)
{
    char hex[2 * CAPTION_HASH_BYTES + 1];
    hex_encode(it->hash, CAPTION_HASH_BYTES, hex);
    return arena_printf(a, "%s", hex);
}

const struct stage stages[STAGE_COUNT] = {
    [STAGE_PLAN] = {.name = "plan"},
    [STAGE_CAPTIONS] = {"captions", "captions", true, STMT_LOAD_CAPTIONS, STMT_FINISH_CAPTIONS,
                        caption_request, caption_accept, caption_key},
    [STAGE_DIALOGUES] = {"dialogues", "dialogues", true, STMT_LOAD_DIALOGUES, STMT_FINISH_DIALOGUES,
                         dialogue_request, dialogue_accept, dialogue_key},
    [STAGE_EMBED] = {"embed", "representations", true, STMT_LOAD_EMBED, STMT_FINISH_EMBED,
                     .item_key = embed_key},
    [STAGE_MOMENTS] = {.name = "moments"},
    [STAGE_TRANSFER] = {.name = "transfer"},
    [STAGE_DELETE] = {.name = "delete"},
};

enum stage_id stage_by_name(struct str name)
{
    for (int i = 0; i < STAGE_COUNT; i++)
        if (str_is(name, stages[i].name))
            return (enum stage_id)i;
    return STAGE_COUNT;
}
