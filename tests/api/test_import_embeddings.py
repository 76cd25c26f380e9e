"""Embeddings that were made elsewhere: both kinds of files, refusals by row, and that runs go on from them."""
import gzip
import io
import math
import socket
import urllib.parse

import numpy
import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import Dataset, stage_of
from support.seeds import generate
from support.tensors import pack_ids, read_safetensors, write_safetensors
from support.wait import until

DIMENSION = 1280
NOWHERE = "0" * 32 + "-" + "0" * 16


def load(dataset, data, expect=200, encoder="offline", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataset.api.call("import_embeddings", dataset=dataset.name, data=data, headers=headers,
                            params={"encoder": encoder}, expect=expect)


def npy_bytes(array, version=None):
    out = io.BytesIO()
    numpy.lib.format.write_array(out, numpy.ascontiguousarray(array), version=version)
    return out.getvalue()


def lines(ids, array, end="\n"):
    return "".join(id + end for id in ids).encode() + npy_bytes(array)


def tensors(ids, array):
    return write_safetensors({"ids": pack_ids(ids), "vectors": array})


def text_tensors(ids, array):
    text = numpy.frombuffer("".join(ids).encode(), "u1").reshape(-1, 49)
    return write_safetensors({"ids": text, "vectors": array})


def made(n, dimension=DIMENSION, seed=7):
    return numpy.random.default_rng(seed).standard_normal((n, dimension)).astype("<f4") * 3


def unit(array):
    array = numpy.asarray(array).astype(numpy.float64)
    return array / numpy.sqrt(numpy.sum(array * array, axis=1, keepdims=True))


def counts(answer):
    body = answer.json()
    return tuple(body[name] for name in ("received", "new", "duplicate", "duplicate_differs", "refused"))


def refusals(answer):
    body = answer.json().get("counts") or answer.json()
    return [(row["row"], row["reason"]) for row in body["refused_rows"]]


@pytest.fixture
def captioned(api, new_dataset):
    """A dataset with captions and without embeddings; the captions' ids too."""
    def make(n=30, **settings):
        dataset = new_dataset(api, **settings)
        dataset.load(generate(n))
        dataset.run(["captions"])
        return dataset, [c["id"] for c in dataset.captions()]
    return make


def stored(dataset, ids):
    """Embeddings as they are read when a run has prepared the transfer `none`."""
    dataset.run(["representations"])
    found = dataset.vectors("none")
    return numpy.array([found[id] for id in ids])


# -- both kinds of files --

@pytest.mark.parametrize("form", [lines, tensors, text_tensors])
@pytest.mark.parametrize("vector_type, most", [("float16", 1e-3), ("float32", 1e-7)])
def test_vectors_are_kept_at_unit_length(captioned, form, vector_type, most):
    dataset, ids = captioned(vector_type=vector_type)
    array = made(len(ids))
    answer = load(dataset, form(ids, array))
    assert counts(answer) == (30, 30, 0, 0, 0) and refusals(answer) == []
    assert numpy.abs(stored(dataset, ids) - unit(array)).max() < most


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_types_of_npy(captioned, dtype):
    dataset, ids = captioned(5, vector_type="float32")
    array = made(5).astype(dtype)
    assert counts(load(dataset, lines(ids, array)))[1] == 5
    assert numpy.abs(stored(dataset, ids) - unit(array)).max() < 1e-7


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_npy(captioned, version):
    dataset, ids = captioned(3)
    data = "".join(id + "\n" for id in ids).encode() + npy_bytes(made(3), version)
    assert counts(load(dataset, data)) == (3, 3, 0, 0, 0)


def test_bfloat16(captioned):
    dataset, ids = captioned(4, vector_type="float32")
    array = made(4)
    halves = (array.view("<u4") >> 16).astype("<u2")
    data = tensors(ids, halves.view("<f2")).replace(b'"F16"', b'"BF16"').replace(b'"BF16", ', b'"BF16",')
    assert counts(load(dataset, data)) == (4, 4, 0, 0, 0)
    cut = (halves.astype("<u4") << 16).view("<f4")
    assert numpy.abs(stored(dataset, ids) - unit(cut)).max() < 1e-7


def test_lines_may_end_as_windows_ends_them(captioned):
    dataset, ids = captioned(3)
    assert counts(load(dataset, lines(ids, made(3), end="\r\n"))) == (3, 3, 0, 0, 0)


def test_gzip(captioned):
    dataset, ids = captioned(3)
    data = gzip.compress(tensors(ids, made(3)))
    assert counts(load(dataset, data, Content_Encoding="gzip")) == (3, 3, 0, 0, 0)
    answer = load(dataset, data[:-40], Content_Encoding="gzip", expect=422)
    assert answer.problem == "import-broken"


def test_an_export_can_be_imported_again(captioned, new_dataset):
    dataset, ids = captioned(20, vector_type="float32")
    dataset.run(["representations"])
    files = [dataset.api.call("export_" + name, dataset=dataset.name, params={"transfer": "none"}).content
             for name in ("safetensors", "ids", "npy")]
    expected = dataset.vectors("none")
    for data in (files[0], files[1] + files[2]):
        other = new_dataset(dataset.api, 2, vector_type="float32")
        other.load(generate(20))
        other.run(["captions"])
        assert counts(load(other, data)) == (20, 20, 0, 0, 0)
        other.run(["representations"])
        assert other.vectors("none").keys() == expected.keys()
        for id, vector in other.vectors("none").items():
            assert (vector == expected[id]).all()


def test_many_rows_in_any_order(captioned):
    """More than a batch, and the order of the rows is the file's."""
    dataset, ids = captioned(1500)
    order = numpy.random.default_rng(1).permutation(1500)
    array = made(1500)
    assert counts(load(dataset, lines([ids[i] for i in order], array[order]))) == (1500, 1500, 0, 0, 0)
    assert numpy.abs(stored(dataset, ids) - unit(array)).max() < 1e-3


def test_no_rows(captioned):
    dataset, _ = captioned(1)
    empty = numpy.zeros((0, DIMENSION), "<f4")
    assert counts(load(dataset, tensors([], empty))) == (0, 0, 0, 0, 0)
    load(dataset, lines([], empty), expect=422)  # an .npy file alone has no ids


# -- runs go on from them --

def test_a_run_takes_them_as_they_are(captioned):
    dataset, ids = captioned(10)
    load(dataset, tensors(ids[:6], made(6)))
    run = dataset.run(["representations"])
    stage = stage_of(run, "representations")
    assert (stage["total"], stage["existing"], stage["done"]) == (10, 6, 4)
    dataset.api.get(dataset.path + "/representations", params={"transfer": "mean_shift"}, expect=200)


def test_what_is_there_stays(captioned):
    dataset, ids = captioned(8)
    first, second = made(8, seed=1), made(8, seed=2)
    assert counts(load(dataset, tensors(ids, first))) == (8, 8, 0, 0, 0)
    assert counts(load(dataset, tensors(ids, first * 5))) == (8, 0, 8, 0, 0)
    assert counts(load(dataset, tensors(ids[:3], second[:3]))) == (3, 0, 3, 3, 0)
    assert numpy.abs(stored(dataset, ids) - unit(first)).max() < 1e-3
    twice = [*ids[:2], ids[0]]
    assert counts(load(dataset, tensors(twice, second[:3]))) == (3, 0, 3, 3, 0)


def test_an_id_twice_in_one_file(captioned):
    dataset, ids = captioned(3)
    array = made(3)
    assert counts(load(dataset, lines([ids[0], ids[0], ids[1]], array))) == (3, 2, 1, 1, 0)


# -- refusals by row --

@pytest.mark.parametrize("form", [lines, tensors])
def test_bad_rows_are_refused_and_the_others_kept(captioned, form):
    dataset, ids = captioned(8)
    array = made(10)
    array[1, 3] = math.nan
    array[2, 1279] = math.inf
    array[3] = 0
    names = [*ids, NOWHERE, ids[0][:32] + "-" + "f" * 16]
    answer = load(dataset, form(names, array))
    assert counts(answer) == (10, 5, 0, 0, 5)
    assert refusals(answer) == [(1, "not_finite"), (2, "not_finite"), (3, "zero_vector"),
                                (8, "unknown_id"), (9, "unknown_id")]


def test_lines_that_are_no_ids(captioned):
    dataset, ids = captioned(3)
    names = [ids[0], "nonsense", ids[1].upper(), "", ids[2]]
    answer = load(dataset, lines(names, made(5)))
    assert refusals(answer) == [(1, "malformed_id"), (2, "malformed_id"), (3, "malformed_id")]
    assert counts(answer) == (5, 2, 0, 0, 3)


def test_the_first_hundred_are_told(captioned):
    dataset, ids = captioned(2)
    answer = load(dataset, tensors([NOWHERE] * 1200 + ids, made(1202)))
    assert counts(answer) == (1202, 2, 0, 0, 1200)
    assert refusals(answer) == [(i, "unknown_id") for i in range(100)]


# -- files that are refused whole --

def short(data):
    return data[:-1]


def headed(header, body=b""):
    return len(header).to_bytes(8, "little") + header + body


BAD = {
    "nothing": lambda ids, a: b"",
    "a few bytes": lambda ids, a: b"abc",
    "an .npy file alone": lambda ids, a: npy_bytes(a),
    "ids alone": lambda ids, a: "".join(id + "\n" for id in ids).encode(),
    "a line that never ends": lambda ids, a: b"a" * 1000,
    "too few ids": lambda ids, a: lines(ids[1:], a),
    "too many ids": lambda ids, a: lines([*ids, ids[0]], a),
    "another dimension": lambda ids, a: lines(ids, a[:, :64]),
    "another dimension, tensors": lambda ids, a: tensors(ids, a[:, :64]),
    "Fortran order": lambda ids, a: "".join(i + "\n" for i in ids).encode() + npy_fortran(a),
    "integers": lambda ids, a: lines(ids, a.astype("<i4")),
    "big-endian": lambda ids, a: lines(ids, a.astype(">f4")),
    "three dimensions": lambda ids, a: lines(ids, a[None]),
    "one dimension": lambda ids, a: lines(ids, a[0]),
    "no tensor of ids": lambda ids, a: write_safetensors({"vectors": a}),
    "ids behind the vectors": lambda ids, a: write_safetensors({"vectors": a, "ids": pack_ids(ids)}),
    "ids of another shape": lambda ids, a: write_safetensors({"ids": pack_ids(ids)[:, :2], "vectors": a}),
    "ids of another length": lambda ids, a: write_safetensors({"ids": pack_ids(ids)[1:], "vectors": a}),
    "ids as floats": lambda ids, a: write_safetensors({"ids": pack_ids(ids).astype("<f8"), "vectors": a}),
    "two matrices": lambda ids, a: write_safetensors({"ids": pack_ids(ids), "a": a, "b": a}),
    "a header of 4 GB": lambda ids, a: (2**32).to_bytes(8, "little") + b"{}" * 50,
    "a header that is no JSON": lambda ids, a: headed(b"{nonsense}"),
    "no tensors": lambda ids, a: headed(b"{}      "),
}


def npy_fortran(array):
    out = io.BytesIO()
    numpy.save(out, numpy.asfortranarray(array))
    assert b"'fortran_order': True" in out.getvalue()
    return out.getvalue()


@pytest.mark.parametrize("name", BAD)
def test_bad_files_leave_nothing(captioned, name):
    dataset, ids = captioned(4)
    answer = load(dataset, BAD[name](ids, made(4)), expect=422)
    body = answer.json()
    assert answer.problem == "validation" and len(body["detail"]) > 10
    assert body["counts"]["new"] == 0 and body["counts"]["refused"] == 0
    run = dataset.run(["representations"])
    assert stage_of(run, "representations")["existing"] == 0


@pytest.mark.parametrize("form", [lines, tensors])
def test_files_that_end_early_or_late(captioned, form):
    """What was whole before stays, and the answer says how much that is."""
    dataset, ids = captioned(4)
    data = form(ids, made(4))
    answer = load(dataset, data[:-1], expect=422)
    assert answer.problem == "validation" and answer.json()["counts"]["new"] == 3
    answer = load(dataset, data + b"x", expect=422)
    assert answer.problem == "validation"
    assert counts(load(dataset, data)) == (4, 0, 4, 0, 0)


def test_a_client_that_breaks_off(captioned, server):
    dataset, ids = captioned(4)
    host = urllib.parse.urlsplit(server.base)
    data = tensors(ids, made(4))
    with socket.create_connection((host.hostname, host.port), timeout=60) as sock:
        sock.sendall(f"POST {dataset.path}/embeddings/import?encoder=offline HTTP/1.1\r\nHost: t\r\n"
                     "Content-Type: application/octet-stream\r\n"
                     f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:-2000])
    until(lambda: dataset.api.call("get_dataset", dataset=dataset.name) and server.database.value(
        "SELECT count(*) FROM embeddings e JOIN datasets d ON e.shard_id / 65536 = d.number "
        f"WHERE d.name = '{dataset.name}'") == 3, "the whole rows to be stored")
    assert counts(load(dataset, data)) == (4, 1, 3, 0, 0)


# -- encoders --

def test_the_encoder_must_be_named_and_declared(captioned):
    dataset, ids = captioned(1)
    data = tensors(ids, made(1))
    assert load(dataset, data, encoder="nobody", expect=422).pointers == ["?encoder"]
    answer = dataset.api.call("import_embeddings", dataset=dataset.name, data=data, expect=422)
    assert answer.pointers == ["?encoder"]


def test_vectors_of_an_encoder_that_was_never_asked(new_server, model_server):
    """The first version comes of the file, and is the one that the encoder's own vectors have."""
    api = Api(new_server(**model_settings(model_server)).base)
    dataset = Dataset(api, "offline-made", 4)
    dataset.load(generate(6))
    dataset.run(["captions"], captions={"provider": "offline"})
    ids = [c["id"] for c in dataset.captions()]
    name, = {e["name"] for e in api.call("list_encoders").json()["items"]} - {"offline"}
    answer = load(dataset, tensors(ids[:4], made(4, 64)), encoder=name)
    assert counts(answer) == (4, 4, 0, 0, 0)
    load(dataset, tensors(ids[:4], made(4, 128)), encoder=name, expect=422)
    run = dataset.run(["representations"], representations={"encoder": name})
    stage = stage_of(run, "representations")
    assert (stage["existing"], stage["done"]) == (4, 2)
    page = api.get(dataset.path + "/representations", expect=200).json()
    assert page["encoder"]["id"] == answer.json()["encoder_id"]
    assert page["encoder"]["dimension"] == 64


def test_export_of_what_was_imported(captioned):
    dataset, ids = captioned(9, vector_type="float32")
    array = made(9)
    load(dataset, tensors(ids, array))
    dataset.run(["representations"])
    answer = dataset.api.call("export_safetensors", dataset=dataset.name, params={"transfer": "none"})
    arrays, _ = read_safetensors(answer.content)
    assert (arrays["ids"] == pack_ids(ids)).all()
    assert numpy.abs(arrays["vectors"] - unit(array)).max() < 1e-7
