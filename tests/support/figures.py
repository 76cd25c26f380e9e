"""The figures of a report as its definitions say, computed the plain way from lists of rows."""
import collections
import hashlib
import itertools
import math
import re
import unicodedata
import zlib

import numpy

PERCENTILES = (5, 25, 50, 75, 95, 99)
WORD_EDGES = (0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 250, 300, 400, 500)
TURN_EDGES = tuple(range(1, 13))
SAMPLE = 500
WINDOW = 50
FORMS = {"whose": "who", "whom": "who", "do": "does", "did": "does", "are": "is", "was": "is",
         "were": "is", "could": "can", "would": "can", "should": "can", "will": "can"}
QUESTION_WORDS = ("what", "which", "who", "where", "when", "why", "how", "does", "is", "can")


def words(text):
    """Lower-cased runs of letters, marks and digits, apostrophes inside."""
    text = text.replace("\u2019", "'")
    marks = "".join("w" if unicodedata.category(c)[0] in "LMN" else c if c == "'" else " " for c in text)
    found = re.finditer(r"w+(?:'w+)*", marks)
    return tuple("".join(c.lower() if len(c.lower()) == 1 else c for c in text[m.start():m.end()])
                 for m in found)


def sentences(text):
    parts = re.split(r"[.!?][.!?\"')\]\u201d\u2019]*(?=[ \t-\r]|$)", text)
    return sum(bool(re.search(r"[^ \t-\r]", part)) for part in parts)


def spread(values, edges=None):
    values = sorted(values)
    ranks = {f"p{p}": values[max(0, math.ceil(len(values) * p / 100) - 1)] for p in PERCENTILES}
    out = {"mean": float(numpy.mean(values)), "min": values[0], "max": values[-1], "percentiles": ranks}
    if edges:
        counts = numpy.histogram(values, bins=[*edges, math.inf])[0]
        out["histogram"] = [{"from": low, **({"to": high} if high else {}), "count": int(n)}
                            for low, high, n in zip(edges, [*edges[1:], None], counts)]
    return out


def entropy(counts):
    p = numpy.array(list(counts), dtype=float) / sum(counts)
    return float(-(p * numpy.log2(p)).sum())


def moving_ratio(text):
    if len(text) < WINDOW:
        return len(set(text)) / len(text)
    return float(numpy.mean([len(set(text[i:i + WINDOW])) / WINDOW
                             for i in range(len(text) - WINDOW + 1)]))


def grams(text, n):
    return list(zip(*(text[i:] for i in range(n))))


def distinct(texts, n):
    total = sum(max(0, len(text) - n + 1) for text in texts)
    different = len(set(itertools.chain.from_iterable(grams(text, n) for text in texts)))
    return {"different": different, "total": total, "ratio": different / total, "exact": True,
            "standard_error": 0}


def sample(captions):
    """The captions of the sample, in its order."""
    def key(caption):
        return hashlib.sha256(b"report:" + caption["id"].encode()).digest()[:8]
    return sorted(captions, key=key)[:SAMPLE]


def near(captions, signatures):
    """Of the sample, those whose signature (a list of numbers, by caption) is like another's."""
    chosen = [c["id"] for c in sample(captions) if c["id"] in signatures]
    if not chosen:
        return None
    mine = {c["id"]: numpy.array(signatures[c["id"]]) for c in captions if c["id"] in signatures}
    count = sum(any(other != one and (mine[other] == mine[one]).mean() >= 0.8 for other in mine)
                for one in chosen)
    share = count / len(chosen)
    return {"sample": len(chosen), "count": count, "share": share,
            "standard_error": math.sqrt(share * (1 - share) / len(chosen))}


def self_bleu(texts):
    """BLEU-4 of each against all the others; see Papineni (2002), and method 1 of Chen and Cherry."""
    texts = [text for text in map(words, texts) if text]
    if len(texts) < 2:
        return None
    orders = []
    for n in range(1, 5):
        where = collections.defaultdict(list)
        for i, text in enumerate(texts):
            for gram, times in collections.Counter(grams(text, n)).items():
                where[gram].append((times, i))
        orders.append(where)
    return float(numpy.mean([_bleu(texts, orders, me) for me in range(len(texts))]))


def _bleu(texts, orders, me):
    logs = 0.0
    for n, where in enumerate(orders, 1):
        matched = sum(min(times, max((most for most, i in where[gram] if i != me), default=0))
                      for gram, times in collections.Counter(grams(texts[me], n)).items())
        if n == 1 and matched == 0:
            return 0.0
        logs += math.log((matched or 0.1) / max(1, len(texts[me]) - n + 1)) / 4
    size = len(texts[me])
    closest = min((len(text) for i, text in enumerate(texts) if i != me),
                  key=lambda words_of: (abs(words_of - size), words_of))
    return math.exp(logs + min(0, 1 - closest / size))


def compression(texts):
    lines = "".join(text + "\n" for text in texts).encode()
    return len(lines) / len(zlib.compress(lines, 9))


def lexical(captions):
    texts = [text for text in (words(c["text"]) for c in captions) if text]
    counts = [collections.Counter(text).values() for text in texts]
    mean = lambda values: float(numpy.mean(list(values)))
    chosen = [c["text"] for c in sample(captions)]
    return {
        "captions": len(texts),
        "type_token_ratio": mean(len(c) / sum(c) for c in counts),
        "entropy": mean(entropy(c) for c in counts),
        "moving_type_token_ratio": mean(moving_ratio(text) for text in texts),
        "normalised_entropy": mean(entropy(c) / math.log2(sum(c)) if sum(c) > 1 else 1 for c in counts),
        **{f"distinct_{n}": distinct(texts, n) for n in (1, 2, 3)},
        "sample": len(chosen),
        "self_bleu_4": self_bleu(chosen),
        "compression_ratio": compression(chosen),
    }


def openings(captions):
    begins = collections.Counter(" ".join(w[:3]) for w in (words(c["text"]) for c in captions)
                                 if len(w) >= 3)
    total = sum(begins.values())
    top = sorted(begins.items(), key=lambda item: (-item[1], item[0]))[:10]
    return {"captions": total, "different": len(begins), "uncounted": 0,
            "commonest": [{"words": text, "count": n, "share": n / total} for text, n in top]}


def repeated(captions):
    texts = [text for text in (words(c["text"]) for c in captions) if text]
    count = len(texts) - len(set(texts))
    return {"count": count, "share": count / len(texts), "exact": True, "standard_error": 0}


def captions_figures(captions):
    """What the report says of the texts of these captions."""
    return {
        "words": spread([len(c["text"].split()) for c in captions], WORD_EDGES),
        "characters": spread([len(c["text"]) for c in captions]),
        "sentences": spread([sentences(c["text"]) for c in captions]),
        "lexical": lexical(captions),
        "openings": openings(captions),
    }


def task_figures(dialogues):
    """The same of the dialogues of one task."""
    pairs = [(human["value"].removeprefix("<image>\n"), gpt["value"]) for d in dialogues
             for human, gpt in zip(d["conversations"][::2], d["conversations"][1::2])]
    begins = [FORMS.get(w, w) for w in (words(question)[0] for question, _ in pairs)]
    begins = collections.Counter(w if w in QUESTION_WORDS else "other" for w in begins)
    choices = [(question.split("\n")[1:], answer) for question, answer in pairs
               if re.match(r"^[A-D]$", answer) and len(question.split("\n")) == 5]
    right = [(["A", "B", "C", "D"].index(a), [line[3:] for line in lines]) for lines, a in choices]
    answers = [options[i] for i, options in right] if choices else [answer for _, answer in pairs]
    tokens = [40 + sum(6 + tokens_of(t["value"].removeprefix("<image>\n")) for t in d["conversations"])
              for d in dialogues]
    out = {
        "turns": spread([len(d["conversations"]) // 2 for d in dialogues], TURN_EDGES),
        "questions": len(pairs),
        "question_words": [{"word": w, "count": begins[w], "share": begins[w] / len(pairs)}
                           for w in (*QUESTION_WORDS, "other")],
        "answer_words": spread([len(answer.split()) for answer in answers]),
        "tokens_estimate": spread(tokens),
        "over_limit": sum(n > 1470 for n in tokens),
    }
    if right:
        out["letters"] = letters(right)
    return out


WORD_TENTHS = [0, 10, 10, 10, 11, 12, 14, 15, 16, 19, 21, 24, 28, 32]


def tokens_of(text):
    """The estimate of a text's tokens, in tenths of a token by its pieces."""
    tenths = 0
    for match in re.finditer(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]", text):
        piece, spaced = match[0], match.start() == 0 or text[match.start() - 1] == " "
        if piece.isascii() and piece.isalpha():
            capitals = sum(c.isupper() for c in piece)
            by_length = WORD_TENTHS[min(len(piece), 13)] + 3 * max(0, len(piece) - 13)
            tenths += max(by_length, 5 * len(piece) + 5 if capitals > 1 else 0)
        elif piece.isascii() and piece.isdigit():
            tenths += 10 * (len(piece) + spaced)
        elif piece.isascii():
            tenths += 0 if piece == " " else 10
        else:
            tenths += wide_tenths(piece)
    return math.ceil(tenths / 10)


def wide_tenths(character):
    size = len(character.encode())
    if 0x2000 <= ord(character) < 0x2040 or ord(character) < 0x240:
        return 10
    return {2: 15, 3: 20, 4: 40}[size]


def letters(right):
    counts = [sum(i == letter for i, _ in right) for letter in range(4)]
    n, expected = len(right), len(right) / 4
    longest = sum(all(len(options[i]) > len(o) for k, o in enumerate(options) if k != i)
                  for i, options in right)
    return {
        "questions": n,
        "counts": [{"letter": "ABCD"[i], "count": c, "share": c / n} for i, c in enumerate(counts)],
        "max_deviation": max(abs(c / n - 0.25) for c in counts),
        "chi_square": sum((c - expected) ** 2 / expected for c in counts),
        "right_is_longest_share": longest / n,
    }


def jensen_shannon(a, b):
    p, q = numpy.array(a, dtype=float) / sum(a), numpy.array(b, dtype=float) / sum(b)
    middle = (p + q) / 2

    def towards(x):
        there = x > 0
        return (x[there] * numpy.log2(x[there] / middle[there])).sum()

    return float((towards(p) + towards(q)) / 2)


def place(word):
    """The place of a word among 65,536, by the documented hash."""
    mask = 2**64 - 1
    h = 0xcbf29ce484222325
    for byte in word.encode():
        h = (h ^ byte) * 0x100000001b3 & mask
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        h = (h ^ h >> 33) * factor & mask
    return (h ^ h >> 33) % 65536


def vocabulary(captions, by=lambda word: word):
    return collections.Counter(by(word) for c in captions for word in words(c["text"]))


def vocabulary_divergence(one, other, by=lambda word: word):
    a, b = vocabulary(one, by), vocabulary(other, by)
    keys = sorted(set(a) | set(b), key=str)
    return jensen_shannon([a[k] for k in keys], [b[k] for k in keys])


def differences(found, expected, where="", tolerance=1e-9):
    """Where a part of a report is not what it should be; numbers may be off by the tolerance."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or set(found) != set(expected):
            return [f"{where}: {found} instead of {expected}"]
        return [d for key in expected
                for d in differences(found[key], expected[key], f"{where}.{key}", tolerance)]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{where}: {found} instead of {expected}"]
        return [d for i, pair in enumerate(zip(found, expected))
                for d in differences(*pair, f"{where}[{i}]", tolerance)]
    if isinstance(expected, float) and not isinstance(found, (str, bool)):
        near = math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
        return [] if near else [f"{where}: {found!r} instead of {expected!r}"]
    return [] if found == expected else [f"{where}: {found!r} instead of {expected!r}"]
