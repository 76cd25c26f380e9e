#include "providers/llm/structured.h"

#include "server/json/write.h"

static bool is_off(const struct structured *s)
{
    return s->state == STRUCTURED_REFUSED || s->state == STRUCTURED_IGNORED;
}

unsigned structured_ask(struct structured *s)
{
    if (is_off(s) && --s->until_probe > 0)
        return 0;
    s->until_probe = STRUCTURED_PROBE;
    return s->round + 1;
}

static void turn_off(struct structured *s, enum structured_state state)
{
    if (s->state != state) {
        s->round++;
        s->n = 0;
        s->good_probes = 0;
    }
    s->state = state;
    s->until_probe = STRUCTURED_PROBE;
}

void structured_refused(struct structured *s)
{
    turn_off(s, STRUCTURED_REFUSED);
}

/* One good answer may be luck: a few probes in a row must be good. */
static void note_probe(struct structured *s, bool held)
{
    s->good_probes = held ? s->good_probes + 1 : 0;
    s->until_probe = held ? STRUCTURED_PROBE_SOON : STRUCTURED_PROBE;
    if (s->good_probes < STRUCTURED_PROBES_GOOD)
        return;
    s->state = STRUCTURED_UNKNOWN;
    s->n = 0;
}

void structured_note(struct structured *s, unsigned asked, bool held)
{
    s->asked++;
    s->held += held;
    if (asked != s->round + 1)
        return;
    if (is_off(s)) {
        note_probe(s, held);
        return;
    }
    s->kept = s->kept << 1 | held;
    s->n += s->n < STRUCTURED_WINDOW;
    if (s->n < STRUCTURED_ENOUGH)
        return;
    uint32_t mask = s->n == STRUCTURED_WINDOW ? UINT32_MAX : (1u << s->n) - 1;
    int broken = s->n - __builtin_popcount(s->kept & mask);
    if (broken * 100 >= s->n * STRUCTURED_BROKEN_PC)
        turn_off(s, STRUCTURED_IGNORED);
    else
        s->state = STRUCTURED_HOLDS;
}

void structured_describe(const struct structured *s, struct buf *out)
{
    static const char *const names[] = {"unknown", "holds", "refused", "ignored"};

    json_open(out, '{');
    json_key(out, "state");
    json_z(out, names[s->state]);
    json_key(out, "asked");
    json_int(out, (int64_t)s->asked);
    json_key(out, "held");
    json_int(out, (int64_t)s->held);
    json_close(out, '}');
}
