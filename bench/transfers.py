"""Moments and every transfer over 1.2 million rows of 1,280 values, read from a file and written to
another: beside a plain copy of the same bytes by the same threads, and beside what the script that was
released with Unicorn does.

usage: bench/transfers.py [--rows N] [--dimension N] [--rounds N] [--type f16|f32|both]
       bench/transfers.py compare [--rows N] [--dimension N]

`compare` holds every transfer against numpy in float64 (default: 100,000 rows) and asks that neither the
number of shards nor that of threads changes a bit.

The script unpickles lists of dicts, adds up their vectors one by one in float32, unpickles them again,
subtracts the mean and pickles the lists. Its arithmetic stands below in numpy, where it has torch; it is
timed over one of its seven files, 178,000 rows, and scaled.
"""
import argparse
import pathlib
import pickle
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from measure import binary, median, table  # noqa: E402
from support import transfers as reference  # noqa: E402

CHUNK = 20_000
SCRIPT_ROWS = 178_000  # one of the seven files that the script has
DTYPES = {"f16": "<f2", "f32": "<f4"}
PASSES = ("none", *reference.METHODS)
SIGMA, SEED = 0.0136, 7  # at 1,280 dimensions a cosine of 0.9
ERROR_MOST = 1e-6


class Rows:
    """A file of rows and what has been found about them; constants as bench/transfers.c reads them."""

    def __init__(self, folder, kind, rows, dimension):
        self.folder, self.kind, self.rows, self.dimension = folder, kind, rows, dimension
        self.path, self.out, self.constants = folder / "rows", folder / "out", folder / "constants"
        self.given = folder / "given"
        self.image_mean = reference.norm(np.random.default_rng(2).standard_normal((1, dimension)))[0] * 0.5
        self.scale, self.mean, self.center = 1.0, np.zeros(dimension), np.zeros(dimension)

    def make(self):
        """Unit vectors around a mean of half their length, as those of a text encoder lie."""
        rng = np.random.default_rng(1)
        middle = rng.standard_normal(self.dimension).astype(np.float32) * 0.6
        with open(self.path, "wb") as file:
            for first in range(0, self.rows, CHUNK):
                count = min(CHUNK, self.rows - first)
                x = rng.standard_normal((count, self.dimension), np.float32) + middle
                x /= np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
                file.write(x.astype(DTYPES[self.kind]).tobytes())

    def batch(self, first, count):
        at = first * self.dimension * np.dtype(DTYPES[self.kind]).itemsize
        flat = np.fromfile(self.path, DTYPES[self.kind], count * self.dimension, offset=at)
        return reference.decode_unit(flat.reshape(-1, self.dimension))

    def batches(self, size=2_000):
        for first in range(0, self.rows, size):
            yield first, self.batch(first, min(size, self.rows - first))

    def reference(self, name, u, first):
        return reference.apply(name, u, self.mean, self.image_mean, self.scale, self.center, SIGMA, SEED, first)

    def write_constants(self):
        np.concatenate([[self.scale], self.mean, self.image_mean, self.center]).tofile(self.constants)

    def run(self, name, shards=16, threads=2, kind=None):
        """One pass: seconds, seconds of CPU, KiB at the peak, rows without result."""
        command = [program(), name, kind or self.kind, self.dimension, shards, threads, self.path, self.out]
        if name not in ("read", "copy", "moments"):
            command += [self.constants, SIGMA, SEED]
        output = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
        took, cpu, peak, bad = output.split()
        return float(took), float(cpu), int(peak), int(bad)

    def sums(self):
        """Count, trace and mean, as the pass has left them."""
        count, trace, *mean = np.fromfile(self.out, "<f8")
        return int(count), trace, np.array(mean)


def program():
    path = binary().parent / "bench/transfers"
    if not path.exists():
        sys.exit(f"no program at {path}: build the target transfers")
    return str(path)


# ---- against numpy ----

CUTS = ((1, 1), (16, 2), (7, 3))  # shards and threads


def same_bits(rows, name, kind=None):
    """Whether a pass leaves the same bytes however the rows are cut, all of them with a result."""
    seen = set()
    for shards, threads in CUTS:
        bad = rows.run(name, shards, threads, kind)[3]
        assert bad == 0, f"{name}: {bad} rows without a result"
        seen.add(rows.out.read_bytes() if rows.rows < CHUNK else digest(rows.out))
    return len(seen) == 1


def digest(path):
    return subprocess.run(["sha256sum", str(path)], check=True, stdout=subprocess.PIPE).stdout.split()[0]


def mean_of(batches):
    """In extended precision, so that the reference's own sums add no error."""
    total, count = 0, 0
    for x in batches:
        total, count = total + x.sum(axis=0, dtype=np.longdouble), count + len(x)
    return (total / count).astype(float)


def compare_moments(rows):
    same = same_bits(rows, "moments")
    count, trace, mean = rows.sums()
    rows.mean = mean_of(u for _, u in rows.batches())
    spread = sum(((u.astype(float) - rows.mean) ** 2).sum(dtype=np.longdouble) for _, u in rows.batches())
    expected = float(spread / rows.rows)
    error = np.max([np.abs(mean - rows.mean).max(), abs(trace - expected)])
    rows.scale = float(np.sqrt(0.8 / (expected + 1e-10)))
    rows.write_constants()
    return ["moments", f"{error:.1e}", "", "yes" if same else "NO"], same and count == rows.rows and error < 1e-12


def compare_center(rows):
    same = same_bits(rows, "center")
    found = rows.sums()[2]
    rows.center = mean_of(reference.align(u, rows.mean, rows.image_mean, rows.scale) for _, u in rows.batches())
    rows.write_constants()
    error = np.abs(found - rows.center).max()
    return ["center", f"{error:.1e}", "", "yes" if same else "NO"], same and error < 1e-12


def relative(error, size):
    """A zero must be met exactly."""
    return np.divide(error, size, out=np.where(error == 0, 0, np.inf), where=size != 0)


def compare_pass(rows, name):
    """Values against the reference of the embedding that the transfer was given, which `none` has left; rows,
    and the values of `none`, against that of numpy's own embedding. The two embeddings differ by the last bit
    where a value lies half way between two floats, and a value that nearly cancels shows that bit large."""
    same = same_bits(rows, name, "mixed" if rows.kind == "f16" else "f32")
    shape = (rows.rows, rows.dimension)
    if name == "none":
        rows.out.replace(rows.given)
    given = np.memmap(rows.given, "<f4", "r", shape=shape)
    out = given if name == "none" else np.memmap(rows.out, "<f4", "r", shape=shape)
    worst, worst_row = 0, 0
    for first, own in rows.batches():
        got = out[first:first + len(own)]
        want = rows.reference(name, own, first)
        close = want if name == "none" else rows.reference(name, given[first:first + len(own)], first)
        error = np.sqrt(((got - want) ** 2).sum(axis=1) / (want ** 2).sum(axis=1))
        worst_row = np.maximum(worst_row, error.max())  # keeps NaN, as max() does not
        worst = np.maximum(worst, relative(np.abs(got - close), np.abs(close)).max())
    held = same and worst < ERROR_MOST and worst_row < ERROR_MOST
    return [name, f"{worst:.1e}", f"{worst_row:.1e}", "yes" if same else "NO"], held


def compare(rows, dimension):
    """Prints a table for each type of storage; whether all held."""
    held = True
    for kind in DTYPES:
        with tempfile.TemporaryDirectory() as folder:
            data = Rows(pathlib.Path(folder), kind, rows, dimension)
            data.make()
            found = [compare_moments(data), compare_center(data), *(compare_pass(data, p) for p in PASSES)]
        cuts = ", ".join(f"{s} by {t}" for s, t in CUTS)
        table(f"{rows:,} rows of {dimension:,} from {kind} against numpy in float64",
              ["", "largest relative error of a value (moments: error)", "of a row", f"same bits ({cuts})"],
              [line for line, _ in found])
        held = held and all(good for _, good in found)
    return held


# ---- time ----

def script_files(rows, folder):
    count, path = min(SCRIPT_ROWS, rows.rows), folder / "embeddings.pkl"
    data = np.memmap(rows.path, DTYPES[rows.kind], "r", shape=(count, rows.dimension))
    with open(path, "wb") as file:
        pickle.dump([{"id": str(i), "embed": np.array(v)} for i, v in enumerate(data)], file)
    return [path]


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def script(paths, dimension):
    """The arithmetic of the released script; seconds, and seconds of CPU."""
    started, cpu, count = time.monotonic(), time.process_time(), 0
    total = np.zeros((1, dimension), np.float32)
    for path in paths:
        for item in load(path):
            total += item["embed"].astype(np.float32)[None]
            count += 1
    mean = (total / np.float32(count))[0]
    for path in paths:
        data = load(path)
        for item in data:
            embed = np.array(item["embed"])
            if embed.shape == mean.shape:
                item["embed"] = embed - mean
        with open(path.with_suffix(".out"), "wb") as file:
            pickle.dump(data, file)
    return time.monotonic() - started, time.process_time() - cpu


def one_round(rows, paths):
    """Seconds and seconds of CPU by pass, and KiB at the peak; of copies, which are made at the start, in
    the middle and at the end, the median."""
    found, copies = {}, []
    scale = rows.rows / min(SCRIPT_ROWS, rows.rows)
    for name in ("read", "copy", "moments", "center", "copy", *PASSES, "copy"):
        rows.out.unlink(missing_ok=True)
        found[name] = rows.run(name)[:3]
        if name == "copy":
            copies.append(found[name])
        elif name in ("moments", "center"):
            setattr(rows, "mean" if name == "moments" else "center", rows.sums()[2])
            rows.write_constants()
    rows.out.unlink()
    found["copy"] = sorted(copies)[1]
    found["script"] = tuple(scale * s for s in script(paths, rows.dimension)) + (0,)
    return found


def steps_of(name):
    """The passes over the rows that a transfer takes, from nothing to what it writes."""
    before = {"none": [], "capdec": [], "realign": ["moments", "center"]}.get(name, ["moments"])
    return [*before, name]


def line(title, steps, rounds):
    took, cpu = ([sum(found[s][i] for s in steps) for found in rounds] for i in (0, 1))
    ratios = [median(t / found["copy"][0] for t, found in zip(took, rounds)),
              median(found["script"][0] / t for t, found in zip(took, rounds)),
              median(found["script"][1] / c for c, found in zip(cpu, rounds))]
    peak = max(found[s][2] for found in rounds for s in steps) / 1024
    return [title, f"{median(took):.2f}", f"{min(took):.2f}-{max(took):.2f}", f"{median(cpu):.2f}",
            *(f"{r:.2f}" for r in ratios), f"{peak:.0f}" if peak else ""]


def measure_type(kind, args, folder):
    rows = Rows(folder, kind, args.rows, args.dimension)
    rows.make()
    paths = script_files(rows, folder)
    rounds = [one_round(rows, paths) for _ in range(args.rounds)]
    lines = [line(name, [name], rounds) for name in ("read", "copy", "moments", "center")]
    lines += [line(f"{name}, alone", [name], rounds) for name in PASSES]
    lines += [line(" + ".join(steps_of(name)), steps_of(name), rounds) for name in PASSES if len(steps_of(name)) > 1]
    lines.append(line("the script, scaled", ["script"], rounds))
    table(f"{args.rows:,} rows of {args.dimension:,}, {kind} in and out, two threads, {args.rounds} rounds; seconds",
          ["", "median", "least-most", "CPU", "of a copy", "script takes", "and CPU", "peak MiB"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["time", "compare"], default="time")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--dimension", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--type", choices=[*DTYPES, "both"], default="both")
    parser.add_argument("--folder", help="where the files go: up to 13 GB")
    args = parser.parse_args()
    if args.what == "compare":
        sys.exit(0 if compare(args.rows or 100_000, args.dimension) else "the comparison failed")
    args.rows = args.rows or 1_200_000
    for kind in DTYPES if args.type == "both" else [args.type]:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            measure_type(kind, args, pathlib.Path(folder))


if __name__ == "__main__":
    main()
