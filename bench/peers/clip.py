"""Other ways to run a CLIP text tower: clip.py ENGINE MODEL TEXTS OUT [--batch N] [--sorted] [--threads N]

ENGINE is torch (transformers) or onnx (ONNX Runtime); texts, one a line, go through the tokenizer of
transformers in batches, padded to the longest of each. Prints one line of JSON: the seconds that it
took, tokenizer included. OUT gets the vectors as float32, of unit length, in the order of the texts.
"""
import argparse
import json
import os
import pathlib
import sys
import time

import numpy


def torch_engine(model, threads):
    import torch
    from transformers import CLIPTextModelWithProjection
    torch.set_num_threads(threads)
    tower = CLIPTextModelWithProjection.from_pretrained(model, dtype=torch.float32).eval()

    def run(batch):
        with torch.inference_mode():
            return tower(input_ids=torch.from_numpy(batch["input_ids"]),
                         attention_mask=torch.from_numpy(batch["attention_mask"])).text_embeds.numpy()
    return run


def export(model, path):
    import torch
    from transformers import CLIPTextModelWithProjection
    tower = CLIPTextModelWithProjection.from_pretrained(model, dtype=torch.float32).eval()
    ids = torch.randint(3, 300, (2, 12))
    ids[:, 0], ids[:, -1] = 49406, 49407
    names = {0: "batch", 1: "sequence"}

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.tower = tower

        def forward(self, input_ids, attention_mask):
            return self.tower(input_ids=input_ids, attention_mask=attention_mask).text_embeds

    torch.onnx.export(Wrapped(), (ids, torch.ones_like(ids)), str(path),
                      input_names=["input_ids", "attention_mask"], output_names=["text_embeds"],
                      dynamic_shapes={"input_ids": names, "attention_mask": names},
                      dynamo=True, external_data=True)


def onnx_engine(model, threads):
    import onnxruntime
    path = pathlib.Path(model) / "text_model.onnx"
    if not path.exists():
        export(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"input_ids": batch["input_ids"],
                                            "attention_mask": batch["attention_mask"]})[0]


def encode(run, tokenizer, texts, size, by_length):
    """All texts in batches; sorted means the longest first, by their tokens."""
    order = range(len(texts))
    ids = tokenizer(texts, truncation=True, max_length=77)["input_ids"]
    if by_length:
        order = sorted(order, key=lambda i: -len(ids[i]))
    out = None
    for start in range(0, len(texts), size):
        chosen = [order[i] for i in range(start, min(start + size, len(texts)))]
        batch = tokenizer.pad({"input_ids": [ids[i] for i in chosen]}, return_tensors="np")
        vectors = run({name: value.astype("int64") for name, value in batch.items()})
        if out is None:
            out = numpy.empty((len(texts), vectors.shape[1]), dtype="float32")
        out[chosen] = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=("torch", "onnx"))
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("out")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--sorted", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    from transformers import CLIPTokenizerFast
    tokenizer = CLIPTokenizerFast.from_pretrained(args.model)
    texts = pathlib.Path(args.texts).read_text(encoding="utf-8").splitlines()
    run = {"torch": torch_engine, "onnx": onnx_engine}[args.engine](args.model, args.threads)
    encode(run, tokenizer, texts[:args.batch], args.batch, args.sorted)
    started, used = time.monotonic(), time.process_time()
    out = encode(run, tokenizer, texts, args.batch, args.sorted)
    told = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - used}
    out.tofile(args.out)
    json.dump(told, sys.stdout)
    print()


if __name__ == "__main__":
    main()
