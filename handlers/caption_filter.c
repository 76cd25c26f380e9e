#include "handlers/caption_filter.h"

#include "handlers/bind.h"
#include "handlers/operations.h"

const char *const caption_outcomes[] = {"usable", "dropped", "rejected", "any", NULL};
const char *const caption_verdicts[] = {"accepted", "rejected", "corrected", "none", NULL};

static bool asks_for_verdict(const struct caption_filter *f)
{
    return f->verdict.p && !str_is(f->verdict, "none");
}

bool caption_filter_picked(const struct caption_filter *f)
{
    return !f->run.p && !f->recipe.p && !f->dropped.p &&
           (!f->outcome.p || str_is(f->outcome, "usable")) && !asks_for_verdict(f);
}

struct str caption_filter_outcome(const struct caption_filter *f)
{
    if (f->outcome.p)
        return f->outcome;
    if (asks_for_verdict(f))
        return STR("any");
    return f->dropped.p ? STR("dropped") : STR("usable");
}

struct str caption_filter_verdict(const struct caption_filter *f)
{
    const struct str any = {NULL, 0};
    if (f->verdict.p)
        return str_is(f->verdict, "none") ? any : f->verdict;
    return f->outcome.p && str_is(f->outcome, "rejected") ? STR("rejected") : any;
}

static struct str given(const struct req *q, const char *name)
{
    const struct query_value *v = req_query(q, name);
    return v->set ? v->text : (struct str){NULL, 0};
}

struct caption_filter caption_filter_of(const struct req *q)
{
    return (struct caption_filter){.run = given(q, "run"),
                                   .recipe = given(q, "recipe"),
                                   .outcome = given(q, "outcome"),
                                   .verdict = given(q, "verdict"),
                                   .dropped = given(q, "dropped")};
}

static bool only_picked(const struct req *q, const struct caption_filter *f)
{
    const struct query_value *view = req_query(q, "view");
    return view->set ? view->number == VIEW_DEFAULT : caption_filter_picked(f);
}

static void bind_count(const struct req *q, struct db_call *c, const char *name)
{
    const struct query_value *v = req_query(q, name);
    if (v->set)
        call_i64(c, v->number);
    else
        call_null(c);
}

int caption_filter_bind(struct req *q, struct db_call *c, const struct caption_filter *f,
                        struct err *e)
{
    if (bind_query_id(q, c, "run", e) < 0 || bind_query_id(q, c, "recipe", e) < 0 ||
        bind_query_id(q, c, "seed", e) < 0)
        return -1;
    call_bool(c, only_picked(q, f));
    return bind_copy(q, c, caption_filter_outcome(f), e);
}

int caption_filter_bind_rest(struct req *q, struct db_call *c, const struct caption_filter *f,
                             struct err *e)
{
    const struct query_value *least = req_query(q, "min_length"),
                             *most = req_query(q, "max_length");
    if (least->set && most->set && least->number > most->number)
        return err_field(e, "?min_length", "is more than max_length");
    if (bind_copy(q, c, f->dropped, e) < 0)
        return -1;
    bind_count(q, c, "min_length");
    bind_count(q, c, "max_length");
    if (bind_query(q, c, "source", e) < 0)
        return -1;
    return bind_query(q, c, "domain", e);
}
