/* Spacing, quotes, case and the closing stop of a seed. The words stay as they are. */
#include "providers/offline/seed.h"

static bool hugs_left(char c)
{
    return c == ',' || c == '.' || c == ';' || c == ':' || c == '!' || c == '?' || c == ')';
}

/* Trainers cut turns at these marks, so a seed must not carry them through. */
static size_t reserved_at(struct str s)
{
    static const char *const marks[] = {"USER:", "ASSISTANT:"};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t n = strlen(marks[i]);

        if (s.n >= n && str_ieq((struct str){s.p, n}, str_of(marks[i])))
            return n;
    }
    return 0;
}

static void drop_space(struct buf *b)
{
    while (b->n > 0 && b->p[b->n - 1] == ' ')
        b->n--;
}

static bool is_possessive_tail(struct str rest)
{
    return rest.n >= 2 && rest.p[0] == '\'' && rest.p[1] == 's' &&
           (rest.n == 2 || rest.p[2] == ' ' || hugs_left(rest.p[2]));
}

/* An opening quote keeps the space before it, a closing one the space after it. */
static void add_quote(struct buf *b, bool *open)
{
    if (*open)
        drop_space(b);
    else if (b->n > 0 && b->p[b->n - 1] != ' ' && b->p[b->n - 1] != '(')
        buf_addc(b, ' ');
    buf_addc(b, '"');
    *open = !*open;
}

static bool after_open_quote(const struct buf *b, bool open)
{
    return open && b->n > 0 && b->p[b->n - 1] == '"';
}

static void copy(struct buf *b, struct str text, bool quotes)
{
    bool open = false;

    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_from(text, i);
        size_t mark = reserved_at(rest);
        char c = text.p[i];

        if (mark > 0) {
            buf_add(b, rest.p, mark - 1);
            i += mark - 1;
        } else if (c == '"' && quotes) {
            add_quote(b, &open);
        } else if (c == ' ' || (c > 0 && c < ' ')) {
            if (b->n > 0 && b->p[b->n - 1] != ' ' && !after_open_quote(b, open))
                buf_addc(b, ' ');
        } else if (c == '<' || c == '>' || c == '[' || c == ']') {
            buf_addc(b, c == '<' || c == '[' ? '(' : ')');
        } else {
            if ((hugs_left(c) && !(c == '.' && rest.n > 1 && rest.p[1] != ' ')) ||
                is_possessive_tail(rest))
                drop_space(b);
            buf_addc(b, c);
        }
    }
}

static bool shouts(const struct buf *b)
{
    size_t upper = 0, lower = 0;

    for (size_t i = 0; i < b->n; i++) {
        upper += b->p[i] >= 'A' && b->p[i] <= 'Z';
        lower += (b->p[i] >= 'a' && b->p[i] <= 'z') || (unsigned char)b->p[i] >= 0x80;
    }
    return upper > 6 && lower == 0;
}

static size_t count(struct str s, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

void seed_clean(struct seed *s, struct str text)
{
    struct buf *b = &s->clean;

    copy(b, text, count(text, '"') % 2 == 0);
    s->end = '.';
    while (!b->failed && b->n > 1) {
        char c = b->p[b->n - 1];

        if (c != ' ' && c != '.' && c != ',' && c != ';' && c != ':' && c != '!' && c != '?')
            break;
        if (c == '!' || c == '?')
            s->end = c;
        b->n--;
    }
    if (shouts(b))
        for (size_t i = 0; i < b->n; i++)
            b->p[i] = b->p[i] >= 'A' && b->p[i] <= 'Z' ? (char)(b->p[i] + 32) : b->p[i];
}
