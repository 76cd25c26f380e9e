"""Samples of an export joined with their representations, for PyTorch.

    dataset = SampleDataset("/data/street", "pretrain")               # any order; a directory
    loader = DataLoader(dataset, 32, sampler=RankSampler(len(dataset), epoch=0), num_workers=2, collate_fn=collate)

    stream = SampleStream("http://host:8080/v1/exports/…", "instruct")  # in the order of the files; also a URL
    loader = DataLoader(stream, 32, num_workers=2, collate_fn=collate)

Ranks are those of torch.distributed unless they are given, and workers share what a rank has. Every sample is
held to its id, and every vector to the sample's id; a mismatch raises `monoceros_export.Mismatch`.
"""
import bisect
import itertools
import json

import numpy
import torch
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info

from monoceros_export import Export, Vectors, samples

SCAN_BYTES = 1 << 26


def place(rank=None, world=None):
    """This process among those that train."""
    if rank is not None and world is not None:
        return rank, world
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def tensor(vectors, id):
    found = numpy.array(vectors[id])  # a copy: what is mapped can only be read
    if vectors.dtype == "bfloat16":
        return torch.from_numpy(found.view("<i2")).view(torch.bfloat16)
    return torch.from_numpy(found)


def line_starts(path):
    """Where the lines of a file begin, and its end."""
    found, at = [numpy.zeros(1, "<i8")], 0
    with open(path, "rb") as file:
        while block := file.read(SCAN_BYTES):
            found.append(numpy.flatnonzero(numpy.frombuffer(block, "u1") == 10) + at + 1)
            at += len(block)
    return numpy.concatenate(found)


class SampleDataset(Dataset):
    """Samples by number, of an export in a directory. Files are mapped into memory, and their lines' places and
    the vectors' ids take 50 bytes a sample, which workers share."""

    def __init__(self, where, part="pretrain"):
        self.arguments = (where, part)
        self.export = Export(where)
        if self.export.remote:
            raise ValueError("a SampleDataset needs a directory (download.sh makes one); SampleStream takes a URL")
        names = [f["name"] for f in self.export.files("llava", part)]
        self.starts = [line_starts(self.export.path(name)) for name in names]
        self.ends = list(itertools.accumulate(len(s) - 1 for s in self.starts))
        self.maps = [numpy.memmap(self.export.path(name), "u1", "r") if len(starts) > 1 else None
                     for name, starts in zip(names, self.starts)]
        self.vectors = [Vectors(self.export, group) for group in range(len(names))] \
            if "representations" in self.export.manifest["include"] else None

    def __len__(self):
        return self.ends[-1]

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError(i)
        group = bisect.bisect_right(self.ends, i)
        line = i - (self.ends[group - 1] if group else 0)
        first, last = self.starts[group][line:line + 2]
        sample = json.loads(self.maps[group][first:last].tobytes())
        self.export.check(sample)
        if self.vectors:
            sample["vector"] = tensor(self.vectors[group], sample["id"])
        return sample

    def __reduce__(self):  # workers that are not forked open the files themselves
        return SampleDataset, self.arguments


class RankSampler(Sampler):
    """Every n-th number of a shuffle that is the same on all ranks, each number on exactly one of them. `start`
    numbers of this rank were taken before; that is all the state there is."""

    def __init__(self, size, rank=None, world=None, seed=0, epoch=0, start=0):
        self.rank, self.world = place(rank, world)
        self.size, self.seed, self.epoch, self.start = size, seed, epoch, start

    def __iter__(self):
        shuffle = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.size, generator=shuffle)
        return iter(order[self.rank::self.world][self.start:].tolist())

    def __len__(self):
        return max(0, len(range(self.rank, self.size, self.world)) - self.start)


class SampleStream(IterableDataset):
    """Samples in the order of the files, of a directory or a URL, with constant memory. The bytes of all files in
    a row are cut into as many equal parts as there are workers on all ranks, and a line belongs to the part in
    which it begins: so each comes once, whatever the numbers of files, ranks and workers are.

    `state` is what `advance` made of the batches that were trained on, and goes on behind them. Parts can differ
    by some samples: end an epoch after a number of steps, or use torch's Join."""

    def __init__(self, where, part="pretrain", rank=None, world=None, state=None):
        self.where, self.part, self.state = where, part, state or {}
        self.rank, self.world = place(rank, world)

    def __iter__(self):
        worker = get_worker_info()
        workers, number = (worker.num_workers, worker.id) if worker else (1, 0)
        part, parts = self.rank * workers + number, self.world * workers
        if self.state and self.state["parts"] != parts:
            raise ValueError(f"the state is of {self.state['parts']} ranks and workers, not {parts}")
        export = Export(self.where)
        for group, start, end in self._pieces(export, part, parts):
            yield from self._piece(export, group, start, end, part, parts)

    def _pieces(self, export, part, parts):
        """(file, first byte, end) of what this worker reads."""
        sizes = [f["bytes"] for f in export.files("llava", self.part)]
        first, last = (sum(sizes) * n // parts for n in (part, part + 1))
        resumed = self.state.get("places", {}).get(str(part))
        for group, size in enumerate(sizes):
            start, end = max(first, 0), min(last, size)
            first, last = first - size, last - size
            if resumed and group <= resumed[0]:
                start = resumed[1] if group == resumed[0] else end
            elif start:
                start = self._next_line(export, group, start)
            if start < end:
                yield group, start, end

    def _next_line(self, export, group, start):
        with export.open(export.files("llava", self.part)[group]["name"], start - 1) as file:
            return start - 1 + len(file.readline())

    def _piece(self, export, group, start, end, part, parts):
        vectors = Vectors(export, group) if "representations" in export.manifest["include"] else None
        for sample, at in samples(export, self.part, group, start):
            if vectors:
                sample["vector"] = tensor(vectors, sample["id"])
            sample["place"] = (part, parts, group, at)
            yield sample
            if at >= end:
                return


def collate(batch):
    """Lists of what the samples have; vectors as one tensor."""
    made = {name: [sample[name] for sample in batch] for name in batch[0]}
    if "vector" in made:
        made["vector"] = torch.stack(made["vector"])
    return made


def advance(state, batch):
    """Notes in `state`, a dictionary that JSON can hold, that a batch of a SampleStream was trained on. Each rank
    has its own."""
    for part, parts, group, at in batch["place"]:
        state["parts"] = parts
        state.setdefault("places", {})[str(part)] = [group, at]
    return state
