"""Exports as the documentation defines their files, written without a look at the program: small ones of
made-up words, for what reads exports."""
import hashlib
import io
import json
import pathlib
import tarfile

import numpy

from support import identity
from support.tensors import pack_ids

RECIPE, DIALOGUE_RECIPE = "1" * 32, "2" * 32
TASKS = ["multiple_choice", "question_answering", "complex_reasoning"]
QUESTION = "What is there to see?"
TENSORS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
WIDTH = 12


def bits(vectors, dtype):
    """float32 rows as they are stored: rounded to nearest, ties to even."""
    if dtype == "bfloat16":
        words = vectors.astype("<f4").view("<u4").astype("<u8")
        return ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2")
    return vectors.astype({"float32": "<f4", "float16": "<f2"}[dtype])


def make_rows(n, shards=4, variants=1, dialogues=True):
    """Samples in the order of exports. Every third caption has no dialogue, every fourth has two."""
    rows = []
    for number in range(n):
        seed_text = f"A dog finds the stick number {number}."
        seed = identity.seed_id(seed_text)
        for variant in range(variants):
            text = f"{seed_text} “Gut”, says take {variant}.\nIt is brown."
            rows.append({"seed_id": seed, "variant": variant, "seed": seed_text, "text": text,
                         "id": identity.caption_id(seed, RECIPE, variant, text)})
            rows[-1]["dialogues"] = [] if number % 3 == 0 or not dialogues else \
                [dialogue(rows[-1], task) for task in TASKS[:2 if number % 4 == 0 else 1]]
    rows.sort(key=lambda row: (identity.shard(row["seed_id"], shards), row["seed_id"], row["variant"]))
    numbers = numpy.random.default_rng(3).standard_normal((len(rows), WIDTH)).astype("<f4")
    for row, vector in zip(rows, numbers):
        row["vector"] = vector
    return rows


def dialogue(row, task):
    turns = [{"from": "human", "value": f"<image>\nWhich number is asked in {task}?"},
             {"from": "gpt", "value": row["seed"]},
             {"from": "human", "value": "And then?"}, {"from": "gpt", "value": "It is brown."}]
    text = json.dumps(turns, ensure_ascii=False, separators=(",", ":"))
    return {"id": identity.dialogue_id(row["id"], DIALOGUE_RECIPE, task, text), "task": task, "turns": turns}


def pretrain(row):
    turns = [{"from": "human", "value": f"<image>\n{QUESTION}"}, {"from": "gpt", "value": row["text"]}]
    return [{"id": row["id"], "dialogue_id": "", "caption": row["text"], "conversations": turns}]


def instruct(row):
    return [{"id": row["id"], "dialogue_id": d["id"], "caption": row["text"], "conversations": d["turns"]}
            for d in row["dialogues"]]


def captions(row):
    return [{"id": row["id"], "seed_id": row["seed_id"], "recipe": RECIPE, "variant": row["variant"],
             "text": row["text"], "seed": row["seed"], "source": None, "domain": None,
             "provider": "offline", "model": "offline", "prompt": None}]


def lines(objects):
    return "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in objects).encode()


def npy(array):
    out = io.BytesIO()
    numpy.save(out, array)
    return out.getvalue()


def safetensors(rows, dtype):
    vectors = bits(matrix(rows), dtype)
    ids = pack_ids([row["id"] for row in rows])
    size, end = vectors.nbytes, vectors.nbytes + ids.nbytes
    header = {"__metadata__": {"dataset": "made-up"},
              "vectors": {"dtype": TENSORS[dtype], "shape": list(vectors.shape), "data_offsets": [0, size]},
              "ids": {"dtype": "I64", "shape": list(ids.shape), "data_offsets": [size, end]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + vectors.tobytes() + ids.tobytes()


def matrix(rows):
    return numpy.array([row["vector"] for row in rows], "<f4").reshape(len(rows), WIDTH)


def tar(rows, dtype):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for row in rows:
            about = {"id": row["id"], "caption": row["text"], "dialogues": [
                {"dialogue_id": d["id"], "task": d["task"], "conversations": d["turns"]} for d in row["dialogues"]]}
            for name, data in (("json", json.dumps(about, ensure_ascii=False).encode()),
                               ("txt", row["text"].encode()), ("npy", npy(bits(row["vector"], dtype)))):
                entry = tarfile.TarInfo(f"{row['id']}.{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


class Writer:
    def __init__(self, folder, groups, dtype):
        self.folder, self.groups, self.dtype, self.files = pathlib.Path(folder), groups, dtype, []

    def put(self, name, form, rows, data, vectors=False):
        (self.folder / name).write_bytes(data)
        self.files.append({"name": name, "format": form, "rows": rows, "bytes": len(data),
                           "sha256": hashlib.sha256(data).hexdigest(),
                           **({"dtype": self.dtype, "dimension": WIDTH} if vectors else {})})

    def group(self, number, rows, forms):
        end = "" if self.groups == 1 else f"-{number:05}-of-{self.groups:05}"
        for stem, form, objects in (("pretrain", "llava", pretrain), ("instruct", "llava", instruct),
                                    ("captions", "captions", captions)):
            if form in forms:
                made = [one for row in rows for one in objects(row)]
                self.put(f"{stem}{end}.jsonl", form, len(made), lines(made))
        if "npy" in forms:
            self.put(f"representations{end}.npy", "npy", len(rows), npy(bits(matrix(rows), self.dtype)), True)
            ids = "".join(row["id"] + "\n" for row in rows).encode()
            self.put(f"representations{end}.ids", "npy", len(rows), ids)
        if "safetensors" in forms:
            self.put(f"representations{end}.safetensors", "safetensors", len(rows), safetensors(rows, self.dtype),
                     True)
        if "webdataset" in forms:
            self.put(f"samples-{number:06}.tar", "webdataset", len(rows), tar(rows, self.dtype), True)


def write(folder, rows, groups=2, dtype="float16", forms=("llava", "captions", "npy", "webdataset")):
    """Puts the export into the folder; its manifest."""
    writer, size = Writer(folder, groups, dtype), -(-len(rows) // groups)
    for number in range(groups):
        writer.group(number, rows[number * size:(number + 1) * size], forms)
    writer.put("README.md", "card", 0, b"# made-up\n")
    manifest = {"version": 1, "dataset": "made-up", "trial": True,
                "include": ["captions", "dialogues", "representations"], "formats": list(forms),
                "files": writer.files,
                "recipes": [{"recipe": RECIPE, "stage": "captions", "kind": "offline", "settings": {}},
                            {"recipe": DIALOGUE_RECIPE, "stage": "dialogues", "kind": "offline", "settings": {}}]}
    (writer.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return manifest
