#include "server/base/hash.h"
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

static const struct call_settings *captions_of(const struct run_settings *s)
{
    return &s->captions;
}

static const struct call_settings *dialogues_of(const struct run_settings *s)
{
    return &s->dialogues;
}

static struct str caption_choice_id(const struct item *it, struct arena *a)
{
    char hex[SEED_ID_HEX + 1];
    hex_encode(it->seed, SEED_ID_BYTES, hex);
    return str_of(arena_printf(a, "%s-%d", hex, it->variant));
}

static struct str dialogue_choice_id(const struct item *it, struct arena *a)
{
    char id[CAPTION_ID_TEXT + 1];
    caption_id(it->seed, it->hash, id);
    return str_of(arena_printf(a, "%s-%s", id, dialogue_tasks[it->task]));
}

const struct stage stages[STAGE_COUNT] = {
    [STAGE_RESOLVE] = {.name = "resolve"},
    [STAGE_PLAN] = {.name = "plan"},
    [STAGE_CAPTIONS] = {"captions", "captions", true, STMT_LOAD_CAPTIONS, STMT_FINISH_CAPTIONS,
                        captions_of, caption_choice_id, caption_request, caption_accept,
                        caption_key, LANE_STAGES, false},
    [STAGE_DIALOGUES] = {"dialogues", "dialogues", true, STMT_LOAD_DIALOGUES, STMT_FINISH_DIALOGUES,
                         dialogues_of, dialogue_choice_id, dialogue_request, dialogue_accept,
                         dialogue_key, LANE_STAGES, true},
    [STAGE_EMBED] = {"embed", "representations", true, STMT_LOAD_EMBED, STMT_FINISH_EMBED,
                     .item_key = embed_key},
    [STAGE_DUPLICATES] = {.name = "duplicates", .lane = LANE_SLOW},
    [STAGE_TARGETS] = {.name = "targets", .lane = LANE_SLOW},
    [STAGE_MOMENTS] = {.name = "moments"},
    [STAGE_TRANSFER] = {.name = "transfer"},
    [STAGE_PREPARE] = {.name = "prepare", .lane = LANE_SLOW},
    [STAGE_EXPORT] = {.name = "export", .lane = LANE_EXPORTS},
    [STAGE_MANIFEST] = {.name = "manifest", .lane = LANE_EXPORTS},
    [STAGE_DISCARD] = {.name = "discard", .lane = LANE_EXPORTS},
    [STAGE_DELETE] = {.name = "delete"},
};

enum stage_id stage_by_name(struct str name)
{
    for (int i = 0; i < STAGE_COUNT; i++)
        if (str_is(name, stages[i].name))
            return (enum stage_id)i;
    return STAGE_COUNT;
}
