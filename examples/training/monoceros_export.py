"""An export of Monoceros for code that trains: its files, its vectors by id, and ids that are held to the text.

An export is a directory with the files of `manifest.json`, or its URL, `http://host:8080/v1/exports/…`; then the
key is in MONOCEROS_API_KEY. Needs numpy and nothing else.
"""
import hashlib
import io
import json
import os
import pathlib
import time
import urllib.error
import urllib.request

import numpy

ATTEMPTS = 6  # at one place of a remote file
VARIANTS = 1000  # captions that a seed can have under one recipe
SKIP_ROWS = 256  # as far ahead a remote file is read on instead of being opened anew
DTYPES = {"F32": ("float32", "<f4"), "F16": ("float16", "<f2"), "BF16": ("bfloat16", "<u2")}


class Mismatch(ValueError):
    """What does not belong together; to train on it would be worse than to stop."""


def caption_id(seed, recipe, variant, text):
    """The id that this text has, and no other."""
    digest = hashlib.sha256(f"{recipe}\0{variant}\0{text}".encode()).hexdigest()
    return f"{seed}-{digest[:16]}"


class Remote(io.RawIOBase):
    """A file of an export by HTTP; a connection that breaks is taken up where it broke."""

    def __init__(self, url, headers, size, start=0):
        self.url, self.headers, self.size, self.at = url, headers, size, start
        self.answer = None

    def readable(self):
        return True

    def tell(self):
        return self.at

    def readinto(self, buffer):
        for attempt in range(ATTEMPTS):
            if self.at >= self.size:
                return 0
            try:
                n = self._connected().readinto(buffer)
                if n:
                    self.at += n
                    return n
            except urllib.error.HTTPError as error:
                if error.code not in (429, 502, 503, 504):
                    raise
            except OSError:
                pass
            self.close_connection()
            time.sleep(0.1 * 2**attempt)
        raise OSError(f"{self.url}: no more than {self.at} of {self.size} bytes")

    def _connected(self):
        if self.answer is None:
            ranged = {"Range": f"bytes={self.at}-"} if self.at else {}
            request = urllib.request.Request(self.url, headers={**self.headers, **ranged})
            self.answer = urllib.request.urlopen(request, timeout=60)
            if ranged and self.answer.status != 206:
                raise Mismatch(f"{self.url}: no part of the file was sent, but all of it")
        return self.answer

    def close_connection(self):
        if self.answer is not None:
            self.answer.close()
        self.answer = None

    def close(self):
        self.close_connection()
        super().close()


class Export:
    def __init__(self, where, key=None):
        self.where = str(where).rstrip("/")
        self.remote = self.where.startswith(("http://", "https://"))
        key = key or os.environ.get("MONOCEROS_API_KEY")
        self.headers = {"Authorization": f"Bearer {key}"} if key and self.remote else {}
        self.manifest = json.loads(self._manifest())
        self.sizes = {f["name"]: f["bytes"] for f in self.manifest["files"]}
        recipes = [r["recipe"] for r in self.manifest["recipes"] if r["stage"] == "captions"]
        self._names = [(recipe, 0) for recipe in recipes]  # those that named a text come first
        self._rare = [(recipe, variant) for variant in range(1, VARIANTS) for recipe in recipes]
        if not self.remote:
            self._check_sizes()

    def url(self, name):
        return f"{self.where}/files/{name}"

    def path(self, name):
        return pathlib.Path(self.where) / name

    def _manifest(self):
        if not self.remote:
            return self.path("manifest.json").read_bytes()
        with urllib.request.urlopen(urllib.request.Request(self.url("manifest.json"), headers=self.headers),
                                    timeout=60) as answer:
            return answer.read()

    def _check_sizes(self):
        for name, size in self.sizes.items():
            if self.path(name).exists() and self.path(name).stat().st_size != size:
                raise Mismatch(f"{self.path(name)} is not the file of the manifest, which has {size} bytes")

    def files(self, form, stem=""):
        """The files of a format in their order: `files("llava", "pretrain")`."""
        found = sorted((f for f in self.manifest["files"]
                        if f["format"] == form and f["name"].startswith(stem)), key=lambda f: f["name"])
        if not found:
            raise Mismatch(f"the export has no {stem} files of the format {form}, only {self.manifest['formats']}")
        return found

    def open(self, name, start=0):
        """The file from byte `start` on."""
        if self.remote:
            return io.BufferedReader(Remote(self.url(name), self.headers, self.sizes[name], start), 1 << 20)
        file = open(self.path(name), "rb")
        file.seek(start)
        return file

    def check(self, sample):
        """Ends training on a sample whose id was made of another text."""
        id, text = sample["id"], sample["caption"]
        dialogue = sample.get("dialogue_id")
        if dialogue and not dialogue.startswith(id + "-"):
            raise Mismatch(f"the dialogue {dialogue} is not of the caption {id}")
        seed = id.split("-")[0]
        for at, (recipe, variant) in enumerate(self._names):
            if caption_id(seed, recipe, variant, text) == id:
                if at:
                    self._names.insert(0, self._names.pop(at))
                return
        for name in self._rare:
            if caption_id(seed, *name, text) == id:
                self._rare.remove(name)
                self._names.append(name)
                return
        raise Mismatch(f"{id} is the id of another text than {text[:60]!r}")


def vector_files(export):
    """The files of vectors, one for each group of shards."""
    form = "npy" if "npy" in export.manifest["formats"] else "safetensors"
    return [f for f in export.files(form) if not f["name"].endswith(".ids")]


class Vectors:
    """The representations of one group of shards, by caption id. On a disk they are mapped, not read."""

    def __init__(self, export, group):
        self.file = vector_files(export)[group]
        self.export, self.stream, self.next, self.last = export, None, 0, None
        (self._read_npy if self.file["name"].endswith(".npy") else self._read_safetensors)()
        if self.rows != self.file["rows"] or len(self.keys) != self.rows:
            raise Mismatch(f"{self.file['name']}: {self.rows} vectors, {len(self.keys)} ids, and the manifest "
                           f"has {self.file['rows']}")
        self.map = None if export.remote or not self.rows else numpy.memmap(
            export.path(self.file["name"]), self.kind, "r", self.start, (self.rows, self.dimension))
        mixed = self.keys[:, 0] ^ self.keys[:, 2]
        self.order = numpy.argsort(mixed, kind="stable")
        self.mixed = mixed[self.order]

    def _read_npy(self):
        name = self.file["name"]
        with self.export.open(name) as file:
            numpy.lib.format.read_magic(file)
            (self.rows, self.dimension), _, kind = numpy.lib.format.read_array_header_1_0(file)
            self.start, self.kind, self.dtype = file.tell(), kind, kind.name
        with self.export.open(name.removesuffix(".npy") + ".ids") as file:
            digits = file.read().decode("ascii").replace("-", "")
        self.keys = numpy.frombuffer(bytes.fromhex(digits), ">u8").reshape(-1, 3).astype("<u8")

    def _read_safetensors(self):
        name = self.file["name"]
        with self.export.open(name) as file:
            length = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(length))
        self.rows, self.dimension = head["vectors"]["shape"]
        self.dtype, self.kind = DTYPES[head["vectors"]["dtype"]]
        self.start = 8 + length + head["vectors"]["data_offsets"][0]
        first, last = head["ids"]["data_offsets"]
        with self.export.open(name, 8 + length + first) as file:
            self.keys = numpy.frombuffer(file.read(last - first), "<u8").reshape(-1, 3)

    def ids(self):
        """The caption ids, row by row."""
        for seed, more, text in self.keys.tolist():
            yield f"{seed:016x}{more:016x}-{text:016x}"

    def row(self, id):
        """The row of this id, whole: half an id finds nothing."""
        key = numpy.frombuffer(bytes.fromhex(id.replace("-", "")), ">u8").astype("<u8")
        at = numpy.searchsorted(self.mixed, key[0] ^ key[2])
        while at < self.rows and self.mixed[at] == key[0] ^ key[2]:
            if (self.keys[self.order[at]] == key).all():
                return int(self.order[at])
            at += 1
        raise Mismatch(f"{self.file['name']} has no vector of {id}")

    def __getitem__(self, id):
        """The vector as it is stored; bfloat16, which numpy does not know, as uint16."""
        row = self.row(id)
        return self.map[row] if self.map is not None else self._remote_row(row)

    def _remote_row(self, row):
        size = self.dimension * numpy.dtype(self.kind).itemsize
        if self.stream is None or not self.next - 1 <= row < self.next + SKIP_ROWS:
            self.close()
            self.stream, self.next = self.export.open(self.file["name"], self.start + row * size), row
        while self.next <= row:
            self.last = self.stream.read(size)
            self.next += 1
        return numpy.frombuffer(self.last, self.kind)

    def float32(self, id):
        vector = self[id]
        if self.dtype == "bfloat16":
            return (vector.astype("<u4") << 16).view("<f4")
        return vector.astype("<f4")

    def close(self):
        if self.stream is not None:
            self.stream.close()


def samples(export, part="pretrain", group=0, start=0, check=True):
    """(sample, byte behind it) of one file of `pretrain` or `instruct`, from a byte where a line begins."""
    with export.open(export.files("llava", part)[group]["name"], start) as file:
        for line in file:
            if not line.endswith(b"\n"):
                raise Mismatch(f"the last line of {part} number {group} is cut")
            start += len(line)
            sample = json.loads(line)
            if check:
                export.check(sample)
            yield sample, start


def every_sample(export, part="pretrain"):
    for group in range(len(export.files("llava", part))):
        for sample, _ in samples(export, part, group):
            yield sample
