"""Texts a second of the CLIP text tower, beside transformers (PyTorch) and ONNX Runtime on the same cores.

Models of the size of ViT-B/32's and ViT-L/14's text towers with random weights, which take as long as
trained ones, and CLIP's own vocabulary; texts are real ones of shared/data, short (seeds) and long
(paragraphs, of which some are cut off at 77 tokens). All start from texts and end with vectors of unit
length in memory. The others work in batches of 32 and of 128, padded to the longest of each, in the order
of the texts or sorted by length, and the faster of the two sizes counts. Everybody takes turns in each
round; medians of the rounds. Rates by processor time are beside those by the clock: they hold when others
use the machine. PyTorch's and ONNX Runtime's threads spin while they wait, which counts as theirs.

The share of the matrix products compares their rate in our run with that of square products of 2048 by
2048 that the same threads do right after it, by processor time.

usage: bench/clip.py [--rounds N] [--threads N] [--models b32,l14] [--texts short,long] [--n-short N] [--n-long N]
       [--data FOLDER]
"""
import argparse
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy

from measure import ROOT, load_average, median, table
from support.server import binary

LOCAL = ROOT / ".local"
HOME, MODELS = LOCAL / "clip-peers", LOCAL / "clip-models"
DATA = ROOT.parent / "shared/data"
TEXTS = {"short": "seeds-flickr8k-24k.txt.gz", "long": "paragraphs-flickr8k.txt.gz"}
PEERS = [(engine, order) for engine in ("torch", "onnx") for order in ("as they come", "sorted")]
NAMES = {"torch": "transformers, PyTorch", "onnx": "ONNX Runtime"}
BATCHES = (32, 128)


def install():
    """The interpreter that has PyTorch, transformers and ONNX Runtime; the wheels take 6 GB."""
    python = HOME / "bin/python"
    wanted = ROOT / "bench/peers/clip-requirements.txt"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
    if not (HOME / "ready").exists():
        with open(LOCAL / "clip-peers.log", "wb") as out:
            if subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], stdout=out, stderr=out,
                              check=False).returncode != 0:
                sys.exit("pip cannot install the others (see .local/clip-peers.log)")
            # For its vocabulary alone.
            subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "open_clip_torch==3.3.0"],
                           stdout=out, stderr=out, check=True)
        shutil.copy(wanted, HOME / "ready")
    return python


def model(python, kind):
    folder = MODELS / kind
    if not (folder / "tokenizer.json").exists():
        subprocess.run([python, ROOT / "bench/peers/clip_model.py", kind, folder], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder


def told(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def distance(a, b):
    """The largest of the distances of two sets of vectors of unit length."""
    a, b = (numpy.fromfile(path, dtype="<f4") for path in (a, b))
    width = next(w for w in (512, 768) if a.size % w == 0 and a.size == b.size)
    return float(numpy.linalg.norm((a - b).reshape(-1, width), axis=1).max())


def compare(title, python, folder, texts, count, args, scratch):
    """Figures of one model and one set of texts."""
    encode = binary().parent / "clip_encode"
    ours, theirs, off = [], {peer: {size: [] for size in BATCHES} for peer in PEERS}, {}
    for _ in range(args.rounds):
        ours.append(told([encode, "texts", folder, texts, scratch / "ours", args.threads]))
        for engine, order in PEERS:
            for size in BATCHES:
                theirs[engine, order][size].append(told(
                    [python, ROOT / "bench/peers/clip.py", engine, folder, texts, scratch / "theirs",
                     "--batch", size, "--threads", args.threads, *(["--sorted"] if order == "sorted" else [])]))
            off[engine, order] = distance(scratch / "ours", scratch / "theirs")
    show(title, ours, theirs, off, count)


def middle(runs, name):
    return median([run[name] for run in runs])


def show(title, ours, theirs, off, count):
    wall, cpu = middle(ours, "seconds"), middle(ours, "cpu_seconds")
    rows = [["monoceros", "", f"{count / wall:,.0f}", f"{count / cpu:,.0f}", "1.0", "1.0", ""]]
    for (engine, order), sizes in theirs.items():
        size = min(sizes, key=lambda s, sizes=sizes: middle(sizes[s], "seconds"))
        least = min(middle(sizes[s], "cpu_seconds") for s in sizes)
        rows.append([f"{NAMES[engine]}, {order}", size, f"{count / middle(sizes[size], 'seconds'):,.0f}",
                     f"{count / least:,.0f}", f"{middle(sizes[size], 'seconds') / wall:.1f}",
                     f"{least / cpu:.1f}", f"{off[engine, order]:.1e}"])
    table(title, ["", "batch", "texts/s", "texts per CPU second", "we are faster by", "by CPU", "largest distance"], rows)
    rate = [run["products_gflop"] / run["products_thread_seconds"] * run["threads"] for run in ours]
    share = [r / run["sgemm_gflops"] for r, run in zip(rate, ours)]
    inside = [run["products_thread_seconds"] / run["cpu_seconds"] for run in ours]
    print(f"matrix products: {median(rate):,.0f} of {middle(ours, 'sgemm_gflops'):,.0f} GFLOP/s "
          f"({median(share):.0%}); {median(inside):.0%} of the CPU time is spent in them; "
          f"{ours[0]['tokens']:,} tokens, {ours[0]['truncated']} texts cut off; "
          f"kernels {ours[0]['kernels']}, OpenBLAS {ours[0]['blas']}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--models", default="b32,l14")
    parser.add_argument("--texts", default="short,long")
    parser.add_argument("--n-short", type=int, default=2048)
    parser.add_argument("--n-long", type=int, default=512)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of the texts")
    args = parser.parse_args()
    python = install()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for kind in args.models.split(","):
            for texts in args.texts.split(","):
                count = args.n_short if texts == "short" else args.n_long
                with gzip.open(args.data / TEXTS[texts], "rt", encoding="utf-8") as lines:
                    chosen = [line.strip() for line in lines if line.strip()][:count]
                path = scratch / "texts"
                path.write_text("\n".join(chosen) + "\n", encoding="utf-8")
                title = f"{kind}, {len(chosen):,} {texts} texts, {args.threads} threads; load {load_average():.1f}"
                compare(title, python, model(python, kind), path, len(chosen), args, scratch)


if __name__ == "__main__":
    main()
