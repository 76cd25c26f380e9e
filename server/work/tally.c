#include "server/work/tally.h"

#include "server/json/decode.h"
#include "server/json/write.h"

enum { TALLY_NODES_MAX = 1024 };

struct stored_line {
    struct str provider;
    struct opt_int calls, wasted, unknown, tokens_in, tokens_cached, tokens_out, tokens_reasoning,
        cost;
};

struct stored_hits {
    struct str filter;
    struct opt_int flagged, dropped;
};

struct stored_tally {
    struct list usage, filters;
    struct str tasks; /* counted anew with each load */
    struct opt_int truncated;
};

static const struct field line_fields[] = {
    {FIELD_STRING, "provider", .required = true, .offset = offsetof(struct stored_line, provider)},
    {FIELD_INT, "calls", .offset = offsetof(struct stored_line, calls)},
    {FIELD_INT, "wasted", .offset = offsetof(struct stored_line, wasted)},
    {FIELD_INT, "unknown", .offset = offsetof(struct stored_line, unknown)},
    {FIELD_INT, "tokens_in", .offset = offsetof(struct stored_line, tokens_in)},
    {FIELD_INT, "tokens_cached", .offset = offsetof(struct stored_line, tokens_cached)},
    {FIELD_INT, "tokens_out", .offset = offsetof(struct stored_line, tokens_out)},
    {FIELD_INT, "tokens_reasoning", .offset = offsetof(struct stored_line, tokens_reasoning)},
    {FIELD_INT, "cost", .offset = offsetof(struct stored_line, cost)},
    {.type = FIELD_END},
};

static const struct field hits_fields[] = {
    {FIELD_STRING, "filter", .required = true, .offset = offsetof(struct stored_hits, filter)},
    {FIELD_INT, "flagged", .offset = offsetof(struct stored_hits, flagged)},
    {FIELD_INT, "dropped", .offset = offsetof(struct stored_hits, dropped)},
    {.type = FIELD_END},
};

static const struct field tally_fields[] = {
    {FIELD_OBJECTS, "usage", .offset = offsetof(struct stored_tally, usage), .max = CHOICES_MAX,
     .fields = line_fields, .size = sizeof(struct stored_line)},
    {FIELD_OBJECTS, "filters", .offset = offsetof(struct stored_tally, filters),
     .max = FILTER_COUNT, .fields = hits_fields, .size = sizeof(struct stored_hits)},
    {FIELD_MAP, "tasks", .offset = offsetof(struct stored_tally, tasks)},
    {FIELD_INT, "truncated", .offset = offsetof(struct stored_tally, truncated)},
    {.type = FIELD_END},
};

void tally_add(struct tally *t, const struct item *it, bool made)
{
    struct usage_line *l = &t->usage[it->provider];
    l->calls += it->usage.calls;
    l->wasted += it->usage.calls - (made ? 1 : 0);
    l->unknown += it->usage.unknown_calls;
    l->tokens_in += it->usage.tokens_in;
    l->tokens_cached += it->usage.tokens_cached;
    l->tokens_out += it->usage.tokens_out;
    l->tokens_reasoning += it->usage.tokens_reasoning;
    l->cost += it->cost;
    t->truncated += made && it->result.truncated;
    if (made && it->result.dropped)
        t->filters[it->result.filters.dropped].dropped++;
    for (unsigned i = 0; made && i < FILTER_COUNT; i++)
        t->filters[i].flagged += (it->result.filters.hits >> i) & 1;
}

static void write_filters(const struct tally *t, struct buf *json)
{
    json_key(json, "filters");
    json_open(json, '[');
    for (int i = 0; i < FILTER_COUNT; i++) {
        if (t->filters[i].flagged + t->filters[i].dropped == 0)
            continue;
        json_open(json, '{');
        json_key(json, "filter");
        json_z(json, filter_rows[i].name);
        json_key(json, "flagged");
        json_int(json, t->filters[i].flagged);
        json_key(json, "dropped");
        json_int(json, t->filters[i].dropped);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_tasks(const struct task_count *by_task, struct buf *json)
{
    json_key(json, "tasks");
    json_open(json, '{');
    for (int i = 0; by_task && i < DIALOGUE_TASKS; i++) {
        if (by_task[i].chosen == 0)
            continue;
        json_key(json, dialogue_tasks[i]);
        json_open(json, '{');
        json_key(json, "chosen");
        json_int(json, by_task[i].chosen);
        json_key(json, "got");
        json_int(json, by_task[i].got);
        json_close(json, '}');
    }
    json_close(json, '}');
}

void tally_write(const struct tally *t, const struct task_count *by_task,
                 const struct call_settings *s, struct buf *json)
{
    json_open(json, '{');
    json_key(json, "usage");
    json_open(json, '[');
    for (int i = 0; s && i < s->n_providers; i++) {
        const struct usage_line *l = &t->usage[i];
        const int64_t values[] = {
            l->calls,         l->wasted,     l->unknown,          l->tokens_in,
            l->tokens_cached, l->tokens_out, l->tokens_reasoning, l->cost};
        if (l->calls == 0)
            continue;
        json_open(json, '{');
        json_key(json, "provider");
        json_str(json, s->providers[i].name);
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            json_key(json, line_fields[k + 1].name);
            json_int(json, values[k]);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
    write_filters(t, json);
    write_tasks(by_task, json);
    if (t->truncated > 0) {
        json_key(json, "truncated");
        json_int(json, t->truncated);
    }
    json_close(json, '}');
}

static void take_hits(const struct stored_hits *x, struct tally *t)
{
    enum filter_id id = filter_by_name(x->filter);
    if (id != FILTER_COUNT)
        t->filters[id] = (struct filter_hits){x->flagged.v, x->dropped.v};
}

static void take_line(const struct stored_line *x, const struct call_settings *s, struct tally *t)
{
    for (int i = 0; i < s->n_providers; i++)
        if (str_eq(x->provider, s->providers[i].name))
            t->usage[i] = (struct usage_line){
                x->calls.v,         x->wasted.v,     x->unknown.v,          x->tokens_in.v,
                x->tokens_cached.v, x->tokens_out.v, x->tokens_reasoning.v, x->cost.v};
}

void tally_read(struct str json, const struct call_settings *s, struct arena *a, struct tally *t)
{
    struct stored_tally stored;
    struct err e = {0};
    *t = (struct tally){0};
    if (!json.p ||
        json_decode(json, tally_fields, TALLY_NODES_MAX, a, &stored, sizeof(stored), &e) < 0)
        return;
    t->truncated = stored.truncated.v;
    for (size_t i = 0; s && i < stored.usage.n; i++)
        take_line(&((const struct stored_line *)stored.usage.items)[i], s, t);
    for (size_t i = 0; i < stored.filters.n; i++)
        take_hits(&((const struct stored_hits *)stored.filters.items)[i], t);
}
