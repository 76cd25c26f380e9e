/* How far apart two sets of vectors lie, and what a transfer does to one of them: the figures of
 * the modality gap, after arXiv 2602.07026 and 2605.07825. All of them are of samples: their cost
 * grows with the square of the rows. */
#ifndef MONOCEROS_DOMAIN_GAP_H
#define MONOCEROS_DOMAIN_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GAP_NEIGHBOURS = 20,
    GAP_SPECTRUM_MAX = 1280, /* of a spectrum: values, and so the side of its matrix */
    GAP_DIRECTIONS = 128,    /* that subspaces are compared by, at most */
};

/* n rows of d values each, `stride` apart, zeros between. */
struct gap_rows {
    size_t n, d, stride;
    float *values; /* owned */
};

bool gap_rows_init(struct gap_rows *r, size_t n, size_t d); /* zeros; false without memory */
void gap_rows_free(struct gap_rows *r);                     /* also of a zeroed struct */
static inline float *gap_row(const struct gap_rows *r, size_t i)
{
    return r->values + i * r->stride;
}

/* Asked between blocks of work; false gives it up. */
struct gap_go_on {
    bool (*ask)(void *arg);
    void *arg;
};

/* Mean (d values), trace (mean squared distance to the mean of all that the rows are a sample of:
 * the sum / (n - 1)) and mean norm. `pick` has n entries, or is NULL for all rows; rows whose entry
 * is not `which` do not count. Returns how many did; the trace of one row is NaN. */
size_t gap_moments(const struct gap_rows *r, const int *pick, int which, double *mean,
                   double *trace, double *norm);

/* An estimate of a mean, and how far off it may be: the expected squared distance to the true one.
 */
struct gap_mean {
    double *mean; /* d values, of the caller */
    double error;
};

/* The mean of what `to` is a sample of. Row i of `to` was made of row i of `from`, whose true mean
 * is known: by how much the sample's mean misses it, times the regression of `to` on `from`, is
 * taken out, which leaves the error of what that regression does not explain. Without `known` the
 * plain mean. At least two rows. */
void gap_mean_by_control(const struct gap_rows *from, const struct gap_rows *to,
                         const double *known, struct gap_mean *out);
/* The distance between two means, without what their errors add to its square. */
double gap_distance(const struct gap_mean *a, const struct gap_mean *b, size_t d);

/* Mean cosine of rows that belong together, of those that `pick` names as above. NaN of none. */
double gap_cosine(const struct gap_rows *a, const struct gap_rows *b, const int *pick, int which);

struct gap_pairs {
    size_t neighbours;  /* min(GAP_NEIGHBOURS, n - 1) */
    double overlap;     /* mean share of a row's neighbours in `a` that are so in `b` */
    double correlation; /* of the cosines of all pairs in `a` with those in `b`; NaN: constant */
    double cosine[2];   /* mean over all pairs */
};

/* Of unit rows that belong together, at least two. false without memory or when given up. */
bool gap_compare_pairs(const struct gap_rows *a, const struct gap_rows *b,
                       const struct gap_go_on *go_on, struct gap_pairs *out);

/* Of unit rows, both sets together: the mean share of the other set among a row's neighbours, of
 * the rows of a and of those of b. 0 is apart; equal sets that cannot be told apart have about 0.5.
 */
bool gap_mixing(const struct gap_rows *a, const struct gap_rows *b, const struct gap_go_on *go_on,
                double out[2]);

/* Eigenvalues of a covariance, descending, those that n rows of d values can have, and its leading
 * directions. */
struct gap_spectrum {
    size_t n, d, q;
    double *values;     /* n, owned */
    double *directions; /* q rows of d, owned */
};

/* Of the first `rows` rows, at least two; min(rows, d) must not exceed GAP_SPECTRUM_MAX. q is the
 * number of directions, of which there may turn out to be fewer. */
bool gap_spectrum(const struct gap_rows *r, size_t rows, size_t q, struct gap_spectrum *out);
void gap_spectrum_free(struct gap_spectrum *s); /* also of a zeroed struct */
/* exp of the entropy of the values' shares; NaN without any. */
double gap_effective_rank(const struct gap_spectrum *s);
/* trace^2 / trace of the square. */
double gap_effective_dimension(const struct gap_spectrum *s);
/* The largest value / the mean of all d. */
double gap_anisotropy(const struct gap_spectrum *s);
/* Correlation of the logarithms of values of the same number, as far as both are above 1e-9 of
 * their first. NaN of fewer than three. */
double gap_spectrum_correlation(const struct gap_spectrum *a, const struct gap_spectrum *b);
/* (1/q) |A'B|_F^2 over the q directions that both have. */
double gap_subspace_overlap(const struct gap_spectrum *a, const struct gap_spectrum *b);

#endif
