"""A CLIP text tower with random weights and the real vocabulary: clip_model.py KIND DIRECTORY

Random weights take as long as trained ones. KIND is b32 or l14, the text towers of ViT-B/32 and
ViT-L/14. The vocabulary is the one that open_clip_torch ships.
"""
import gzip
import importlib.util
import json
import pathlib
import sys

import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

KINDS = {
    "b32": {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "projection_dim": 512},
    "l14": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "projection_dim": 768},
}


def write_vocabulary(directory):
    """vocab.json and merges.txt from the one file that CLIP's authors published."""
    folder = importlib.util.find_spec("open_clip").submodule_search_locations[0]
    with gzip.open(pathlib.Path(folder) / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as lines:
        merges = lines.read().split("\n")[1:49152 - 256 - 2 + 1]
    letters = list(bytes_to_unicode().values())
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += ["".join(merge.split()) for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    CLIPTokenizerFast(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges],
                      model_max_length=77).save_pretrained(directory)


def main():
    kind, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = CLIPTextModelWithProjection(CLIPTextConfig(**KINDS[kind]))
    model.save_pretrained(directory)
    write_vocabulary(directory)


if __name__ == "__main__":
    main()
