#include "handlers/caption_filter.h"

#include <stddef.h>

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
