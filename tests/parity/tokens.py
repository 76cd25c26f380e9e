#!/usr/bin/env python3
"""Holds our tokenizer against transformers' CLIPTokenizerFast, id for id, and measures both.

Ends with 1 when one id differs.
"""
import argparse
import itertools
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time

import tokenizers
import transformers

import texts
import vocabulary

HOME = texts.ROOT / ".local/parity"
WHOLE = 1 << 20  # a limit that no text reaches
LIMITS = (77, 248, WHOLE, 2, 3)
NAMES = r"<\|startoftext\|>|<\|endoftext\|>|"


def arguments():
    parser = argparse.ArgumentParser(prog="./dev parity tokens", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=5000, help="real and hard ones, 2 to 1 (5000)")
    parser.add_argument("--random", type=int, default=100_000, help="random texts (100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random texts (1)")
    parser.add_argument("--points", action="store_true", help="also every code point, alone and between letters")
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement; 0: none (3)")
    parser.add_argument("--data", type=pathlib.Path, default=texts.ROOT.parent / "shared/data",
                        help="folder of the real texts (../shared/data)")
    parser.add_argument("--binary", type=pathlib.Path, default=texts.ROOT / "build/release/tests/clip_tokens",
                        help="clip_tokens (of the release build)")
    return parser.parse_args()


def packed(batch):
    return b"".join(struct.pack("=I", len(text)) + text for text in batch)


def ours(binary, folder, batch, limit):
    """(ids, truncated) of each text."""
    done = subprocess.run([binary, folder, str(limit)], input=packed(batch), stdout=subprocess.PIPE, check=True)
    out, at = [], 0
    while at < len(done.stdout):
        n, truncated = struct.unpack_from("=ii", done.stdout, at)
        out.append((list(struct.unpack_from(f"={n}i", done.stdout, at + 8)), bool(truncated)))
        at += 8 + 4 * n
    assert len(out) == len(batch)
    return out


def theirs(tokenizer, batch, limit):
    """The same; truncated is what the whole text has more."""
    words = [text.decode("utf-8", "replace") for text in batch]
    cut = tokenizer(words, truncation=True, max_length=limit).input_ids
    whole = tokenizer(words).input_ids if limit < WHOLE else cut
    return [(ids, len(ids) < len(every)) for ids, every in zip(cut, whole)]


# ---- directories ----

def save(base, folder, name, change=None, **settings):
    """A directory with a tokenizer.json made of the pinned library's own, changed."""
    made = folder / name
    made.mkdir()
    data = json.loads(base.backend_tokenizer.to_str())
    if change:
        change(data)
    (made / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    if settings:
        (made / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def flags(*normalised):
    def change(data):
        for token, flag in zip(data["added_tokens"], normalised):
            token["normalized"] = flag
    return change


def newer(data):
    """As newer versions of transformers write it, and with merges as older ones do."""
    flags(False, False)(data)
    pattern = data["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    pattern["Regex"] = NAMES + pattern["Regex"]
    data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]


def directories():
    """Layouts in which people have CLIP's tokenizer; the first is that of the original files."""
    folder = HOME / "tokenizers"
    shutil.rmtree(folder, ignore_errors=True)
    plain = vocabulary.write(folder / "files")
    base = transformers.CLIPTokenizerFast.from_pretrained(plain)
    base.save_pretrained(folder / "saved")
    save(base, folder, "mixed", flags(True, False), model_max_length=77)
    save(base, folder, "newer", newer)
    save(base, folder, "padded", None, pad_token="!")
    padded = vocabulary.write(folder / "padded-files")
    (padded / "special_tokens_map.json").write_text('{"pad_token": "!"}', encoding="utf-8")
    return sorted(folder.iterdir(), key=lambda path: path != plain)


# ---- comparing ----

def compare(binary, folder, tokenizer, batch, limit):
    """Number of texts that differ; the first few are shown."""
    wrong = 0
    for text, mine, other in zip(batch, ours(binary, folder, batch, limit), theirs(tokenizer, batch, limit)):
        if mine != other:
            wrong += 1
            if wrong <= 3:
                print(f"  {folder.name}, limit {limit}: {text[:200]!r}\n    ours   {mine}\n    theirs {other}")
    return wrong


def compare_all(binary, data, count):
    wrong = 0
    batch = texts.real(data, count * 2 // 3)
    batch += texts.hard(count - len(batch) if batch else count // 3)
    for folder in directories():
        tokenizer = transformers.CLIPTokenizerFast.from_pretrained(folder)
        for limit in LIMITS:
            found = compare(binary, folder, tokenizer, batch, limit)
            print(f"{folder.name:>14}  limit {limit:>7}  {len(batch):>9,} texts  {found} differ", flush=True)
            wrong += found
    return wrong


def compare_many(binary, what, stream):
    """Texts without end, a part at a time, on the first directory."""
    folder, wrong, total = HOME / "tokenizers/files", 0, 0
    tokenizer = transformers.CLIPTokenizerFast.from_pretrained(folder)
    while batch := list(itertools.islice(stream, 20_000)):
        wrong += compare(binary, folder, tokenizer, batch, WHOLE)
        total += len(batch)
    print(f"{what:>14}  limit {WHOLE:>7}  {total:>9,} texts  {wrong} differ", flush=True)
    return wrong


def every_point():
    for c in texts.CODE_POINTS:
        yield chr(c).encode()
        yield f"a{chr(c)}B".encode()


# ---- measuring ----

def fastest(rounds, run):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(binary, data, rounds):
    batch = texts.real(data, 36_000)
    if not batch or not rounds:
        return
    words, folder = [text.decode() for text in batch], HOME / "tokenizers/files"
    tokenizer = transformers.CLIPTokenizerFast.from_pretrained(folder)
    done = subprocess.run([binary, folder, "77", str(rounds)], input=packed(batch), stdout=subprocess.PIPE, check=True)
    tokens, seconds = done.stdout.split()
    rows = [("ours, one thread", float(seconds))]

    def call(parallel):
        os.environ["TOKENIZERS_PARALLELISM"] = parallel
        return fastest(rounds, lambda: tokenizer(words, truncation=True, max_length=77))

    def one_by_one():
        for text in words:
            tokenizer(text, truncation=True, max_length=77)

    def bare():
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        tokenizer.backend_tokenizer.enable_truncation(77)
        return fastest(rounds, lambda: tokenizer.backend_tokenizer.encode_batch_fast(words))

    rows += [("transformers, batch, all cores", call("true")), ("transformers, batch, one thread", call("false")),
             ("transformers, text by text", fastest(rounds, one_by_one)), ("tokenizers alone, one thread", bare())]
    print(f"\n{len(batch):,} captions and paragraphs, {int(tokens):,} tokens, limit 77, best of {rounds}")
    for name, took in rows:
        print(f"{name:>34}  {int(tokens) / took / 1e6:8.2f} M tokens/s  {took / rows[0][1]:6.1f}x our time")


def main():
    given = arguments()
    transformers.logging.set_verbosity_error()
    print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
    wrong = compare_all(given.binary, given.data, given.texts)
    wrong += compare_many(given.binary, "random", texts.scattered(given.seed, given.random))
    if given.points:
        wrong += compare_many(given.binary, "every point", every_point())
    measure(given.binary, given.data, given.rounds)
    print(f"{wrong} mismatches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
