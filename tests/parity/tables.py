#!/usr/bin/env python3
"""Writes providers/clip/tokenizer_tables.c: which characters the pinned tokenizers library takes for
letters, numbers and white space, their lower case, and which take part in its normal form.

Every code point is asked of the library itself, since the three sources that it is built from (a
regular expression engine, a normaliser and its language's own tables) each follow another version of
Unicode, and none says which. Run by ./dev parity --tables.
"""
import pathlib
import sys
import unicodedata

from tokenizers import Regex, normalizers

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "providers/clip/tokenizer_tables.c"
CODE_POINTS = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
OTHER, LETTER, NUMBER, SPACE = range(4)
WIDTH = 100


def classes() -> dict:
    """Class of each code point that is a letter, a number or white space."""
    found = {}
    for pattern, kind in ((r"\p{L}", LETTER), (r"\p{N}", NUMBER), (r"\s", SPACE)):
        for mark in "#", "+":
            text = "".join(map(chr, CODE_POINTS))
            marked = normalizers.Replace(Regex(pattern), mark).normalize_str(text)
            assert len(marked) == len(text)
            for c, after in zip(CODE_POINTS, marked):
                if after != chr(c):
                    assert found.setdefault(c, kind) == kind
    return found


def lower_case() -> tuple:
    """Lower case by code point, and those whose lower case is two characters."""
    lower, single, double = normalizers.Lowercase(), {}, {}
    for c in CODE_POINTS:
        text = lower.normalize_str(chr(c))
        if len(text) == 2:
            double[c] = text
        elif text != chr(c):
            single[c] = ord(text)
    return single, double


def normal_form_takes_part() -> set:
    """Code points that decompose, compose or are put in order; every other is left where it is."""
    nfd, nfc, found = normalizers.NFD(), normalizers.NFC(), set()
    for c in CODE_POINTS:
        text = chr(c)
        parts = nfd.normalize_str(text)
        if parts != text:
            found.add(c)
            found.update(map(ord, parts))
        # U+0345 has the highest combining class and U+0334 the lowest: one of them moves.
        for pair in ("\u0345" + text, text + "\u0334"):
            if nfd.normalize_str(pair) != pair and parts == text:
                found.add(c)
    found.update((0x334, 0x345))
    # Syllables of Hangul are decomposed into their parts above; the rest are pairs.
    for c in sorted(found):
        if nfc.normalize_str(nfd.normalize_str(chr(c))) == chr(c):
            found.update(map(ord, unicodedata.normalize("NFD", chr(c))))
    return found


def changes(kind_of) -> list:
    """(first code point, kind) of each run of one kind, from 0 on."""
    runs = []
    for c in range(0x110000):
        kind = kind_of(c)
        if not runs or runs[-1][1] != kind:
            runs.append((c, kind))
    return runs


def cases(single: dict) -> list:
    """(first, last, step, what is added) of runs whose members are one or two apart."""
    runs = []
    for c, low in sorted(single.items()):
        if runs:
            first, last, step, add = runs[-1]
            if low - c == add and c - last in (1, 2) and step in (0, c - last):
                runs[-1] = (first, c, c - last, add)
                continue
        runs.append((c, c, 0, low - c))
    return [(first, last, step or 1, add) for first, last, step, add in runs]


def rows(items) -> str:
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join(lines + [line])


def main():
    kinds, (single, double), normal = classes(), lower_case(), normal_form_takes_part()
    assert double == {0x130: "i\u0307"}, double
    class_runs = changes(lambda c: kinds.get(c, OTHER))
    normal_runs = changes(lambda c: c in normal)
    low = cases(single)
    print(len(class_runs), len(normal_runs), len(low), file=sys.stderr)
    OUTPUT.write_text(f"""\
/* Written by tests/parity/tables.py, which asks the pinned tokenizers library: do not edit. */
#include "providers/clip/tokenizer_unicode.h"

/* clang-format off */
const uint32_t clip_classes[] = {{
{rows(f"{c << 2 | kind:#x}" for c, kind in class_runs)}
}};
const size_t clip_classes_n = sizeof(clip_classes) / sizeof(clip_classes[0]);

const uint32_t clip_normal[] = {{
{rows(f"{c << 2 | kind:#x}" for c, kind in normal_runs)}
}};
const size_t clip_normal_n = sizeof(clip_normal) / sizeof(clip_normal[0]);

const struct clip_case clip_cases[] = {{
{rows(f"{{{a:#x}, {b:#x}, {s}, {d}}}" for a, b, s, d in low)}
}};
const size_t clip_cases_n = sizeof(clip_cases) / sizeof(clip_cases[0]);
/* clang-format on */
""")


if __name__ == "__main__":
    main()
