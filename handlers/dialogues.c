#include "handlers/bind.h"
#include "handlers/dialogue_query.h"
#include "handlers/operations.h"
#include "handlers/page.h"

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "nuxtu",
                                     "-1|00000000000000000000000000000000|||"
                                     "00000000000000000000000000000000",
                                     100, e);
    if (!p || bind_dataset(q, c, STMT_DIALOGUES_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (dialogue_query_bind(q, c, e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    uint8_t seed[SEED_ID_BYTES], caption[CAPTION_HASH_BYTES], dialogue[DIALOGUE_HASH_BYTES];
    if (bind_dataset(q, c, STMT_DIALOGUE_GET, e) < 0)
        return -1;
    if (!dialogue_id_parse(q->params[1], seed, caption, dialogue))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such dialogue");
    call_z(c, hex_text(q, seed, sizeof(seed)));
    call_z(c, hex_text(q, caption, sizeof(caption)));
    call_z(c, hex_text(q, dialogue, sizeof(dialogue)));
    dialogue_query_bind_format(q, c);
    return 0;
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_item(q, r, "dialogue", e);
}

const struct operation op_list_dialogues = {.bind = list_bind, .render = page_render};
const struct operation op_get_dialogue = {.bind = get_bind, .render = get_render};
