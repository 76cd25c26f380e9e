"""CLIP's own vocabulary as Hugging Face lays it out, from the list of merges in open_clip."""
import gzip
import importlib.util
import json
import pathlib

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
MERGES = 49152 - 256 - 2


def signs():
    """The characters that stand for the bytes, in the order of their ids."""
    prints = [*range(ord("!"), ord("~") + 1), *range(0xa1, 0xad), *range(0xae, 0x100)]
    return [chr(b) for b in prints] + [chr(256 + i) for i in range(256 - len(prints))]


def merges(count=MERGES):
    """Lines of two tokens, those of the lowest rank first."""
    # Importing open_clip itself would need PyTorch.
    folder = pathlib.Path(importlib.util.find_spec("open_clip").origin).parent
    with gzip.open(folder / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as lines:
        return lines.read().split("\n")[1:count + 1]


def write(folder, count=MERGES):
    """vocab.json and merges.txt of the first `count` merges in a folder that is made."""
    lines = merges(count)
    tokens = signs() + [s + "</w>" for s in signs()] + ["".join(m.split()) for m in lines] + [BOS, EOS]
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder
