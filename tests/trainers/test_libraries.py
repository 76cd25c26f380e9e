"""A real export in numpy, safetensors, pyarrow, datasets and webdataset, beside what the API says."""
import itertools
import json
import os
import subprocess
import sys
import tarfile

import numpy
import pyarrow.parquet
import pytest
import safetensors
import webdataset

import hf_datasets
import webdataset_stream
from conftest import FOLDER, WORLD, once
from monoceros_export import Export, every_sample
from support.tensors import unpack_ids
from support.wait import PATIENCE


def script(*args, **env):
    done = subprocess.run([sys.executable, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE, check=False, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return done.stdout.decode()


def files(folder, form, end):
    return [folder / f["name"] for f in Export(folder).files(form) if f["name"].endswith(end)]


# ---- files ----

def test_numpy_maps_the_vectors(folder, told):
    ids, rows = [], []
    for path in files(folder, "npy", ".npy"):
        rows.append(numpy.load(path, mmap_mode="r", allow_pickle=False))
        ids += path.with_suffix(".ids").read_text(encoding="ascii").splitlines()
        assert rows[-1].offset == 128
    assert ids == told.ids
    assert (numpy.concatenate(rows) == told.vectors.astype("<f2")).all()


def test_safetensors_opens_the_vectors(folder, told):
    ids, rows = [], []
    for path in files(folder, "safetensors", ".safetensors"):
        with safetensors.safe_open(path, framework="numpy") as file:
            assert set(file.keys()) == {"vectors", "ids"} and file.metadata()
            ids += unpack_ids(file.get_tensor("ids"))
            rows.append(file.get_tensor("vectors"))
            assert (file.get_slice("vectors")[3:5] == rows[-1][3:5]).all()
    assert ids == told.ids
    assert (numpy.concatenate(rows) == told.vectors.astype("<f2")).all()


def test_captions_are_those_of_the_api(folder, told):
    found = [json.loads(line) for path in files(folder, "captions", ".jsonl")
             for line in path.read_text(encoding="utf-8").splitlines()]
    assert [f["id"] for f in found] == told.ids
    for one, caption in zip(found, told.captions):
        assert all(one[name] == caption[name] for name in ("seed_id", "recipe", "variant", "text"))


def test_arrays_are_the_lines(folder):
    for part in ("pretrain", "instruct"):
        lines = list(every_sample(Export(folder), part))
        assert json.loads((folder / f"{part}.json").read_text(encoding="utf-8")) == lines


def test_the_manifest_counts_what_there_is(folder, told):
    counts = Export(folder).manifest["counts"]
    assert (counts["captions"], counts["representations"], counts["dialogues"]) == \
        (len(told.ids), len(told.ids), len(told.dialogues))


@pytest.mark.parametrize("part", ["pretrain", "instruct"])
def test_parquet_reads_back(folder, told, tmp_path, part):
    path = tmp_path / "street.parquet"
    script(FOLDER / "to_parquet.py", folder, part, path)
    table = pyarrow.parquet.read_table(path)
    assert table.schema.field("vector").type == pyarrow.list_(pyarrow.float16(), told.vectors.shape[1])
    rows = table.drop_columns("vector").to_pylist()
    (told.check_pretrain if part == "pretrain" else told.check_instruct)(rows)
    found = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)
    assert (found == told.vectors[[told.row[row["id"]] for row in rows]].astype("<f2")).all()


# ---- datasets ----

def test_datasets_stream(where, told):
    told.check_pretrain(list(hf_datasets.stream(where, "pretrain")))
    told.check_instruct(list(hf_datasets.stream(where, "instruct")))


@pytest.mark.parametrize("world", [WORLD, 3])
def test_datasets_share_a_stream(where, told, world):
    """8 files: whole files for 4 ranks, and every third row for 3."""
    found = [[row["id"] for row in hf_datasets.stream(where, "pretrain", rank, world)] for rank in range(world)]
    assert min(map(len, found)) > len(told.ids) // (2 * world)
    once(itertools.chain(*found), told.ids)


def test_datasets_in_workers(where, told):
    torch = pytest.importorskip("torch", reason="PyTorch is not there", exc_type=ImportError)
    found = []
    for rank in range(WORLD):
        rows = hf_datasets.stream(where, "instruct", rank, WORLD)
        loader = torch.utils.data.DataLoader(rows, 32, num_workers=2, collate_fn=list)
        found += [row["dialogue_id"] for batch in loader for row in batch]
    once(found, [d["dialogue_id"] for d in told.dialogues])


def test_datasets_go_on_in_the_middle(where, told):
    rows, found = hf_datasets.stream(where, "pretrain", 1, WORLD), []
    for row in itertools.islice(rows, 2345):
        found.append(row["id"])
    state = json.loads(json.dumps(rows.state_dict()))
    other = hf_datasets.stream(where, "pretrain", 1, WORLD)
    other.load_state_dict(state)
    found += [row["id"] for row in other]
    assert found == [row["id"] for row in hf_datasets.stream(where, "pretrain", 1, WORLD)]


def test_datasets_as_a_program(url, told):
    assert script(FOLDER / "hf_datasets.py", url).split()[0] == told.ids[0]


# ---- webdataset ----

def check_archive(samples, told):
    for sample in samples:
        id = sample["__key__"]
        assert sample["json"]["id"] == id and sample["txt"] == sample["json"]["caption"] == told.texts[id]
        assert (sample["npy"] == told.vectors[told.row[id]].astype("<f2")).all()


def test_webdataset_streams(where, told):
    samples = list(webdataset_stream.stream(where))
    assert [s["__key__"] for s in samples] == told.ids
    check_archive(samples, told)
    dialogues = [{"id": s["__key__"], "dialogue_id": d["dialogue_id"], "conversations": d["conversations"],
                  "caption": s["txt"]} for s in samples for d in s["json"]["dialogues"]]
    told.check_instruct(dialogues)


def test_webdataset_shares_a_stream(where, told, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not there", exc_type=ImportError)
    found = []
    monkeypatch.setenv("WORLD_SIZE", str(WORLD))
    for rank in range(WORLD):
        monkeypatch.setenv("RANK", str(rank))
        loader = webdataset.WebLoader(webdataset_stream.stream(where), batch_size=None, num_workers=2)
        mine = [sample["__key__"] for sample in loader]
        assert len(mine) > len(told.ids) // (2 * WORLD)
        found += mine
    once(found, told.ids)


def test_webdataset_goes_on_in_the_middle(where, told):
    state, found = {}, []
    for sample in itertools.islice(webdataset_stream.stream(where), 5000):
        found.append(sample["__key__"])
        webdataset_stream.advance(state, sample)
    state = json.loads(json.dumps(state))
    found += [sample["__key__"] for sample in webdataset_stream.stream(where, state)]
    assert found == told.ids


def test_webdataset_as_a_program(url, told):
    assert script(FOLDER / "webdataset_stream.py", url).split()[0] == told.ids[0]


def test_webdataset_says_when_the_key_is_wrong(url, monkeypatch):
    export = Export(url)
    monkeypatch.setenv("MONOCEROS_API_KEY", "mono_0123456789ab_wrong")
    pipe = webdataset_stream.place(export, export.files("webdataset")[0]["name"])
    assert "mono_" not in pipe
    with pytest.raises((OSError, tarfile.ReadError)):  # nothing came, and curl says why
        list(webdataset.WebDataset(pipe, shardshuffle=False))
