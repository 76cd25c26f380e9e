"""What examples/training has for any Python with numpy: reading an export from a directory and by HTTP, what it
refuses, the converters, and the download by curl. The libraries for training are in tests/trainers."""
import hashlib
import json
import os
import pickle
import subprocess
import sys

import numpy
import pytest

from support import export_files
from support.file_server import FileServer
from support.server import ROOT
from support.wait import PATIENCE

FOLDER = ROOT / "examples/training"
sys.path.insert(0, str(FOLDER))

from monoceros_export import Export, Mismatch, Remote, Vectors, every_sample, samples  # noqa: E402

KEY = "mono_0123456789ab_secret"


@pytest.fixture(scope="module")
def rows():
    return export_files.make_rows(50, variants=2)


@pytest.fixture
def folder(tmp_path, rows):
    path = tmp_path / "export"
    path.mkdir()
    export_files.write(path, rows, groups=3)
    return path


def script(*args, folder=None, **env):
    return subprocess.run([str(a) for a in args], cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)


def made(*args, **options):
    done = script(sys.executable, *args, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def check_joined(export, rows, dtype):
    """Every sample of pretrain in order, with its vector to the bit."""
    found = []
    for group in range(len(export.files("llava", "pretrain"))):
        vectors = Vectors(export, group)
        found += [(sample["id"], sample["caption"], vectors[sample["id"]], vectors.float32(sample["id"]))
                  for sample, _ in samples(export, "pretrain", group)]
        vectors.close()
    assert [one[:2] for one in found] == [(row["id"], row["text"]) for row in rows]
    stored = export_files.bits(export_files.matrix(rows), dtype)
    assert (numpy.array([one[2] for one in found]) == stored).all()
    wide = (stored.astype("<u4") << 16).view("<f4") if dtype == "bfloat16" else stored.astype("<f4")
    assert (numpy.array([one[3] for one in found]) == wide).all()


@pytest.mark.parametrize("form, dtype", [("npy", "float16"), ("npy", "float32"), ("safetensors", "float16"),
                                         ("safetensors", "float32"), ("safetensors", "bfloat16")])
def test_samples_and_vectors_of_every_form(tmp_path, rows, form, dtype):
    export_files.write(tmp_path, rows, groups=3, dtype=dtype, forms=["llava", form])
    check_joined(Export(tmp_path), rows, dtype)
    with FileServer(tmp_path, key=KEY) as server:
        check_joined(Export(server.url, KEY), rows, dtype)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(folder, rows):
    with FileServer(folder, cut=3000) as server:
        server.cut = None
        export = Export(server.url)
        server.cut = 3000
        check_joined(export, rows, "float16")
        ranges = [ranged for path, ranged in server.requests if "pretrain-00000" in path]
    assert ranges[0] is None and ranges[1:3] == ["bytes=3000-", "bytes=6000-"]


def test_a_file_that_never_ends_is_an_error(folder, monkeypatch):
    monkeypatch.setattr("monoceros_export.time.sleep", lambda _: None)
    with FileServer(folder) as server:
        size = Export(server.url).sizes["README.md"]
        with Remote(server.url + "/files/README.md", {}, size + 1) as file, pytest.raises(OSError):
            while file.read(64):
                pass


def test_variants_are_found_by_their_text(folder, rows):
    export = Export(folder)
    assert [s["id"] for s in every_sample(export)] == [row["id"] for row in rows]
    assert {row["variant"] for row in rows} == {0, 1}


def change(path, old, new):
    data = path.read_bytes()
    assert data.count(old) >= 1 and len(old) == len(new)
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize("name, old, new", [
    ("pretrain-00001-of-00003.jsonl", b"says take", b"says cake"),
    ("instruct-00001-of-00003.jsonl", b"says take", b"says cake")])
def test_an_id_of_another_text_is_refused(folder, name, old, new):
    change(folder / name, old, new)
    with pytest.raises(Mismatch, match="another text"):
        list(every_sample(Export(folder), name.split("-")[0]))


def test_a_dialogue_of_another_caption_is_refused(folder):
    name = "instruct-00000-of-00003.jsonl"
    first = json.loads((folder / name).read_text(encoding="utf-8").splitlines()[0])["dialogue_id"]
    change(folder / name, first.encode(), b"f" + first[1:].encode() if first[0] != "f" else b"e" + first[1:].encode())
    with pytest.raises(Mismatch, match="not of the caption"):
        list(every_sample(Export(folder), "instruct"))


def test_vectors_of_other_captions_are_refused(folder, rows):
    name = "representations-00000-of-00003.ids"
    digit = b"0" if rows[0]["id"][-1] != "0" else b"1"
    change(folder / name, rows[0]["id"].encode(), rows[0]["id"][:-1].encode() + digit)
    with pytest.raises(Mismatch, match="no vector of " + rows[0]["id"]):
        Vectors(Export(folder), 0).row(rows[0]["id"])


@pytest.mark.parametrize("name", ["pretrain-00000-of-00003.jsonl", "representations-00002-of-00003.npy",
                                  "representations-00000-of-00003.ids"])
def test_a_file_that_is_cut_is_refused(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(Mismatch, match="not the file of the manifest"):
        Export(folder)


def test_files_that_the_export_does_not_have(tmp_path, rows):
    export_files.write(tmp_path, rows, forms=["captions"])
    with pytest.raises(Mismatch, match="only .'captions'."):
        list(every_sample(Export(tmp_path)))


# ---- converters ----

def test_to_sharegpt(folder, rows):
    lines = [json.loads(line) for line in made(FOLDER / "to_sharegpt.py", folder).splitlines()]
    dialogues = [(row, d) for row in rows for d in row["dialogues"]]
    assert [line["id"] for line in lines] == [d["id"] for _, d in dialogues]
    for line, (_, d) in zip(lines, dialogues):
        assert [(t["from"], t["value"]) for t in line["conversations"]] == \
            [(t["from"], t["value"].removeprefix("<image>\n")) for t in d["turns"]]
        assert set(line) == {"id", "conversations"}
    with_caption = made(FOLDER / "to_sharegpt.py", folder, "instruct", "--caption").splitlines()
    assert [json.loads(line)["system"] for line in with_caption] == [row["text"] for row, _ in dialogues]


def test_to_messages(folder, rows):
    text = made(FOLDER / "to_messages.py", folder, "pretrain")
    assert "<image>" not in text
    for line, row in zip(text.splitlines(), rows, strict=True):
        assert json.loads(line) == {"messages": [{"role": "user", "content": export_files.QUESTION},
                                                 {"role": "assistant", "content": row["text"]}]}
    line = json.loads(made(FOLDER / "to_messages.py", folder, "instruct", "--caption").splitlines()[0])
    assert [m["role"] for m in line["messages"]] == ["system", "user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("form, dtype", [("npy", "float16"), ("safetensors", "bfloat16")])
def test_to_unicorn_pickle(tmp_path, rows, form, dtype):
    source, out = tmp_path / "export", tmp_path / "out"
    source.mkdir()
    export_files.write(source, rows, groups=3, dtype=dtype, forms=["llava", form])
    made(FOLDER / "to_unicorn_pickle.py", source, out)
    read = [json.loads((out / name).read_text(encoding="utf-8")) for name in ("Pretrain.json", "Instruction.json")]
    assert read == [[s for row in rows for s in one(row)] for one in (export_files.pretrain, export_files.instruct)]
    embeds = [e for path in sorted((out / "embeddings").iterdir()) for e in pickle.loads(path.read_bytes())]
    assert [e["id"] for e in embeds] == [row["id"] for row in rows]
    found = numpy.array([e["embed"] for e in embeds])
    assert found.dtype == numpy.float32
    assert (export_files.bits(found, dtype) == export_files.bits(export_files.matrix(rows), dtype)).all()


# ---- curl ----

@pytest.fixture
def told(tmp_path):
    """A curl that writes down how it was called."""
    path = tmp_path / "bin/curl"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\nexec /usr/bin/curl "$@"\n', encoding="ascii")
    path.chmod(0o755)
    return tmp_path / "calls"


def download(server, out, told, *pattern, key=KEY):
    path = f"{told.parent / 'bin'}:{os.environ['PATH']}"
    return script(FOLDER / "download.sh", server.url, out, *pattern, PATH=path, MONOCEROS_API_KEY=key)


def check_same(out, folder):
    names = sorted(path.name for path in folder.iterdir())
    assert sorted(path.name for path in out.iterdir()) == names
    for name in names:
        assert (out / name).read_bytes() == (folder / name).read_bytes()


def test_download_goes_on_where_it_was(folder, tmp_path, told):
    out, name = tmp_path / "out", "pretrain-00001-of-00003.jsonl"
    (folder / "instruct-00002-of-00003.jsonl").write_bytes(b"")  # files can be empty
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    entry, = [f for f in manifest["files"] if f["name"] == "instruct-00002-of-00003.jsonl"]
    entry.update(bytes=0, rows=0, sha256=hashlib.sha256(b"").hexdigest())
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    out.mkdir()
    (out / (name + ".part")).write_bytes((folder / name).read_bytes()[:100])
    with FileServer(folder, key=KEY) as server:
        assert download(server, out, told).returncode == 0
        check_same(out, folder)
        assert (f"{server.url.split('/', 3)[3].join('//')}files/{name}", "bytes=100-") in server.requests
        before = len(server.requests)
        assert download(server, out, told).returncode == 0
        assert len(server.requests) == before + 1  # the manifest
    assert KEY not in told.read_text(encoding="utf-8")


def test_download_checks_what_came(folder, tmp_path, told):
    out, name = tmp_path / "out", "representations-00000-of-00003.npy"
    out.mkdir()
    (out / (name + ".part")).write_bytes(b"something else")
    with FileServer(folder, key=KEY) as server:
        done = download(server, out, told)
        assert done.returncode == 1 and b"not what the manifest says" in done.stderr
        assert not (out / name).exists() and not (out / "manifest.json").exists()
        assert download(server, out, told).returncode == 0
    check_same(out, folder)


def test_download_of_some_files_and_without_a_key(folder, tmp_path, told):
    out = tmp_path / "out"
    with FileServer(folder, key=KEY) as server:
        assert download(server, out, told, "*.ids").returncode == 0
        assert sorted(path.suffix for path in out.iterdir()) == [".ids", ".ids", ".ids", ".json"]
        done = download(server, tmp_path / "other", told, key="")
        assert done.returncode != 0 and b"401" in done.stderr


def test_download_writes_nowhere_else(folder, tmp_path, told):
    change(folder / "manifest.json", b'"README.md"', b'"../ME.txt"')
    with FileServer(folder, key=KEY) as server:
        done = download(server, tmp_path / "out", told)
    assert done.returncode != 0 and b"no name of a file" in done.stderr
    assert not (tmp_path / "ME.txt").exists()
