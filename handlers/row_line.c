#include "handlers/row_line.h"

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum { RFC3339_TEXT = 25 };

static void add_hex(struct buf *b, struct str s)
{
    if (!buf_room(b, 2 * s.n + 1))
        return;
    hex_encode((const uint8_t *)s.p, s.n, b->p + b->n);
    b->n += 2 * s.n;
}

static void add_id(const struct row_member *m, const struct rows *r, int row, struct buf *b)
{
    buf_addc(b, '"');
    add_hex(b, rows_bytes(r, row, 0));
    buf_addc(b, '-');
    if (m->form == ROW_ID_OF) {
        add_hex(b, rows_bytes(r, row, m->also));
        buf_addc(b, '-');
    }
    add_hex(b, rows_bytes(r, row, m->col));
    buf_addc(b, '"');
}

/* PostgreSQL counts microseconds from 2000 on. */
static void add_time(struct buf *b, int64_t us)
{
    char text[RFC3339_TEXT];
    clock_rfc3339_at(us + INT64_C(946684800) * 1000000, text);
    json_z(b, text);
}

static void add_value(const struct row_member *m, const struct rows *r, int row, struct buf *b)
{
    if (m->form == ROW_TEXT) {
        json_str(b, rows_text(r, row, m->col));
    } else if (m->form == ROW_INT) {
        json_int(b, rows_i64(r, row, m->col));
    } else if (m->form == ROW_LENGTH) {
        json_int(b, (int64_t)text_length(rows_text(r, row, m->col)));
    } else if (m->form == ROW_COST) {
        int64_t billionths = rows_i64(r, row, m->col);
        json_double(b, (double)billionths / 1e9);
    } else if (m->form == ROW_JSON) {
        buf_adds(b, rows_text(r, row, m->col));
    } else if (m->form == ROW_TIME) {
        add_time(b, rows_i64(r, row, m->col));
    } else if (m->form == ROW_HEX) {
        buf_addc(b, '"');
        add_hex(b, rows_bytes(r, row, m->col));
        buf_addc(b, '"');
    } else {
        add_id(m, r, row, b);
    }
}

void row_line(const struct row_member *members, bool spaced, const struct rows *r, int row,
              struct buf *b)
{
    bool first = true;
    buf_addc(b, '{');
    for (const struct row_member *m = members; m->form != ROW_END; m++) {
        bool null = rows_null(r, row, m->col);
        if (null && !spaced)
            continue;
        if (!first)
            buf_adds(b, spaced ? STR(", ") : STR(","));
        first = false;
        buf_addc(b, '"');
        buf_addz(b, m->key);
        buf_adds(b, spaced ? STR("\" : ") : STR("\":"));
        if (null)
            json_write_null(b);
        else
            add_value(m, r, row, b);
    }
    buf_addc(b, '}');
}
