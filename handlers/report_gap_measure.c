/* The figures of a report on the modality gap. */
#include <math.h>

#include "handlers/report_gap.h"
#include "server/base/cleanup.h"
#include "server/domain/vector.h"

/* Beyond this a row does not count as one of unit length. */
#define UNIT_SLACK 1e-3

/* Means of one part: embeddings, representations, images, and these as inference sees them. */
enum mean_of { MEAN_TEXT, MEAN_MADE, MEAN_IMAGE, MEAN_SEEN, MEANS };

struct means {
    struct gap_mean of[MEANS];
    bool known[MEANS];
    double trace[MEANS];
    double *space; /* owned */
};

static bool means_init(struct means *m, size_t d)
{
    *m = (struct means){0};
    m->space = calloc(MEANS * d, sizeof(*m->space));
    for (size_t i = 0; m->space && i < MEANS; i++)
        m->of[i].mean = m->space + i * d;
    return m->space;
}

static void means_free(struct means *m)
{
    free(m->space);
}

static bool go_on(void *arg)
{
    return !http_draining(arg);
}

static int given_up(const struct gap_report *r, struct err *e)
{
    return http_draining(r->q) ? err_set(e, ERR_UNAVAILABLE, "the server is ending")
                               : gap_no_memory(e);
}

/* The images as the transfer's rule for inference leaves them: by their own mean, as the
 * representations are by the texts'. */
static int see_images(struct gap_report *r, struct err *e)
{
    size_t n = r->image_rows.n, d = r->image_rows.d;
    if (!gap_shifts_images(r) || n < 2)
        return 0;
    if (!gap_rows_init(&r->image_seen, n, d))
        return gap_no_memory(e);
    for (size_t i = 0; i < n; i++) {
        float *to = gap_row(&r->image_seen, i);
        for (size_t k = 0; k < d; k++)
            to[k] = (float)((double)gap_row(&r->image_rows, i)[k] - r->image.mean[k]);
        if (!r->p.transfer.raw)
            (void)vector_normalise(to, d);
    }
    return 0;
}

static const struct gap_rows *images_seen(const struct gap_report *r)
{
    return r->image_seen.n ? &r->image_seen : &r->image_rows;
}

static bool has_unit_rows(const struct gap_rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        double squares = 0;
        for (size_t k = 0; k < r->d; k++)
            squares += (double)gap_row(r, i)[k] * (double)gap_row(r, i)[k];
        if (fabs(sqrt(squares) - 1) > UNIT_SLACK)
            return false;
    }
    return true;
}

/* A copy of unit length, unless the rows have it: cosines are of those. */
static int unit_copy(const struct gap_rows *from, struct gap_rows *copy, struct err *e)
{
    if (has_unit_rows(from))
        return 0;
    if (!gap_rows_init(copy, from->n, from->d))
        return gap_no_memory(e);
    memcpy(copy->values, from->values, from->n * from->stride * sizeof(float));
    for (size_t i = 0; i < copy->n; i++)
        (void)vector_normalise(gap_row(copy, i), copy->d);
    return 0;
}

static const struct gap_rows *unit_rows(const struct gap_report *r)
{
    return r->unit.n ? &r->unit : &r->made;
}

/* The image side is the same for all parts. */
static void take_images(const struct gap_report *r, struct means *m)
{
    double norm;
    if (!r->image.id)
        return;
    memcpy(m->of[MEAN_IMAGE].mean, r->image.mean, r->made.d * sizeof(double));
    m->trace[MEAN_IMAGE] = r->image.trace;
    m->known[MEAN_IMAGE] = true;
    if (!gap_shifts_images(r)) {
        memcpy(m->of[MEAN_SEEN].mean, r->image.mean, r->made.d * sizeof(double));
        m->trace[MEAN_SEEN] = r->image.trace;
        m->known[MEAN_SEEN] = true;
    } else if (r->image_seen.n) {
        (void)gap_moments(&r->image_seen, NULL, 0, m->of[MEAN_SEEN].mean, &m->trace[MEAN_SEEN],
                          &norm);
        gap_mean_by_control(&r->image_rows, &r->image_seen, r->image.mean, &m->of[MEAN_SEEN]);
        m->known[MEAN_SEEN] = true;
    }
}

static void take_rows(const struct gap_report *r, const int *pick, int which, struct means *m,
                      struct gap_part *part)
{
    const struct gap_rows *rows[] = {&r->rows, &r->made};
    for (size_t i = 0; i < 2; i++) {
        struct gap_mean *mean = &m->of[MEAN_TEXT + i];
        double *trace = &m->trace[MEAN_TEXT + i];
        part->n = gap_moments(rows[i], pick, which, mean->mean, trace, &part->norm);
        mean->error = *trace / (double)part->n;
        m->known[MEAN_TEXT + i] = part->n > 0;
    }
    part->cosine = gap_cosine(&r->rows, &r->made, pick, which);
}

static void compare_means(const struct means *m, size_t d, struct gap_part *part)
{
    static const enum mean_of sides[GAP_VIEWS][2] = {
        [GAP_BEFORE] = {MEAN_TEXT, MEAN_IMAGE},
        [GAP_AFTER] = {MEAN_MADE, MEAN_IMAGE},
        [GAP_INFERENCE] = {MEAN_MADE, MEAN_SEEN},
    };
    part->trace[0] = m->trace[MEAN_TEXT];
    part->trace[1] = m->trace[MEAN_MADE];
    for (int i = 0; i < GAP_VIEWS; i++) {
        enum mean_of a = sides[i][0], b = sides[i][1];
        bool known = m->known[a] && m->known[b];
        part->distance[i] = known ? gap_distance(&m->of[a], &m->of[b], d) : (double)NAN;
        part->error[i] = known ? sqrt(m->of[a].error + m->of[b].error) : (double)NAN;
        part->trace_ratio[i] = known ? m->trace[a] / m->trace[b] : (double)NAN;
    }
}

/* What moments say exactly takes the place of what the sample says. */
static void take_moments(const struct gap_report *r, struct means *m)
{
    if (!r->text.id)
        return;
    /* A sample with newer embeddings has another mean than what went into the moments. */
    gap_mean_by_control(&r->rows, &r->made, r->newer ? NULL : r->text.mean, &m->of[MEAN_MADE]);
    memcpy(m->of[MEAN_TEXT].mean, r->text.mean, r->rows.d * sizeof(double));
    m->of[MEAN_TEXT].error = 0;
    m->trace[MEAN_TEXT] = r->text.trace;
}

static int measure_means(struct gap_report *r, struct err *e)
{
    _cleanup_(means_free) struct means m;
    if (!means_init(&m, r->rows.d))
        return gap_no_memory(e);
    take_images(r, &m);
    for (int i = 0; i < GAP_BUCKETS; i++) {
        take_rows(r, r->bucket, i, &m, &r->parts[i]);
        compare_means(&m, r->rows.d, &r->parts[i]);
    }
    take_rows(r, NULL, 0, &m, &r->whole);
    take_moments(r, &m);
    compare_means(&m, r->rows.d, &r->whole);
    return 0;
}

/* The first n of the rows, which stay whose they are. */
static struct gap_rows first(const struct gap_rows *r, size_t n)
{
    struct gap_rows some = *r;
    some.n = n;
    return some;
}

static int mix(struct gap_report *r, const struct gap_rows *images, struct err *e)
{
    const struct gap_go_on ask = {go_on, r->q};
    size_t n = r->mixing_rows;
    struct gap_rows text = first(&r->rows, n), made = first(unit_rows(r), n);
    struct gap_rows plain = first(&r->image_rows, n), seen = first(images, n);
    if (!gap_mixing(&text, &plain, &ask, r->mixing[0]) ||
        !gap_mixing(&made, &seen, &ask, r->mixing[1]))
        return given_up(r, e);
    return 0;
}

static int measure_mixing(struct gap_report *r, struct err *e)
{
    struct gap_rows unit = {0};
    size_t n = r->made.n < r->image_rows.n ? r->made.n : r->image_rows.n;
    if (n < 2)
        return 0;
    r->mixing_rows = n;
    int rc = unit_copy(images_seen(r), &unit, e);
    if (rc == 0)
        rc = mix(r, unit.n ? &unit : images_seen(r), e);
    gap_rows_free(&unit);
    return rc;
}

static struct gap_spectral spectral_of(const struct gap_spectrum *s)
{
    return (struct gap_spectral){.known = true,
                                 .rank = gap_effective_rank(s),
                                 .dimension = gap_effective_dimension(s),
                                 .anisotropy = gap_anisotropy(s)};
}

static int decompose(struct gap_report *r, const struct gap_rows *rows, size_t q,
                     struct gap_spectrum *out, struct err *e)
{
    if (http_draining(r->q) || !gap_spectrum(rows, r->spectrum_rows, q, out))
        return given_up(r, e);
    return 0;
}

enum spectrum_of { OF_TEXT, OF_MADE, OF_IMAGES, OF_SEEN, SPECTRA };

static void compare_spectra(struct gap_report *r, const struct gap_spectrum s[SPECTRA])
{
    const struct gap_spectrum *images[] = {&s[OF_IMAGES],
                                           s[OF_SEEN].n ? &s[OF_SEEN] : &s[OF_IMAGES]};
    for (int i = 0; i < 2; i++) {
        r->spectrum_correlation[i] = r->overlap[i] = (double)NAN;
        if (!images[i]->n)
            continue;
        r->spectrum_correlation[i] = gap_spectrum_correlation(&s[OF_TEXT + i], images[i]);
        r->overlap[i] = gap_subspace_overlap(&s[OF_TEXT + i], images[i]);
    }
}

static int decompose_all(struct gap_report *r, struct gap_spectrum s[SPECTRA], struct err *e)
{
    const struct gap_rows *rows[] = {&r->rows, &r->made, &r->image_rows, &r->image_seen};
    size_t q = r->directions;
    for (int i = 0; i < SPECTRA; i++)
        if (rows[i]->n >= 2 && decompose(r, rows[i], q, &s[i], e) < 0)
            return -1;
    for (int i = 0; i <= OF_IMAGES; i++)
        if (s[i].n)
            r->spectra[i] = spectral_of(&s[i]);
    compare_spectra(r, s);
    return 0;
}

/* Spectra depend on how many rows they are of: all are of as many. */
static int measure_spectra(struct gap_report *r, struct err *e)
{
    struct gap_spectrum s[SPECTRA] = {{0}};
    size_t n = r->made.n, d = r->made.d;
    bool images = r->image_rows.n >= 2;
    if (images && r->image_rows.n < n)
        n = r->image_rows.n;
    if (n > GAP_SPECTRUM_MAX && d > GAP_SPECTRUM_MAX)
        n = GAP_SPECTRUM_MAX;
    size_t values = n - 1 < d ? n - 1 : d, quarter = values / 4 ? values / 4 : 1;
    r->spectrum_rows = n;
    r->directions = !images ? 0 : quarter < GAP_DIRECTIONS ? quarter : GAP_DIRECTIONS;
    int rc = decompose_all(r, s, e);
    for (int i = 0; i < SPECTRA; i++)
        gap_spectrum_free(&s[i]);
    return rc;
}

int gap_measure(struct gap_report *r, struct err *e)
{
    const struct gap_go_on ask = {go_on, r->q};
    if (see_images(r, e) < 0 || unit_copy(&r->made, &r->unit, e) < 0 || measure_means(r, e) < 0)
        return -1;
    if (!gap_compare_pairs(&r->rows, unit_rows(r), &ask, &r->pairs))
        return given_up(r, e);
    return measure_mixing(r, e) < 0 ? -1 : measure_spectra(r, e);
}
