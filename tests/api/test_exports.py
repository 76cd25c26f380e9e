"""Representations as files: .npy, .safetensors and the ids beside them."""
import io
import json
import socket
import urllib.parse

import numpy
import pytest

from support.client import Api
from support.dataset import Dataset
from support.seeds import generate
from support.server import sanitized
from support.tensors import read_safetensors, unpack_ids
from support.wait import until

DTYPES = {"float32": "<f4", "float16": "<f2"}
NPY_HEAD = 128


def npy(dataset, **params):
    answer = dataset.api.call("export_npy", dataset=dataset.name, params=params)
    return answer, numpy.load(io.BytesIO(answer.content), allow_pickle=False)


def ids(dataset, **params):
    answer = dataset.api.call("export_ids", dataset=dataset.name, params=params)
    return answer, answer.text.splitlines()


def safetensors(dataset, **params):
    answer = dataset.api.call("export_safetensors", dataset=dataset.name, params=params)
    return answer, *read_safetensors(answer.content)


def listed(dataset, **params):
    """What the JSON list has, in its order."""
    items = dataset.vectors(**params)
    return list(items), numpy.array([v.astype("<f4") for v in items.values()]).reshape(len(items), -1)


@pytest.fixture
def settled(api, new_dataset):
    """A dataset of its own with representations."""
    def make(n=60, **settings):
        dataset = new_dataset(api, **settings)
        dataset.load(generate(n))
        dataset.finished_run = dataset.run(["captions", "representations"])["id"]
        return dataset
    return make


@pytest.mark.parametrize("transfer", ["none", "mean_shift"])
@pytest.mark.parametrize("vector_type", ["float16", "float32"])
def test_files_have_the_bits_of_the_list(settled, transfer, vector_type):
    dataset = settled(vector_type=vector_type)
    names, expected = listed(dataset, transfer=transfer)
    assert len(names) == 60
    answer, array = npy(dataset, transfer=transfer)
    assert array.dtype == "<f4" and (array.view("<u4") == expected.view("<u4")).all()
    assert int(answer.headers["Monoceros-Rows"]) == 60 and answer.headers["Monoceros-Left-Out"] == "0"
    other, lines = ids(dataset, transfer=transfer)
    assert lines == names
    whole, arrays, metadata = safetensors(dataset, transfer=transfer)
    assert unpack_ids(arrays["ids"]) == names
    assert (arrays["vectors"].view("<u4") == expected.view("<u4")).all()
    assert metadata["method"] == transfer and metadata["encoder"] == "offline"
    assert metadata["transfer"] == answer.headers["Monoceros-Transfer"]
    digests = {a.headers["Monoceros-Ids-Digest"] for a in (answer, other, whole)}
    assert len(digests) == 1


@pytest.mark.parametrize("body", [{"method": "noise", "parameters": {"cosine": 0.8, "seed": 3}},
                                  {"method": "noise", "parameters": {"sigma": 0.02, "form": "c3"}},
                                  {"method": "mean_shift", "parameters": {"norm": False}}],
                         ids=["capdec", "c3", "raw"])
def test_other_transfers(settled, body):
    """Noise is drawn by the caption's id, in a file as in a list."""
    dataset = settled(20)
    transfer = dataset.api.call("create_transfer", dataset=dataset.name, json=body).json()["id"]
    until(lambda: dataset.api.call("get_transfer", dataset=dataset.name, transfer=transfer)
          .json()["state"] == "ready", "the transfer to be ready")
    names, expected = listed(dataset, transfer=transfer)
    assert (npy(dataset, transfer=transfer)[1].view("<u4") == expected.view("<u4")).all()
    arrays = safetensors(dataset, transfer=transfer)[1]
    assert unpack_ids(arrays["ids"]) == names and (arrays["vectors"] == expected).all()


def test_float16_is_the_float32_rounded(settled):
    dataset = settled()
    _, single = npy(dataset)
    for half in (npy(dataset, dtype="float16")[1], safetensors(dataset, dtype="float16")[1]["vectors"]):
        assert half.dtype == "<f2"
        assert (half.view("<u2") == single.astype("<f2").view("<u2")).all()
    assert (npy(dataset, dtype="float32")[1] == single).all()


def test_the_head_of_npy_is_where_readers_expect_it(world):
    """Rows can be addressed in a file that is mapped."""
    answer, array = npy(world)
    assert len(answer.content) == NPY_HEAD + array.nbytes
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{world.name}.npy"'
    assert "Transfer-Encoding" not in answer.headers


def test_head_says_what_get_would(world):
    for operation in ("export_npy", "export_safetensors", "export_ids"):
        path = f"{world.path}/representations.{operation.removeprefix('export_')}"
        head = world.api.request("HEAD", path, params={"limit": 7}, expect=200)
        got = world.api.get(path, params={"limit": 7}, expect=200)
        assert int(head.headers["Content-Length"]) == len(got.content)
        for name in ("Monoceros-Rows", "Monoceros-Ids-Digest", "Monoceros-Transfer"):
            assert head.headers[name] == got.headers[name]


# -- slices --

def test_shards_add_up(settled):
    dataset = settled(80, shards=8)
    names, expected = listed(dataset, transfer="mean_shift")
    parts = ["0", "1-3", "4-4", "5-7"]
    assert sum((ids(dataset, shards=part)[1] for part in parts), []) == names
    assert (numpy.concatenate([npy(dataset, shards=part)[1] for part in parts]) == expected).all()
    assert len({len(ids(dataset, shards=str(shard))[1]) for shard in range(8)}) > 1


@pytest.mark.parametrize("bad", ["8", "0-8", "3-2", "-1", "1-", "-", "a", "0-1-2", "0,1", " 1", "99999-9999"])
def test_shards_that_are_not(settled, bad):
    dataset = settled(3, shards=8)
    answer = dataset.api.call("export_npy", dataset=dataset.name, params={"shards": bad}, expect=422)
    assert answer.pointers == ["?shards"]


@pytest.mark.parametrize("limit", [1, 59, 60, 61, 1_000_000])
def test_limit(settled, limit):
    dataset = settled()
    names, expected = listed(dataset, transfer="mean_shift")
    assert ids(dataset, limit=limit)[1] == names[:limit]
    assert (npy(dataset, limit=limit)[1] == expected[:limit]).all()
    assert unpack_ids(safetensors(dataset, limit=limit)[1]["ids"]) == names[:limit]


def test_run_recipe_and_view(settled):
    dataset = settled(20)
    first = ids(dataset)[1]
    dataset.load(generate(30)[20:])
    second = dataset.run(["captions", "representations"])["id"]
    recipe = dataset.captions()[0]["recipe"]
    everything = ids(dataset)[1]
    assert len(everything) == 30
    assert sorted(ids(dataset, run=dataset.finished_run)[1]) == sorted(first)
    assert set(ids(dataset, run=second)[1]) == set(everything) - set(first)
    assert ids(dataset, recipe=recipe)[1] == ids(dataset, view="all")[1] == everything
    assert ids(dataset, recipe="0" * 32)[1] == []
    for name in ("run", "recipe"):
        answer = dataset.api.call("export_ids", dataset=dataset.name, params={name: "x"}, expect=422)
        assert answer.pointers == [f"?{name}"]


def test_view_all_has_what_a_newer_recipe_hides(settled):
    dataset = settled(10)
    old = ids(dataset)[1]
    dataset.run(["captions", "representations"], captions={"salt": "again"})
    new = ids(dataset)[1]
    assert not set(old) & set(new)
    assert set(ids(dataset, view="all")[1]) == set(old) | set(new)
    assert ids(dataset, view="default")[1] == new


def test_an_empty_slice_is_a_whole_file(settled):
    dataset = settled(3)
    for params in ({"recipe": "0" * 32}, {"run": "0" * 32}):
        answer, array = npy(dataset, **params)
        assert array.shape == (0, 1280) and answer.headers["Monoceros-Rows"] == "0"
        assert ids(dataset, **params)[1] == []
        arrays = safetensors(dataset, **params)[1]
        assert arrays["ids"].shape == (0, 3) and arrays["vectors"].shape == (0, 1280)


def test_what_was_rejected_is_not_there(settled):
    dataset = settled(12)
    names = ids(dataset)[1]
    review = dataset.api.call("create_review", dataset=dataset.name, json={"sample": 12}).json()["id"]
    items = dataset.api.call("lease_review_items", review=review,
                             json={"reviewer": "ann", "count": 12}).json()["items"]
    dataset.api.call("give_verdicts", review=review, json={"reviewer": "ann", "verdicts": [
        {"caption_id": items[0]["caption_id"], "token": items[0]["token"], "verdict": "rejected"}]})
    left = [name for name in names if name != items[0]["caption_id"]]
    assert ids(dataset)[1] == left
    assert len(npy(dataset)[1]) == 11


# -- rows without a representation --

def test_rows_without_a_difference_are_left_out_and_counted(settled, database):
    """The mean is moved to where one of the embeddings is: nothing is left of that one."""
    dataset = settled(9)
    names, plain = listed(dataset, transfer="none")
    mean = ",".join(repr(float(x)) for x in plain[4].astype(numpy.float64))
    database.execute(f"UPDATE moments SET mean = '{{{mean}}}' WHERE run_id = '{dataset.finished_run}'")
    page = dataset.api.get(dataset.path + "/representations", expect=200).json()["items"]
    assert ["error" in item for item in page] == [i == 4 for i in range(9)]
    kept = names[:4] + names[5:]
    answer, array = npy(dataset)
    assert answer.headers["Monoceros-Left-Out"] == "1" and array.shape == (8, 1280)
    assert [item["id"] for item in page if "error" not in item] == kept == ids(dataset)[1]
    expected = numpy.array([item["vector"] for item in page if "error" not in item], "<f4")
    assert (array == expected).all()
    arrays = safetensors(dataset)[1]
    assert unpack_ids(arrays["ids"]) == kept and (arrays["vectors"] == expected).all()
    assert ids(dataset, limit=5)[1] == kept[:5]


# -- refusals --

def test_nothing_is_ready_before_a_run(api, dataset):
    dataset.add(generate(3))
    for operation in ("export_npy", "export_safetensors", "export_ids"):
        answer = api.call(operation, dataset=dataset.name, expect=409)
        assert answer.problem == "transfer-not-ready"


def test_transfers_that_are_not(api, world):
    api.call("export_npy", dataset=world.name, params={"transfer": "nonsense"}, expect=422)
    api.call("export_npy", dataset=world.name, params={"transfer": "0" * 32}, expect=404)


# -- a stream that cannot keep its promise --

def begin(server, path):
    """Asks for a file and reads its headers only."""
    host = urllib.parse.urlsplit(server.base)
    sock = socket.create_connection((host.hostname, host.port), timeout=60)
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(1024)
    head, body = data.split(b"\r\n\r\n", 1)
    length, = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    return sock, length, body


def rest(sock, body):
    """All that comes until the end of the connection, or None when that was cut."""
    sock.settimeout(60)
    while True:
        try:
            piece = sock.recv(1 << 20)
        except ConnectionResetError:
            return body
        if not piece:
            return body
        body += piece


@pytest.fixture
def large(new_server):
    """More than the buffers on the way take: a client that does not read stops the stream."""
    server = new_server()
    dataset = Dataset(Api(server.base), "large", 4, vector_type="float32")
    dataset.load(generate(6000))
    dataset.run(["captions", "representations"])
    return server, dataset


@pytest.mark.parametrize("what", ["a caption is rejected", "the dataset is deleted", "a seed is added"])
def test_captions_that_go_meanwhile(large, what):
    server, dataset = large
    sock, length, body = begin(server, dataset.path + "/representations.npy?transfer=none")
    last = dataset.captions()[-1]
    if what == "a caption is rejected":
        server.database.execute(f"UPDATE captions SET rejected = true WHERE seed_id = '{last['seed_id']}'")
    elif what == "the dataset is deleted":
        dataset.api.call("delete_dataset", dataset=dataset.name)
        until(lambda: server.database.value("SELECT count(*) FROM embeddings") == 0, "the rows to go")
    else:
        dataset.add(["A seed that came later than the header."])
        dataset.run(["captions", "representations"])
    body = rest(sock, body) if what != "a seed is added" else read_exactly(sock, body, length)
    if what == "a seed is added":
        array = numpy.load(io.BytesIO(body), allow_pickle=False)
        assert array.shape == (6000, 1280)
        assert len(ids(dataset)[1]) == 6001
    else:
        assert len(body) < length
    sock.close()


def test_captions_that_come_back_meanwhile(large):
    """Two pages more than were counted are not sent as if they had been."""
    server, dataset = large
    rejected = "seed_id IN (SELECT seed_id FROM captions WHERE shard_id % 65536 > 0 ORDER BY 1 LIMIT 2000)"
    server.database.execute(f"UPDATE captions SET rejected = true WHERE {rejected}")
    sock, length, body = begin(server, dataset.path + "/representations.npy?transfer=none")
    server.database.execute("UPDATE captions SET rejected = false WHERE rejected")
    assert len(rest(sock, body)) < length
    sock.close()


def read_exactly(sock, body, length):
    while len(body) < length:
        piece = sock.recv(1 << 20)
        assert piece, "the body ended early"
        body += piece
    return body


@pytest.mark.skipif(sanitized(), reason="a sanitizer's memory is its own")
def test_memory_does_not_grow_with_the_rows(large):
    server, dataset = large
    for path in ("npy", "safetensors", "ids"):
        dataset.api.get(f"{dataset.path}/representations.{path}", params={"shards": "0"}, expect=200)
    before = server.resident_bytes("VmHWM")
    answer = dataset.api.get(dataset.path + "/representations.safetensors", expect=200)
    assert len(answer.content) > 6000 * 1280 * 4
    assert server.resident_bytes("VmHWM") - before < 12 << 20


def test_half_of_the_threads_export(new_server):
    server = new_server(MONOCEROS_REQUEST_THREADS=2)
    dataset = Dataset(Api(server.base), "busy", 4, vector_type="float32")
    dataset.load(generate(3000))
    dataset.run(["captions", "representations"])
    sock, _, _ = begin(server, dataset.path + "/representations.npy?transfer=none")
    answer = dataset.api.call("export_npy", dataset=dataset.name, expect=503)
    assert int(answer.headers["Retry-After"]) > 0
    dataset.api.call("create_embeddings", json={"input": ["A dog."]})
    sock.close()
    until(lambda: dataset.api.get(dataset.path + "/representations.ids", expect=(200, 503)).status == 200,
          "the thread to notice that the client has left")


def test_log_of_a_broken_export(large):
    server, dataset = large
    sock, _, _ = begin(server, dataset.path + "/representations.npy?transfer=none")
    sock.close()
    until(lambda: b"export_broken" in server.log(), "the log to say so")
    line, = [json.loads(line) for line in server.log().splitlines() if b"export_broken" in line]
    assert "left" in line["detail"]
