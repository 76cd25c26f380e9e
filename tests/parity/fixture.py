#!/usr/bin/env python3
"""Writes what ./dev test holds the tokenizer against: two small tokenizers, made of the first merges
of CLIP's own, and the ids that the pinned transformers gives with each.

An entry is a text (or bytes as hexadecimal), how many times it stands there, its ids within 77, how
many it has without a limit, and FNV-1a over all of these, 32 bits each, low byte first.
"""
import json
import sys

import transformers

import texts
import tokens
import vocabulary

MERGES = 500
RANDOM = 160
FIXTURES = texts.ROOT / "tests/fixtures"


def fnv(ids):
    h = 0xcbf29ce484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def entry(tokenizer, text, times=1):
    words = text.decode("utf-8", "replace") * times
    whole = tokenizer(words).input_ids
    try:
        said = {"text": text.decode()}
    except UnicodeDecodeError:
        said = {"hex": text.hex()}
    return {**said, "times": times, "ids": tokenizer(words, truncation=True, max_length=77).input_ids,
            "total": len(whole), "fnv": fnv(whole)}


def expect(folder):
    tokenizer = transformers.CLIPTokenizerFast.from_pretrained(folder)
    entries = [entry(tokenizer, text.encode()) for text in texts.HARD]
    entries += [entry(tokenizer, unit.encode(), times) for unit, times in texts.REPEATED]
    entries += [entry(tokenizer, text) for text in texts.BROKEN]
    entries += [entry(tokenizer, text) for text in texts.scattered(7, RANDOM)]
    lines = ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries)
    (folder / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


def main():
    transformers.logging.set_verbosity_error()
    files = vocabulary.write(FIXTURES / "tokenizer", MERGES)
    made = FIXTURES / "tokenizer-json"
    made.mkdir(exist_ok=True)
    data = json.loads(transformers.CLIPTokenizerFast.from_pretrained(files).backend_tokenizer.to_str())
    tokens.newer(data)
    (made / "tokenizer.json").write_text(json.dumps(data, indent=0), encoding="ascii")
    expect(files)
    expect(made)


if __name__ == "__main__":
    sys.exit(main())
