/* Eigenvalues and leading eigenvectors of symmetric matrices. */
#ifndef MONOCEROS_DOMAIN_EIGEN_H
#define MONOCEROS_DOMAIN_EIGEN_H

#include <stdbool.h>
#include <stddef.h>

/* All n eigenvalues of the symmetric n x n matrix a, descending, and in `vectors`, unless it is
 * NULL, unit eigenvectors of the first q as rows of n. a is destroyed; both of its triangles are
 * read. Householder reduction to tridiagonal form, implicit QL for the values, inverse iteration
 * for the vectors (Golub and Van Loan, Matrix Computations, 8.3). About 2 n^3 operations. false
 * when there is no memory or a value is not finite. */
bool eigen_symmetric(double *a, size_t n, double *values, double *vectors, size_t q);

#endif
