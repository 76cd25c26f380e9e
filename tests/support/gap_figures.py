"""The figures of the gap report as its definitions say, by numpy.

As a program: writes what tests/unit/server/domain/test_gap.c expects of its rows,
    python3 tests/support/gap_figures.py > tests/unit/server/domain/gap_expected.h
"""
import numpy

NEIGHBOURS, DIRECTIONS, NOISE = 20, 128, 1e-9


def unit(rows):
    rows = numpy.asarray(rows, dtype=float)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def trace(rows):
    return ((rows - rows.mean(0)) ** 2).sum() / (len(rows) - 1)


def mean_by_control(source, rows, known=None):
    """The mean of what `rows` are a sample of, and the expected square of its error."""
    mean, spread = rows.mean(0), trace(rows)
    if known is not None:
        off, from_ = source - source.mean(0), trace(source)
        factor = (off * (rows - mean)).sum() / ((len(rows) - 1) * from_)
        mean, spread = mean - factor * (source.mean(0) - known), max(0, spread - factor ** 2 * from_)
    return mean, spread / len(rows)


def distance(a, b):
    """Between two (mean, error)."""
    return max(0, ((a[0] - b[0]) ** 2).sum() - a[1] - b[1]) ** 0.5


def neighbours(rows):
    cosines = rows @ rows.T
    numpy.fill_diagonal(cosines, -2)
    return numpy.argsort(-cosines, axis=1, kind="stable")[:, :min(NEIGHBOURS, len(rows) - 1)]


def pairs(a, b):
    a, b = unit(a), unit(b)
    upper = numpy.triu_indices(len(a), 1)
    x, y = (a @ a.T)[upper], (b @ b.T)[upper]
    shared = [len(set(p) & set(q)) / len(p) for p, q in zip(neighbours(a), neighbours(b))]
    return {"overlap": numpy.mean(shared), "correlation": numpy.corrcoef(x, y)[0, 1],
            "cosine": (x.mean(), y.mean())}


def cosine(a, b):
    return (unit(a) * unit(b)).sum(1).mean()


def mixing(a, b):
    near = neighbours(numpy.concatenate([unit(a), unit(b)]))
    other = near >= len(a)
    return other[:len(a)].mean(), 1 - other[len(a):].mean()


class Spectrum:
    def __init__(self, rows):
        rows = numpy.asarray(rows, dtype=float)
        self.d = rows.shape[1]
        _, singular, right = numpy.linalg.svd((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5,
                                              full_matrices=False)
        kept = singular ** 2 > NOISE * singular[0] ** 2
        self.values, self.directions = singular[kept] ** 2, right[kept]

    def effective_rank(self):
        share = self.values / self.values.sum()
        return numpy.exp(-(share * numpy.log(share)).sum())

    def effective_dimension(self):
        return self.values.sum() ** 2 / (self.values ** 2).sum()

    def anisotropy(self):
        return self.values[0] * self.d / self.values.sum()


def spectrum_correlation(a, b):
    n = min(len(a.values), len(b.values))
    return numpy.corrcoef(numpy.log(a.values[:n]), numpy.log(b.values[:n]))[0, 1]


def subspace_overlap(a, b, q):
    q = min(q, len(a.values), len(b.values))
    return ((a.directions[:q] @ b.directions[:q].T) ** 2).sum() / q


# -- for the unit test --

def make(seed, n, d, offset):
    """Rows that C makes in the same way: a centre, a falling spectrum, unit length."""
    x, out = seed, numpy.empty((n, d))
    for i in range(n):
        for k in range(d):
            x = (x * 1664525 + 1013904223) % 2 ** 32
            out[i, k] = ((x >> 8) / 2 ** 24 - 0.5) * 4 / (2 + k) + (offset if k % 3 == 0 else 0)
    return unit(out).astype(numpy.float32).astype(float)


def expected(n, m, d, q):
    text, image = make(1, n, d, 0.2), make(2, m, d, -0.1)
    shifted = unit(text - text.mean(0)).astype(numpy.float32).astype(float)
    figures = pairs(text, shifted)
    spectra = [Spectrum(rows) for rows in (shifted[:min(n, m)], image[:min(n, m)])]
    known = make(1, 3 * n, d, 0.2).mean(0)
    after, image_mean = mean_by_control(text, shifted, known), mean_by_control(None, image)
    yield from [figures["overlap"], figures["correlation"], *figures["cosine"], cosine(text, shifted)]
    yield from mixing(shifted, image)
    for spectrum in spectra:
        yield from [spectrum.effective_rank(), spectrum.effective_dimension(), spectrum.anisotropy()]
    yield from [spectrum_correlation(*spectra), subspace_overlap(*spectra, q)]
    yield from [trace(text), trace(shifted), after[1], distance(after, image_mean)]


def main():
    print("/* Made by tests/support/gap_figures.py. */")
    print("static const double expected[][19] = {")
    for shape in ((60, 45, 100, 10), (150, 150, 24, 8), (40, 90, 33, 40)):
        figures = list(expected(*shape))
        print("    {" + ",\n     ".join(f"{f:.12g}" for f in figures) + "},")
    print("};")


if __name__ == "__main__":
    main()
