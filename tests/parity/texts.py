"""Texts that a tokenizer must get right: real captions, those made to be hard, and random ones.

Every text is bytes; what is not UTF-8 counts as Python's decoder with errors="replace" reads it.
"""
import gzip
import pathlib
import random
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_POINTS = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
MARKS = [c for c in CODE_POINTS if unicodedata.combining(chr(c))]
CASED = [c for c in CODE_POINTS if chr(c).lower() != chr(c) or chr(c).upper() != chr(c)]

HARD = [
    "", " ", "  \t\n ", "a", "A photo of a cat", "a photo of a cat.", "It's John's, isn't it?",
    "they're we've I'm she'll he'd 'S 'T 'RE 'VE 'M 'LL 'D", "'sand 'tis 'retro 'very 'me 'llama 'dog",
    "''s '''s '' ' 's's's rock'n'roll O'Neill's", "don\u2019t it\u2019s \u2018quoted\u2019 \u201cso\u201d",
    "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>",
    "<|STARTOFTEXT|> <|EndOfText|>", "<|endoftext|>\u0338", "<|startoftext|>\u0338", "x<|endoftext",
    "<|startoftext|", "|endoftext|>", "<<|endoftext|>>", "!<|ENDOFTEXT|>!!", "<|startoftext|>'s",
    "1234567890", "12 345,678.90 \u00bd \u00b2\u2075 \u2167 \u0663\u0664 \u4e09 \u2460 \U0001d7d8",
    "\u00c9cole caf\u00e9 cafe\u0301 na\u00efve \u00c5ngstr\u00f6m \u212bngstr\u00f6m A\u030angstro\u0308m",
    "\u0130stanbul I\u0307stanbul \u0131 I \u1e9e \u00df STRASSE \u03a3\u0391\u03a3 \u03c3\u03b1\u03c2",
    "\u01c4\u01c5\u01c6 \ufb01\ufb03 \ua7ae \u10a0\u10d0 \u1c90 \u13a0\uab70 \u2c00 \U00010400 \U0001e900",
    "\u4e00\u53ea\u732b\u5750\u5728\u57ab\u5b50\u4e0a", "\u732b\u304c\u30de\u30c3\u30c8\u306e\u4e0a\u306b\u3044\u308b",
    "\uace0\uc591\uc774\uac00 \u1100\u1161\u11a8 \u1112\u1161\u11ab\u1100\u1173\u11af \uac00\u11a8",
    "\u30ab\u3099 \u304b\u3099 \uff76\uff9e \uf900 \ufa30 \U0002f800",
    "\u0915\u094d\u0937\u0947\u0924\u094d\u0930 \u0915\u093c \u0958 \u09c7\u09be \u0b47\u0b57 \u0dd9\u0dcf\u0dca",
    "\u0e41\u0e21\u0e27 \u0e40\u0e01\u0e32\u0e30 \u1019\u103c\u1014\u103a\u1019\u102c",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \ufb2a \ufb4f \u0642\u0637\u0651\u064c \u0622\u0623 \u0627\u0653",
    "a\u0316\u0301 a\u0301\u0316 q\u0307\u0323 q\u0323\u0307 \u1e0b\u0323 \u0344 \u0345\u0301 \u0390",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034d"
    "A\u036b\u0357\u0334\u0362\u0335\u031c\u0330\u0354",
    "\U0001f600\U0001f3fd\u200d\u2642\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f1e9\U0001f1ea\U0001f1eb \U0001f3f4\U000e0067\U000e0062\U000e007f #\ufe0f\u20e3 \u2764\ufe0f",
    "a\u200bb a\u200cb a\u200db a\u2060b a\ufeffb \ufeffstart \u00adsoft", "\u202eright to left\u202c \u2066x\u2069",
    "a\u00a0b a\u2003b a\u3000b a\u2028b a\u2029b a\u0085b a\u180eb a\u1680b a\u202fb a\u001cb",
    "\0", "a\0b", "\x01\x02\x1f\x7f\x80\x9f", "\ue000\uf8ff \U000f0000 \U0010ffff \ufffe\uffff \ufdd0 \ufffd",
    "\U00011938 \U00011935\U00011930 \U00016121 \U000105c9 \U00011383 \U0001e4ec \U00010d69 \U00016d68",
    "https://example.com/a?b=c&d=%20#e user@example.com @user #hashtag C:\\dir\\file.txt",
    "print('hello') # {\"a\": [1, 2]} </w> x</w> &amp; &lt;b&gt; &#39;", "</w>", "\u0120 \u0100 \u0142 \u0121",
    "$9.99 50% \u20ac5 \u00a34 \u00b11 3\u00d74 x\u00b2 H\u2082O \u221a2\u2248\u221e \u2192 \u2610 \u2713",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
]
# Each so many times.
REPEATED = [
    ("AaAaAa", 30), ("ha", 200), ("!?", 300), ("a ", 5000), ("x", 10000), ("1", 10000), ("\u732b", 10000),
    ("\U0001f600", 2500), ("e\u0301", 5000), ("\u0301\u0316", 2000), (" ", 10000), ("the cat ", 1250),
    ("\u1112\u1161\u11ab", 3000), ("'", 10000), ("'s", 5000), ("<|endoftext|>", 200), ("\u0130", 3000),
    ("the ", 75), ("the ", 74), ("the ", 76), ("The ", 78), ("ab", 48), ("ab", 49), ("in", 5000),
]
BROKEN = [
    b"\xff", b"a\x80b", b"\xc3", b"caf\xc3 x", b"\xe2\x82", b"\xe2\x82x", b"\xe2\x28\xa1", b"\xf0\x9f\x98",
    b"\xf0\x9f\x98 ok", b"\xf0\x28\x8c\xbc", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\xaf", b"\xe0\x80\xaf",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe\xff", b"a\xcc\x81\xcc", b"\x80" * 500, bytes(range(256)),
]


def corpus(path, count):
    """The first lines of one of the corpora beside the project."""
    if not path.exists():
        print(f"parity: skipped: {path} is not there", file=sys.stderr)
        return []
    with gzip.open(path, "rb") as lines:
        return [line.rstrip(b"\n") for line, _ in zip(lines, range(count))]


def real(data, count):
    """Captions and paragraphs, one of the second for two of the first."""
    paragraphs = corpus(data / "paragraphs-flickr8k.txt.gz", count // 3)
    return corpus(data / "seeds-flickr8k-24k.txt.gz", count - len(paragraphs)) + paragraphs


PARTS = ["<|startoftext|>", "<|endoftext|>", "<|EndOfText|>", "<|STARTOFTEXT|>", "<|", "|>", "\u0338", " ", "'s",
         "'LL", "'Re", "'", "\u0130", "a", "!", "\u200d", "\U0001f469", "\U0001f3fd", "\ufe0f", "7", "\u00e9", "\t"]
LATIN = "aaabcdeeefghiiijklmnooopqrstuuvwxyzABCDEFXYZ 0123456789     ''''.,!?-\u00e9\u00fc\u00df\u2019\u0301"


def points(rng, low, high):
    c = rng.randrange(low, high)
    return chr(c) if not 0xd800 <= c < 0xe000 else "\ufffd"


def kinds(rng):
    """Ways to make one character or a few, which a random text mixes or not."""
    return [lambda: points(rng, 0, 0x110000), lambda: points(rng, 0, 0x3000), lambda: points(rng, 0x80, 0x600),
            lambda: chr(rng.choice(MARKS)), lambda: chr(rng.choice(CASED)), lambda: rng.choice(LATIN),
            lambda: rng.choice(PARTS), lambda: points(rng, 0xac00, 0xd7b0) + points(rng, 0x1100, 0x1200),
            lambda: points(rng, 0x4e00, 0x9fff), lambda: points(rng, 0x1f300, 0x1fb00),
            lambda: points(rng, 0x10000, 0x20000), lambda: points(rng, 0x900, 0x1200)]


def scattered(seed, count):
    """Random texts: of one kind of characters, of some, of all; one in twenty is random bytes."""
    rng = random.Random(seed)
    make = kinds(rng)
    for _ in range(count):
        chosen = rng.sample(make, rng.choice((1, 1, 2, 3, len(make))))
        length = rng.choice((3, 8, 20, 40, 40, 120))
        if rng.random() < 0.05:
            yield bytes(rng.choice((rng.randrange(256), rng.randrange(0x80, 0x100), 0x61)) for _ in range(length))
        else:
            yield "".join(rng.choice(chosen)() for _ in range(length)).encode()


def hard(count):
    """Those written down, and as many random ones as make them `count`."""
    written = [text.encode() for text in HARD + [unit * times for unit, times in REPEATED]] + BROKEN
    return written + list(scattered(20260101, count - len(written)))
