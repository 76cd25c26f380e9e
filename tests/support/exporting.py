"""Exports as the tests make and read them."""
import hashlib
import io
import json
import struct
import tarfile
import time

import numpy

from support.wait import PATIENCE

ALL_FORMATS = ["llava", "llava-array", "captions", "npy", "safetensors", "webdataset"]
DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


class Export:
    """One that a dataset's owner has asked for."""

    def __init__(self, dataset, formats=None, **body):
        self.dataset, self.api = dataset, dataset.api
        self.answer = self.api.call("create_export", dataset=dataset.name,
                                    json={"formats": formats or ALL_FORMATS, **body}).json()
        self.id = self.answer["id"]

    def wait(self, state="succeeded"):
        deadline = time.monotonic() + PATIENCE
        while True:
            self.answer = self.api.call("get_export", export=self.id, params={"wait": "20s"}).json()
            if self.answer["state"] in ("succeeded", "failed", "cancelled"):
                break
            assert time.monotonic() < deadline, f"the export does not end: {self.answer}"
        assert self.answer["state"] == state, self.answer
        return self

    @property
    def manifest(self):
        return self.api.call("get_export_result", export=self.id).json()

    def file(self, name):
        return self.api.call("get_export_file", export=self.id, name=name).content

    def names(self, beginning="", end=""):
        return [f["name"] for f in self.manifest["files"]
                if f["name"].startswith(beginning) and f["name"].endswith(end)]

    def rows(self, beginning):
        """The objects of all .jsonl files of that name."""
        return [json.loads(line) for name in self.names(beginning, ".jsonl")
                for line in self.file(name).decode().splitlines()]

    def ids(self):
        return [line for name in self.names(end=".ids") for line in self.file(name).decode().split("\n")[:-1]]

    def vectors(self):
        return numpy.concatenate([numpy.load(io.BytesIO(self.file(name)), allow_pickle=False)
                                  for name in self.names(end=".npy")])

    def contents(self):
        """Everything that the export is, by name."""
        return {name: self.file(name)
                for name in [f["name"] for f in self.manifest["files"]] + ["manifest.json", "README.md"]}


def make(dataset, formats=None, **body):
    return Export(dataset, formats, **body).wait()


def safetensors(data):
    """({name: array}, metadata); bfloat16 as the float32 that it stands for."""
    size, = struct.unpack("<Q", data[:8])
    header, arrays = json.loads(data[8:8 + size]), {}
    metadata = header.pop("__metadata__", {})
    ends = sorted(tuple(t["data_offsets"]) for t in header.values())
    assert ends[0][0] == 0 and ends[-1][1] == len(data) - 8 - size
    assert all(a[1] == b[0] for a, b in zip(ends, ends[1:])), "holes"
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        if tensor["dtype"] == "BF16":
            values = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = numpy.frombuffer(raw, DTYPES[tensor["dtype"]])
        arrays[name] = values.reshape(tensor["shape"])
    return arrays, metadata


def id_of_numbers(row):
    """A caption's id from the numbers of a safetensors file."""
    seed, rest, hash_ = (int(v).to_bytes(8, "big", signed=True).hex() for v in row)
    return f"{seed}{rest}-{hash_}"


def samples(data):
    """{key: {extension: bytes}} of a tar, in order; members of a sample must be adjacent."""
    found, before = {}, None
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            assert member.isreg() and member.mtime == 0 and member.uid == 0
            key, _, extension = member.name.partition(".")
            assert key == before or key not in found, "a sample in two places"
            found.setdefault(key, {})[extension] = tar.extractfile(member).read()
            before = key
    return found


def check_digests(export):
    for entry in export.manifest["files"]:
        data = export.file(entry["name"])
        assert len(data) == entry["bytes"], entry
        assert hashlib.sha256(data).hexdigest() == entry["sha256"], entry
