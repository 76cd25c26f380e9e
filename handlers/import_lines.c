#include "handlers/import_lines.h"

/* How much of a line that is too long is shown to the callback. */
enum { SHOWN_BYTES = 64 };

void line_cutter_init(struct line_cutter *c, int (*line)(void *arg, struct str line, bool too_long),
                      void *arg)
{
    *c = (struct line_cutter){.line = line, .arg = arg};
    buf_init(&c->partial, LINE_BYTES_MAX + 1);
}

void line_cutter_free(struct line_cutter *c)
{
    buf_free(&c->partial);
}

static int emit(struct line_cutter *c, struct str line)
{
    static const struct str mark = {"\xef\xbb\xbf", 3};
    if (!c->started && str_starts(line, mark))
        line = str_from(line, mark.n);
    c->started = true;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n > LINE_BYTES_MAX)
        return c->line(c->arg, (struct str){line.p, SHOWN_BYTES}, true);
    return c->line(c->arg, line, false);
}

/* A piece without a line end, at the end of a chunk. */
static int keep(struct line_cutter *c, struct str piece)
{
    if (c->skipping || piece.n == 0)
        return 0;
    /* One byte more than a line may have, for the CR in front of the line end. */
    size_t room = LINE_BYTES_MAX + 1 - c->partial.n;
    c->skipping = piece.n > room;
    piece.n = piece.n > room ? room : piece.n;
    buf_adds(&c->partial, piece);
    return c->partial.failed ? -1 : 0;
}

/* A piece that a line end follows. */
static int finish(struct line_cutter *c, struct str piece)
{
    if (c->partial.n == 0)
        return emit(c, piece);
    bool whole = c->partial.n + piece.n <= LINE_BYTES_MAX + 1 && !c->skipping;
    if (whole)
        buf_adds(&c->partial, piece);
    if (c->partial.failed)
        return -1;
    struct str line = buf_str(&c->partial);
    int rc;
    if (whole) {
        rc = emit(c, line);
    } else {
        c->started = true;
        rc = c->line(c->arg, (struct str){line.p, SHOWN_BYTES < line.n ? SHOWN_BYTES : line.n},
                     true);
    }
    buf_reset(&c->partial);
    c->skipping = false;
    return rc;
}

int line_cutter_feed(struct line_cutter *c, struct str chunk)
{
    while (chunk.n) {
        const char *end = memchr(chunk.p, '\n', chunk.n);
        if (!end)
            return keep(c, chunk);
        struct str piece = {chunk.p, (size_t)(end - chunk.p)};
        if (finish(c, piece) < 0)
            return -1;
        chunk = str_from(chunk, piece.n + 1);
    }
    return 0;
}

int line_cutter_end(struct line_cutter *c)
{
    return c->partial.n ? finish(c, (struct str){"", 0}) : 0;
}
