/* Stage 1: one call per (seed, variant); the reply becomes a caption, flagged or dropped by the
 * filters, never altered beyond the normal form of its white space. */
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/domain/minhash.h"
#include "stages/stage.h"

int caption_request(const struct run_settings *s, const struct item *it, struct arena *a,
                    struct llm_request *r, struct err *e)
{
    const struct call_settings *c = &s->captions;
    const struct prompt *prompt = &c->prompts[it->prompt].prompt;
    const struct prompt_values values = {
        .seed = it->text, .domain = it->domain, .source = it->source, .label = it->label};
    char id[SEED_ID_HEX + 1];
    hex_encode(it->seed, SEED_ID_BYTES, id);
    struct str user = prompt_render(prompt, &values, a);
    struct str key = arena_str(a, str_of(id));
    if (!user.p || !key.p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *r = (struct llm_request){
        .task = LLM_CAPTION,
        .id = key,
        .salt = c->salt,
        .variant = it->variant,
        .source = it->text,
        .system = str_of(prompt->system),
        .user = user,
        .temperature = c->temperature,
        .top_p = c->top_p,
        .max_tokens = c->max_tokens,
        /* Variants and repeated calls must not sample the same answer. */
        .seed = c->seed < 0 ? -1 : c->seed + it->variant + 1000 * it->asked,
    };
    return 0;
}

int caption_verdict(struct item *it, const struct filter_verdict *v, struct arena *a)
{
    char names[FILTER_NAMES_TEXT];
    filters_names(v->hits, names);
    it->result.filters = *v;
    it->result.dropped = v->dropped == FILTER_COUNT ? NULL : filter_rows[v->dropped].name;
    it->result.flags = arena_dup(a, names, strlen(names));
    return it->result.flags ? 0 : -1;
}

static struct str signature_of(const struct words *w, struct arena *a)
{
    uint8_t bytes[MINHASH_BYTES];
    if (!minhash(w, bytes))
        return (struct str){NULL, 0};
    return arena_str(a, (struct str){(const char *)bytes, sizeof(bytes)});
}

static int judge(const struct run_settings *s, struct item *it, const struct caption_text *c,
                 struct arena *a)
{
    struct words words _cleanup_(words_free) = {NULL, 0};
    struct filter_verdict v;
    if (words_split(c->text, &words) < 0 || filters_judge(&s->filters, &words, c, &v) < 0)
        return -1;
    it->result.signature = signature_of(&words, a);
    return caption_verdict(it, &v, a);
}

enum verdict caption_accept(const struct run_settings *s, struct item *it,
                            const struct llm_reply *reply, struct arena *a)
{
    struct str text = arena_str(a, text_normalise(a, reply->text));
    if (!text.p || text.n == 0) {
        it->refusal = "empty";
        return VERDICT_REFUSED;
    }
    it->result = (struct result){
        .text = text,
        .model = arena_str(a, reply->model),
        .finish_reason = arena_str(a, reply->finish_reason),
    };
    const struct caption_text c = {reply->text, text, it->text, reply->finish_reason,
                                   s->instructions};
    if (judge(s, it, &c, a) < 0) {
        it->refusal = "out of memory";
        return VERDICT_REFUSED;
    }
    caption_hash(s->captions.recipe, it->variant, text, it->result.hash);
    return VERDICT_TAKEN;
}
