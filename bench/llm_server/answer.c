/* What the server says: plausible English that differs from answer to answer in nearly every run of
 * five words, so that a client's filters for copies and loops have nothing to find. */
#include <inttypes.h>

#include "bench/llm_server/server.h"
#include "server/json/write.h"

enum { MIDDLES = 2, TEXT_MAX = 64 << 10 };

struct list {
    size_t n;
    const char *const *words;
};

/* What may stand behind "a" begins with a consonant. */
static const char *const parts[] = {"foreground",  "middle",       "centre",       "near part",
                                    "lower half",  "left half",    "right half",   "front",
                                    "near corner", "lower part",   "shaded half",  "bright half",
                                    "nearer side", "farther side", "broad middle", "main area"};
static const char *const relations[] = {"beside",      "behind",    "close to", "next to",
                                        "in front of", "just past", "near",     "below",
                                        "beyond",      "left of",   "right of", "facing",
                                        "along",       "around",    "against",  "not far from"};
static const char *const colours[] = {
    "red",           "blue",      "green",     "yellow",        "white",  "black",  "grey",
    "brown",         "pink",      "purple",    "beige",         "cream",  "teal",   "maroon",
    "navy",          "tan",       "gold",      "silver",        "copper", "bronze", "crimson",
    "scarlet",       "turquoise", "violet",    "rust-coloured", "lime",   "peach",  "charcoal",
    "sand-coloured", "brick-red", "pale blue", "dark green"};
static const char *const shapes[] = {"round",   "square", "slender", "broad",  "curved", "flat",
                                     "pointed", "narrow", "tall",    "short",  "bent",   "straight",
                                     "wide",    "thick",  "thin",    "hollow", "domed",  "tapered",
                                     "crooked", "boxy",   "low",     "wavy",   "long",   "squat"};
static const char *const textures[] = {
    "smooth", "grainy",    "polished", "worn",      "rough", "shiny", "dull",    "dusty",
    "wet",    "dry",       "cracked",  "ribbed",    "soft",  "hard",  "bumpy",   "glossy",
    "matte",  "scratched", "patched",  "weathered", "clean", "faded", "striped", "speckled"};
static const char *const materials[] = {
    "wooden", "metal",    "stone",  "brick", "glass",     "plastic", "leather", "canvas",
    "cotton", "wicker",   "steel",  "clay",  "ceramic",   "paper",   "rubber",  "wool",
    "marble", "concrete", "bamboo", "tin",   "cardboard", "tile",    "rope",    "straw"};
static const char *const objects[] = {
    "bench", "table",  "chair",  "box",  "crate",  "barrel",  "basket",  "bucket",
    "cart",  "ladder", "lamp",   "post", "fence",  "gate",    "wall",    "step",
    "shelf", "board",  "panel",  "bag",  "bottle", "bowl",    "cup",     "jar",
    "plate", "tray",   "pot",    "vase", "rug",    "curtain", "rope",    "pole",
    "frame", "door",   "window", "sign", "bin",    "kerb",    "railing", "pillar"};
static const char *const grounds[] = {
    "gravel",      "grass",      "pavement",    "sand",         "snow",      "soil",    "mud",
    "cobblestone", "planking",   "tiling",      "carpet",       "dirt",      "moss",    "clay",
    "bare rock",   "short turf", "leaf litter", "packed earth", "wet stone", "concrete"};
static const char *const backdrops[] = {
    "hedge",      "hillside", "forest",    "tree line", "row of houses", "brick wall",
    "shop front", "tower",    "bridge",    "roof",      "field",         "meadow",
    "river bank", "shore",    "cliff",     "staircase", "warehouse",     "barn",
    "station",    "garden",   "courtyard", "street",    "car park",      "stone arch"};
static const char *const verbs[] = {"stands", "rests",     "leans",  "lies", "hangs", "sits",
                                    "rises",  "stretches", "curves", "runs", "tilts", "spreads",
                                    "ends",   "turns",     "dips",   "shows"};
static const char *const lights[] = {"warm",   "cool",  "pale", "golden", "silvery",  "hazy",
                                     "bright", "dim",   "soft", "low",    "slanting", "broken",
                                     "steady", "clear", "thin", "strong"};
static const char *const sides[] = {"left",       "right",       "upper left", "upper right",
                                    "lower left", "lower right", "far left",   "far right",
                                    "top",        "bottom",      "back",       "front"};
static const char *const shadows[] = {"long", "short", "soft",   "sharp",  "faint", "dark",
                                      "pale", "wide",  "narrow", "broken", "deep",  "light"};

#define LIST(letter, array) [(letter) - 'a'] = {sizeof(array) / sizeof((array)[0]), array}
static const struct list lists[26] = {
    LIST('w', parts),     LIST('r', relations), LIST('c', colours), LIST('h', shapes),
    LIST('t', textures),  LIST('m', materials), LIST('o', objects), LIST('g', grounds),
    LIST('b', backdrops), LIST('v', verbs),     LIST('l', lights),  LIST('d', sides),
    LIST('s', shadows),
};

static const char *const openings[] = {
    "In the {w}, {S}, {r} a {c} {o} and a {h} {m} {o}.",
    "Across the {w} there is {S}, with a {t} {c} {o} {r} it.",
    "Here, {r} a {m} {o}, one sees {S} in the {w}.",
    "The {w} shows {S}, {r} a {h} {c} {o}.",
    "Set {r} a {t} {m} {o} is {S}, filling the {w}.",
    "Seen in the {w}, {S}, and {r} it a {c} {m} {o}.",
};
static const char *const middles[] = {
    "{l} light from the {d} falls {r} the {m} {o} and leaves {s} shadows on the {g}.",
    "A {h} {m} {o} {v} {r} the {c} {o}, its edges {t}.",
    "The {g} looks {t}, {c} along the {d} and {c} {r} the {o}.",
    "Farther back, a {t} {b} {v} {r} a {h} {c} {o}.",
    "Some {c} and {c} tones cover the {m} {o} {r} the {b}.",
    "Towards the {d}, {t} {m} parts meet the {h} {c} edge of the {g}.",
    "Its {m} parts are {t} and {c}, and the {h} border {v} {r} the {o}.",
    "A {s} shadow of the {o} crosses the {t} {g} {r} a {c} {b}.",
    "Thin {c} lines run {r} the {h} {o} while the {d} keeps some {t} {g}.",
    "Between the {o} and the {b} there is {t} {g}, {c} at the {d}.",
    "The {d} holds a {m} {o}, {h} and {c}, {r} the {b}.",
    "A {c} {b} {v} {r} the {o}, and {l} light picks out its {t} top.",
};
static const char *const closings[] = {
    "Near the {d}, a {h} {o} {v} {r} {t} {g}.",
    "Beyond it the {b} {v}, {c} and {t}, {r} the {m} {o}.",
    "The {d} edge is {c}, with a {m} {o} {r} the {b}.",
    "Last, a {s} line of {g} {v} {r} the {h} {b}.",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t answer_draw(uint64_t *draw)
{
    uint64_t z = *draw += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

const char *const *answer_words(char letter, size_t *n)
{
    const struct list *l = &lists[letter - 'a'];
    *n = l->n;
    return l->words;
}

/* Capital at the start of a sentence, which is where a form begins. */
static void capitalise(struct buf *out, size_t at)
{
    if (at < out->n && out->p[at] >= 'a' && out->p[at] <= 'z')
        out->p[at] = (char)(out->p[at] - 'a' + 'A');
}

/* The seed in the middle of a sentence; what begins with two capitals is a name. */
static void add_seed(struct buf *out, struct str seed)
{
    size_t at = out->n;
    buf_adds(out, seed);
    if (seed.n > 1 && !out->failed && out->p[at] >= 'A' && out->p[at] <= 'Z' &&
        !(seed.p[1] >= 'A' && seed.p[1] <= 'Z'))
        out->p[at] = (char)(out->p[at] - 'A' + 'a');
}

void answer_fill(struct buf *out, const char *form, struct str seed, uint64_t *draw)
{
    size_t start = out->n;
    for (const char *p = form; *p; p++) {
        if (*p != '{') {
            buf_addc(out, *p);
            continue;
        }
        size_t n;
        if (p[1] == 'S') {
            add_seed(out, seed);
        } else {
            const char *const *words = answer_words(p[1], &n);
            buf_addz(out, words[answer_draw(draw) % n]);
        }
        p += 2;
    }
    capitalise(out, start);
}

/* The last line of the prompt without a label, quotes and full stop, all in escaped form. */
static struct str seed_of(struct str user)
{
    struct str line = user;
    for (size_t i = 0; i + 1 < user.n; i++) {
        if (user.p[i] != '\\')
            continue;
        if (user.p[i + 1] == 'n' && i + 2 < user.n)
            line = str_from(user, i + 2);
        i++;
    }
    line = str_trim(line);
    ptrdiff_t label = str_find(line, STR(": "));
    if (label > 0 && label < 24)
        line = str_from(line, (size_t)label + 2);
    if (line.n > 0 && line.p[line.n - 1] == '.')
        line.n--;
    return line.n > 0 && line.n <= 600 ? line : STR("a plain view");
}

void answer_caption(struct buf *out, const struct request *r)
{
    uint64_t draw = r->draw;
    struct str seed = seed_of(r->user);
    answer_fill(out, openings[answer_draw(&draw) % COUNT(openings)], seed, &draw);
    size_t at = answer_draw(&draw) % COUNT(middles);
    for (int i = 0; i < MIDDLES; i++) {
        buf_addc(out, ' ');
        answer_fill(out, middles[at], seed, &draw);
        at = (at + 1 + answer_draw(&draw) % (COUNT(middles) / MIDDLES - 1)) % COUNT(middles);
    }
    buf_addc(out, ' ');
    answer_fill(out, closings[answer_draw(&draw) % COUNT(closings)], seed, &draw);
}

/* ---- the envelope ---- */

static void text_of(struct buf *text, const struct conn *c)
{
    if (c->request.schema.p)
        answer_dialogue(text, &c->request);
    else
        answer_caption(text, &c->request);
}

static const char *status_text(int status)
{
    return status == 200 ? "OK" : status == 429 ? "Too Many Requests" : "Error";
}

void answer_json(struct buf *out, int status, const char *extra_header, struct str body)
{
    buf_addf(out,
             "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
             status, status_text(status), body.n, extra_header);
    buf_adds(out, body);
}

/* A token is four bytes; where answers take long by their length, 40 ms. */
static void add_usage(struct buf *out, const struct conn *c, size_t text_n)
{
    int64_t in = (int64_t)c->request_n / 4, made = (int64_t)text_n / 4;
    if (c->service_us > 1000000)
        made = c->service_us / 40000;
    buf_addf(out,
             "\"usage\":{\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64
             ",\"total_tokens\":%" PRId64 ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRId64
             "}}",
             in, made, in + made, in / 2);
}

static struct str model_of(const struct conn *c)
{
    return c->request.model.p ? c->request.model : STR("test-model");
}

void answer_whole(struct buf *out, const struct conn *c)
{
    struct buf text, body;
    buf_init(&text, TEXT_MAX);
    buf_init(&body, 2 * TEXT_MAX);
    text_of(&text, c);
    buf_addf(&body,
             "{\"id\":\"chatcmpl-%016" PRIx64
             "\",\"object\":\"chat.completion\",\"created\":1767225600,"
             "\"model\":\"" STR_FMT "\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
             "\"assistant\",\"content\":\"",
             c->request.draw, STR_ARG(model_of(c)));
    buf_adds(&body, buf_str(&text));
    buf_addz(&body, "\"},\"finish_reason\":\"stop\"}],");
    add_usage(&body, c, text.n);
    buf_addc(&body, '}');
    answer_json(out, 200, "", buf_str(&body));
    buf_free(&text);
    buf_free(&body);
}

/* ---- streams ---- */

static void add_event(struct buf *out, struct str data)
{
    buf_addf(out, "%zx\r\ndata: " STR_FMT "\n\n\r\n", data.n + 8, STR_ARG(data));
}

/* One chunk with a part of the text, or with a reason for the end. */
static void add_delta(struct buf *out, const struct conn *c, struct str text, const char *finish)
{
    struct buf data;
    buf_init(&data, TEXT_MAX);
    buf_addf(&data,
             "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion.chunk\",\"created\":"
             "1767225600,\"model\":\"" STR_FMT "\",\"choices\":[{\"index\":0,\"delta\":{",
             c->request.draw, STR_ARG(model_of(c)));
    if (!finish)
        buf_addf(&data, "\"role\":\"assistant\",\"content\":\"" STR_FMT "\"", STR_ARG(text));
    buf_addf(&data, "},\"finish_reason\":%s}]}", finish ? finish : "null");
    add_event(out, buf_str(&data));
    buf_free(&data);
}

void answer_stream_begin(struct buf *out, const struct conn *c)
{
    buf_addz(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    add_delta(out, c, STR(""), NULL);
}

static void add_stream_usage(struct buf *out, const struct conn *c, size_t text_n)
{
    struct buf data;
    buf_init(&data, TEXT_MAX);
    buf_addf(&data,
             "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion.chunk\",\"created\":"
             "1767225600,\"model\":\"" STR_FMT "\",\"choices\":[],",
             c->request.draw, STR_ARG(model_of(c)));
    add_usage(&data, c, text_n);
    buf_addc(&data, '}');
    add_event(out, buf_str(&data));
    buf_free(&data);
}

/* Cut at spaces, which no escape contains. */
void answer_stream_end(struct buf *out, const struct conn *c)
{
    enum { PIECE = 80 };
    struct buf text;
    buf_init(&text, TEXT_MAX);
    text_of(&text, c);
    for (struct str rest = buf_str(&text); rest.n > 0;) {
        size_t n = rest.n < PIECE ? rest.n : PIECE;
        while (n < rest.n && rest.p[n] != ' ')
            n++;
        add_delta(out, c, (struct str){rest.p, n}, NULL);
        rest = str_from(rest, n);
    }
    add_delta(out, c, STR(""), "\"stop\"");
    add_stream_usage(out, c, text.n);
    add_event(out, STR("[DONE]"));
    buf_addz(out, "0\r\n\r\n");
    buf_free(&text);
}
