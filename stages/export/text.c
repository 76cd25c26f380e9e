/* Rows of text: what LLaVA's trainers and those derived from it read, plain captions, and ids. */
#include "server/json/write.h"
#include "stages/export/writer.h"

/* Members that every row of a trainer's file has in front of its conversations. The caption is in
 * each of them: that it is there tells the trainer that there is a picture. */
static void open_row(struct output *o, const struct sample_row *r, const char *dialogue_id)
{
    struct buf *b = &o->main.out;
    if (o->form->part && o->main.file.rows > 0)
        buf_adds(b, STR(",\n"));
    buf_adds(b, STR("{\"id\":\""));
    buf_add(b, r->id, CAPTION_ID_TEXT);
    buf_adds(b, STR("\",\"dialogue_id\":\""));
    buf_addz(b, dialogue_id);
    buf_adds(b, STR("\",\"caption\":"));
    buf_adds(b, buf_str(&r->caption));
    buf_adds(b, STR(",\"conversations\":"));
    o->main.file.rows++;
}

static void close_row(struct output *o)
{
    buf_addc(&o->main.out, '}');
    if (!o->form->part)
        buf_addc(&o->main.out, '\n');
}

int pretrain_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e)
{
    struct buf *b = &o->main.out;
    (void)s, (void)e;
    open_row(o, r, "");
    buf_adds(b, STR("[{\"from\":\"human\",\"value\":\"<image>\\n"));
    buf_addz(b, pretrain_question(str_of(r->id)));
    buf_adds(b, STR("\"},{\"from\":\"gpt\",\"value\":"));
    buf_adds(b, buf_str(&r->caption));
    buf_adds(b, STR("}]"));
    close_row(o);
    return 0;
}

void export_dialogue_id(const struct sample_row *r, const struct export_dialogue *d,
                        char out[DIALOGUE_ID_TEXT + 1])
{
    memcpy(out, r->id, CAPTION_ID_TEXT);
    out[CAPTION_ID_TEXT] = '-';
    hex_encode(d->hash, DIALOGUE_HASH_BYTES, out + CAPTION_ID_TEXT + 1);
}

int instruct_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e)
{
    (void)s, (void)e;
    for (int i = 0; i < r->x->n_dialogues; i++) {
        const struct export_dialogue *d = &r->x->dialogues[i];
        char id[DIALOGUE_ID_TEXT + 1];
        export_dialogue_id(r, d, id);
        open_row(o, r, id);
        buf_adds(&o->main.out, str_trim(d->conversations));
        close_row(o);
    }
    return 0;
}

static void optional(struct buf *b, const char *key, struct str value)
{
    json_key(b, key);
    if (value.p)
        json_str(b, value);
    else
        json_write_null(b);
}

static void hex_member(struct buf *b, const char *key, const uint8_t *p, size_t n)
{
    char hex[2 * SEED_ID_BYTES + 1];
    hex_encode(p, n, hex);
    json_key(b, key);
    json_z(b, hex);
}

int captions_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                 struct err *e)
{
    struct buf *b = &o->main.out;
    const struct export_sample *x = r->x;
    (void)s, (void)e;
    json_open(b, '{');
    json_key(b, "id");
    json_z(b, r->id);
    hex_member(b, "seed_id", x->seed, SEED_ID_BYTES);
    hex_member(b, "recipe", x->recipe, RECIPE_ID_BYTES);
    json_key(b, "variant");
    json_int(b, x->variant);
    json_key(b, "text");
    buf_adds(b, buf_str(&r->caption));
    optional(b, "seed", x->seed_text);
    optional(b, "source", x->source);
    optional(b, "domain", x->domain);
    optional(b, "provider", x->provider);
    optional(b, "model", x->model);
    optional(b, "prompt", x->prompt);
    json_close(b, '}');
    buf_addc(b, '\n');
    o->main.file.rows++;
    return 0;
}

int ids_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
            struct err *e)
{
    (void)s, (void)e;
    buf_add(&o->main.out, r->id, CAPTION_ID_TEXT);
    buf_addc(&o->main.out, '\n');
    o->main.file.rows++;
    return 0;
}
