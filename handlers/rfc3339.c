#include "handlers/run_request.h"

static bool take_number(struct str *s, int digits, int min, int max, int *out)
{
    int v = 0;
    if (s->n < (size_t)digits)
        return false;
    for (int i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_from(*s, (size_t)digits);
    *out = v;
    return v >= min && v <= max;
}

static bool take_char(struct str *s, char upper)
{
    char lower = (char)(upper >= 'A' && upper <= 'Z' ? upper + 32 : upper);
    if (s->n == 0 || (s->p[0] != upper && s->p[0] != lower))
        return false;
    *s = str_from(*s, 1);
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2);
}

static bool take_date(struct str *s)
{
    int year, month, day;
    return take_number(s, 4, 1970, 9999, &year) && take_char(s, '-') &&
           take_number(s, 2, 1, 12, &month) && take_char(s, '-') &&
           take_number(s, 2, 1, days_in(year, month), &day);
}

static bool take_time(struct str *s)
{
    int v;
    if (!take_number(s, 2, 0, 23, &v) || !take_char(s, ':') || !take_number(s, 2, 0, 59, &v) ||
        !take_char(s, ':') || !take_number(s, 2, 0, 59, &v))
        return false;
    if (!take_char(s, '.'))
        return true;
    if (!take_number(s, 1, 0, 9, &v))
        return false;
    while (take_number(s, 1, 0, 9, &v))
        ;
    return true;
}

bool is_rfc3339(struct str s)
{
    int v;
    if (!take_date(&s) || !take_char(&s, 'T') || !take_time(&s))
        return false;
    if (take_char(&s, 'Z'))
        return s.n == 0;
    if (!take_char(&s, '+') && !take_char(&s, '-'))
        return false;
    return take_number(&s, 2, 0, 14, &v) && take_char(&s, ':') && take_number(&s, 2, 0, 59, &v) &&
           s.n == 0;
}
