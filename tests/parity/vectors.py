#!/usr/bin/env python3
"""Vectors of our CLIP text tower beside those of transformers, over many models and texts.

Models with random weights: the widths, heads and activations of ViT-B/32, ViT-L/14, ViT-H/14 and bigG
(with fewer layers where --quick asks for it, or where they would take hours), one of 248 positions, and
all three types of weights. Texts are ids: real ones (shared/data, by CLIP's own vocabulary), random ones
of every length, some that begin alike, and some with an end in their middle. transformers computes one
text at a time, without padding, in float32. An error is the length of the difference by that of the
vector; more than 1e-5 fails.

usage: vectors.py [--quick] [--texts N] [--data FOLDER] [MODEL…]
"""
import argparse
import gzip
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import torch
import transformers
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizerFast

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers"))

import clip_model  # noqa: E402

MOST = 1e-5
DATA = ROOT.parent / "shared/data"
B = {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "projection_dim": 512}
L = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "projection_dim": 768}
H = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
     "projection_dim": 1024, "hidden_act": "gelu"}
G = {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 6,
     "projection_dim": 1280, "hidden_act": "gelu"}
# Configuration, type of the weights, share of the texts that it gets.
MODELS = {
    "b32": (B, "float32", 1.0),
    "b32-float16": (B, "float16", 0.2),
    "b32-bfloat16": (B, "bfloat16", 0.2),
    "b32-old-end": ({**B, "eos_token_id": 2}, "float32", 0.2),
    "l14": (L, "float32", 0.2),
    "l14-248": ({**L, "max_position_embeddings": 248}, "float32", 0.1),
    "h14": (H, "float32", 0.05),
    "h14-float16": (H, "float16", 0.02),
    "bigg": (G, "bfloat16", 0.05),
}


def spread(model):
    """Weights of a fresh model are small and its biases none: these let every part count."""
    numbers = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape, generator=numbers) * 0.1)
            elif "embedding" in name:
                parameter.mul_(4)
            elif "layers" in name:
                parameter.mul_(2)


def make(name, folder, quick):
    config, dtype, _ = MODELS[name]
    if quick:
        config = {**config, "num_hidden_layers": 2}
    torch.manual_seed(1)
    model = CLIPTextModelWithProjection(CLIPTextConfig(**config)).eval()
    spread(model)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return CLIPTextModelWithProjection.from_pretrained(folder, dtype=torch.float32).eval()


def real_texts(n, limit, data, folder):
    clip_model.write_vocabulary(folder)
    tokenizer = CLIPTokenizerFast.from_pretrained(folder)
    lines = []
    for name, share in (("seeds-flickr8k-24k.txt.gz", 0.7), ("paragraphs-flickr8k.txt.gz", 0.3)):
        with gzip.open(data / name, "rt", encoding="utf-8") as text:
            lines += [line.strip() for line in text][:int(n * share)]
    return tokenizer(lines, truncation=True, max_length=limit)["input_ids"]


def random_texts(n, limit):
    choice = random.Random(5)
    stem = [choice.randrange(49406) for _ in range(limit)]
    for i in range(n):
        body = [choice.randrange(49406) for _ in range(choice.randrange(limit - 1))]
        if i % 3 == 0:
            shared = choice.randrange(limit - 1)
            body[:shared] = stem[:min(shared, len(body))]
        if i % 7 == 0 and body:
            body[choice.randrange(len(body))] = 49407
        yield [49406, *body[:limit - 2], 49407]


def expected(model, rows):
    with torch.inference_mode():
        return numpy.array([model(input_ids=torch.tensor([row])).text_embeds[0].numpy() for row in rows])


def ours(folder, rows, width):
    ids, out = folder / "ids", folder / "vectors"
    ids.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows), encoding="ascii")
    subprocess.run([ROOT / "build/release/clip_encode", "vectors", folder, ids, out], check=True)
    return numpy.fromfile(out, dtype="<f4").reshape(-1, width)


def compare(name, texts, data, quick):
    """Largest and mean error of one model."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model = make(name, folder, quick)
        limit, n = model.config.max_position_embeddings, max(20, int(texts * MODELS[name][2]))
        real = real_texts(n // 2, limit, data, folder)
        rows = [*real, *random_texts(n - len(real), limit)]
        reference = expected(model, rows)
        got = ours(folder, rows, reference.shape[1])
        errors = numpy.linalg.norm(got - reference, axis=1) / numpy.linalg.norm(reference, axis=1)
        return len(rows), errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two layers of each")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of the real texts")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    bad = 0
    for name in args.models or MODELS:
        n, errors = compare(name, args.texts, args.data, args.quick)
        bad += int((~(errors <= MOST)).sum())
        print(f"{name:14} {n:5} texts  largest error {errors.max():.1e}  mean {errors.mean():.1e}", flush=True)
    print(f"{bad} vectors are off by more than {MOST:.0e}" if bad else f"all within {MOST:.0e}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
