"""Vectors of a folder of images as an .npy file, the image side of a transfer: they need no captions.

NOT RUN WITH THE REAL WEIGHTS, see towers.py. Images that cannot be read are named and left out.

    python examples/llm2clip/images.py PICTURES vectors.npy

usage: images.py FOLDER OUT.npy [--tiny] [--device cuda] [--batch 32]
"""
import argparse
import pathlib
import sys

import numpy
import towers
from PIL import Image

KINDS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def read(path):
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        print(f"left out: {path}: {error}", file=sys.stderr)
        return None


def batches(paths, size):
    batch = []
    for path in paths:
        image = read(path)
        if image is not None:
            batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def write(out, vectors):
    """The header comes last, when it is known how many rows there are; there is room for any number."""
    head = {"descr": "<f4", "fortran_order": False, "shape": (0, 0)}
    room, n, dimension = 128, 0, 0
    with open(out, "wb") as file:
        file.write(bytes(room))
        for rows in vectors:
            file.write(rows.tobytes())
            n, dimension = n + len(rows), rows.shape[1]
        file.seek(0)
        head["shape"] = (n, dimension)
        numpy.lib.format.write_array_header_1_0(file, head)
        assert file.tell() == room, "the header of an .npy file is of another length"
    return n, dimension


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true", help="random weights: the vectors mean nothing")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    paths = sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in KINDS)
    model = towers.load(args.tiny, args.device, texts=False)
    n, dimension = write(args.out, (towers.unit(model.images(batch)) for batch in batches(paths, args.batch)))
    if n == 0:
        args.out.unlink()
        sys.exit("there is no image that can be read")
    print(f"{n} vectors of {dimension} values in {args.out}")


if __name__ == "__main__":
    main()
