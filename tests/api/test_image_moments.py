"""The image side of transfers: given as moments, or computed from files of vectors."""
import concurrent.futures
import gzip
import http.client
import json
import re
import urllib.parse

import numpy
import pytest

from support import images
from support.client import Api
from support.dataset import Dataset
from support.seeds import generate
from support.server import sanitized

ROWS = images.vectors(200)


def put(api, body, **more):
    return api.call("put_image_moments", encoder="offline", json=body, **more)


def upload(api, data, label="upload", headers=None, **more):
    return api.call("import_image_moments", encoder="offline", data=data, params={"label": label}, headers=headers,
                    **more)


def stored(database, moments):
    """What the database has: mean and sample as numpy."""
    text = database.value(f"SELECT json_build_object('mean', mean, 'trace', trace, 'count', count, 'sample', "
                          f"encode(sample, 'hex')) FROM moments WHERE moments_id = '{moments['id']}'")
    found = json.loads(text) if isinstance(text, str) else text
    sample = numpy.frombuffer(bytes.fromhex(found["sample"] or ""), "<f2").reshape(-1, images.DIMENSION)
    return numpy.array(found["mean"]), found["trace"], found["count"], sample


# -- as numbers --

def test_every_put_is_a_new_version(api):
    first = put(api, images.moments(ROWS, "versions")).json()
    second = put(api, images.moments(ROWS, "versions")).json()
    other = put(api, images.moments(ROWS, "versions-b")).json()
    assert [m["version"] for m in (first, second, other)] == [1, 2, 1]
    assert len({m["id"] for m in (first, second, other)}) == 3
    assert first["source"] == "moments" and first["sampled"] == 0 and first["count"] == len(ROWS)
    assert "refused" not in first and "warning" not in first
    listed = api.items("/v1/encoders/offline/image-moments", label="versions")
    assert [m["version"] for m in listed] == [2, 1]
    assert listed[1] == first


def test_the_numbers_are_kept_as_they_are(api, database):
    body = images.moments(ROWS, "exact")
    mean, trace, count, sample = stored(database, put(api, body).json())
    assert mean.tolist() == body["mean"] and trace == body["trace"] and count == body["count"]
    assert len(sample) == 0


def test_many_at_once(api):
    def one(_):
        return put(Api(api.base), images.moments(ROWS, "rush")).json()["version"]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, range(12))) == list(range(1, 13))


def test_without_a_label(api):
    assert put(api, images.moments(ROWS)).json()["label"] == "default"
    made = api.call("import_image_moments", encoder="offline", data=images.npy(ROWS[:2])).json()
    assert made["label"] == "default"


def test_pages(api):
    for label in ("page-a", "page-b", "page-A"):
        for _ in range(3):
            put(api, images.moments(ROWS[:2], label))
    path = "/v1/encoders/offline/image-moments"
    everything = api.items(path)
    assert api.items(path, page_size=2) == everything
    ours = [(m["label"], m["version"]) for m in everything if m["label"].lower().startswith("page-")]
    assert sorted(ours) == sorted((label, v) for label in ("page-a", "page-b", "page-A") for v in (1, 2, 3))
    assert [v for label, v in ours if label == "page-a"] == [3, 2, 1]
    assert api.items(path, label="there-is-none") == []


def test_vectors_that_were_not_of_unit_length(api):
    assert "length one" in put(api, images.moments(ROWS * 3, "long")).json()["warning"]


def changed(**members):
    return {**images.moments(ROWS[:5]), **members}


@pytest.mark.parametrize("body, pointer", [
    (changed(mean=[0.1] * 1279), "/mean"), (changed(mean=[0.1] * 1281), "/mean"), (changed(mean=[]), "/mean"),
    (changed(trace=-0.1), "/trace"), (changed(count=1), "/count"), (changed(count=0), "/count"),
    (changed(count=1.5), "/count"), (changed(label=""), "/label"), (changed(label="a b"), "/label"),
    (changed(label="-a"), "/label"), (changed(label="a@1"), "/label"), (changed(label="ab" * 16), "/label"),
    (changed(label="é"), "/label"), (changed(label="x" * 64), "/label")], ids=range(14))
def test_refused(api, body, pointer):
    assert pointer in put(api, body, expect=422).pointers


def test_a_bad_label_in_the_query(api):
    for label in ("a b", "ab" * 16):
        answer = upload(api, images.npy(ROWS[:2]), label, expect=422)
        assert answer.pointers == ["?label"]


def test_numbers_that_are_none(api):
    for value in (b"NaN", b"Infinity", b"1e999", b"-1e999"):
        body = json.dumps(images.moments(ROWS[:2])).encode()
        body = re.sub(rb'"trace": [^,]*', b'"trace": ' + value, body)
        api.raw("PUT", "/v1/encoders/offline/image-moments", body, [("Content-Type", "application/json")],
                expect=400)


def test_json_that_is_too_long(api):
    body = b"{" + b" " * (1 << 20) + b"}"
    answer = api.raw("PUT", "/v1/encoders/offline/image-moments", body, [("Content-Type", "application/json")],
                     expect=413)
    assert answer.problem == "payload-too-large"


def test_an_encoder_that_nobody_has_used(new_server, model_server):
    """Its dimension is not known before it has answered once."""
    server = new_server(MONOCEROS_ENCODER_URL=model_server.url, MONOCEROS_ENCODER_MODEL="test-encoder")
    api = Api(server.base)
    body = images.moments(images.vectors(10, dimension=64), "small")
    assert api.items("/v1/encoders/embeddings/image-moments") == []
    answer = api.call("put_image_moments", encoder="embeddings", json=body, expect=409)
    assert answer.problem == "conflict"
    rows = images.npy(images.vectors(10, dimension=64))
    answer = api.call("import_image_moments", encoder="embeddings", data=rows, expect=409)
    assert answer.problem == "conflict"
    api.call("create_embeddings", json={"input": ["A dog."], "model": "embeddings"})
    made = api.call("put_image_moments", encoder="embeddings", json=body).json()
    assert made["dimension"] == 64 and made["encoder"] == "embeddings"
    assert "/mean" in api.call("put_image_moments", encoder="embeddings", json=images.moments(ROWS),
                               expect=422).pointers
    assert put(api, images.moments(ROWS, "offline")).json()["encoder"] == "offline", "always declared"


def test_an_encoder_with_another_model(new_server, model_server):
    """Moments belong to the model that embeds now; an encoder that is gone keeps its last version."""
    def declare(model):
        return {"MONOCEROS_ENCODER_URL": model_server.url, "MONOCEROS_ENCODER_MODEL": model}

    body = images.moments(images.vectors(10, dimension=64))
    found = []
    server = new_server(**declare("one"))
    for model in ("one", "two"):
        if model == "two":
            server.stop()
            server = new_server(database=server.database, **declare(model))
        api = Api(server.base)
        api.call("put_image_moments", encoder="embeddings", json=body, expect=409)
        api.call("create_embeddings", json={"input": ["A dog."], "model": "embeddings"})
        found.append(api.call("put_image_moments", encoder="embeddings", json=body).json())
    assert found[0]["encoder_id"] != found[1]["encoder_id"]
    assert [m["version"] for m in found] == [1, 1], "versions count for each version of the encoder"
    server.stop()
    api = Api(new_server(database=server.database).base)
    gone = api.call("put_image_moments", encoder="embeddings", json=body).json()
    assert gone["encoder_id"] == found[1]["encoder_id"] and gone["version"] == 2
    assert len(api.items("/v1/encoders/embeddings/image-moments", page_size=1)) == 3


def test_moments_of_a_model_whose_versions_are_fewer(new_server, model_server):
    """A second version of one model is no newer than the first one of the next."""
    def start(model, **more):
        server = new_server(MONOCEROS_ENCODER_URL=model_server.url, MONOCEROS_ENCODER_MODEL=model, **more)
        return server, Api(server.base)

    def put_some(api):
        return api.call("put_image_moments", encoder="embeddings", json=body).json()["encoder_id"]

    body = images.moments(images.vectors(10, dimension=64), "photos")
    server, api = start("one")
    api.call("create_encoder_version", encoder="embeddings")
    model_server.control(weights="others")
    assert api.call("create_encoder_version", encoder="embeddings").json()["version"] == 2
    old = put_some(api)
    server.stop()
    server, api = start("two", database=server.database)
    assert api.call("create_encoder_version", encoder="embeddings").json()["version"] == 1
    new = put_some(api)
    assert new != old
    dataset = Dataset(api, "fewer", 1)
    dataset.load(generate(4))
    run = dataset.run(["captions", "representations"], representations={
        "encoder": "embeddings", "transfer": "realign", "image_moments": "photos"})
    made = api.items(dataset.path + "/transfers", method="realign")
    assert [(t["run"], t["encoder"]["id"], t["state"]) for t in made] == [(run["id"], new, "ready")]
    server.stop()
    assert put_some(Api(new_server(database=server.database).base)) == new


# -- as files --

FILES = [("npy", "<f2", 2e-3), ("npy", "<f4", 1e-7), ("npy", "<f8", 1e-7), ("safetensors", "F16", 2e-3),
         ("safetensors", "BF16", 2e-2), ("safetensors", "F32", 1e-7), ("safetensors", "F64", 1e-7)]


@pytest.mark.parametrize("form, dtype, tolerance", FILES)
def test_a_file_of_vectors(api, database, form, dtype, tolerance):
    made = upload(api, getattr(images, form)(ROWS * 2.5, dtype), f"{form}-{dtype.strip('<')}").json()
    assert made["source"] == form and made["count"] == len(ROWS) == made["sampled"]
    assert made["refused"] == 0 and made["refused_rows"] == [] and "warning" not in made
    mean, trace, count, sample = stored(database, made)
    expected = images.moments(ROWS)
    assert numpy.abs(mean - expected["mean"]).max() < tolerance and abs(trace - expected["trace"]) < tolerance
    assert count == len(ROWS) and numpy.abs(sample - ROWS).max() < max(tolerance, 1e-3)


def test_moments_to_the_last_digits(api, database):
    """Each row at unit length in float32, sums in float64."""
    made = upload(api, images.npy(ROWS.astype("<f4") * numpy.float32(3)), "digits").json()
    rows = ROWS.astype("<f4") * numpy.float32(3)
    unit = rows.astype("f8")
    unit = (unit / numpy.linalg.norm(unit, axis=1, keepdims=True)).astype("<f4").astype("f8")
    mean, trace, _, _ = stored(database, made)
    assert numpy.abs(mean - unit.mean(axis=0)).max() < 1e-12
    assert abs(trace - ((unit - unit.mean(axis=0)) ** 2).sum(axis=1).mean()) < 1e-12


def test_compressed(api):
    made = upload(api, gzip.compress(images.npy(ROWS)), "gzip", {"Content-Encoding": "gzip"}).json()
    assert made["count"] == len(ROWS)


def test_bad_rows_by_number(api, database):
    rows = ROWS.copy()
    rows[3] = 0
    rows[17, 5] = numpy.nan
    rows[18, 1279] = numpy.inf
    rows[-1] = 0
    made = upload(api, images.npy(rows), "bad-rows").json()
    assert made["refused"] == 4 and made["count"] == len(ROWS) - 4 == made["sampled"]
    assert made["refused_rows"] == [{"row": 3, "reason": "zero_vector"}, {"row": 17, "reason": "not_finite"},
                                    {"row": 18, "reason": "not_finite"},
                                    {"row": len(ROWS) - 1, "reason": "zero_vector"}]
    good = numpy.delete(ROWS, [3, 17, 18, len(ROWS) - 1], axis=0)
    mean, trace, _, sample = stored(database, made)
    assert numpy.abs(mean - images.moments(good)["mean"]).max() < 1e-7
    assert abs(trace - images.moments(good)["trace"]) < 1e-7
    assert numpy.isfinite(sample).all()


def test_only_the_first_hundred_are_named(api):
    rows = numpy.concatenate([numpy.zeros((150, images.DIMENSION)), ROWS])
    made = upload(api, images.npy(rows), "many-bad").json()
    assert made["refused"] == 150 and made["count"] == len(ROWS)
    assert [r["row"] for r in made["refused_rows"]] == list(range(100))


def test_too_few_rows(api):
    for rows in (ROWS[:1], ROWS[:0], numpy.concatenate([ROWS[:1], numpy.zeros((5, images.DIMENSION))])):
        assert upload(api, images.npy(rows), "too-few", expect=409).problem == "too-few-vectors"
    assert api.items("/v1/encoders/offline/image-moments", label="too-few") == []


def test_the_sample_is_bounded_and_reproducible(api, database):
    rows = images.vectors(5000, seed=8)
    first, second = (upload(api, images.npy(rows, "<f2"), "sampled").json() for _ in range(2))
    assert first["sampled"] == second["sampled"] == 2048 and first["count"] == 5000
    samples = [stored(database, made)[3] for made in (first, second)]
    assert (samples[0] == samples[1]).all()
    # Of the rows that were sent, each at most once, from all over the file.
    unit = rows.astype("<f2").astype("f8")
    unit = (unit / numpy.linalg.norm(unit, axis=1, keepdims=True)).astype("<f4").astype("<f2")
    numbers = {row.tobytes(): i for i, row in enumerate(unit)}
    taken = [numbers[row.tobytes()] for row in samples[0]]
    assert len(set(taken)) == 2048
    # Each fifth has 410 on average with a deviation below 16.
    fifths = numpy.histogram(taken, bins=5, range=(0, 5000))[0]
    assert (numpy.abs(fifths - 409.6) < 80).all()


def header(text, version=1):
    data = text.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(data).to_bytes(2, "little") + data


BODY = ROWS.astype("<f4").tobytes()
NPY, SAFE = images.npy(ROWS), images.safetensors(ROWS)
BAD = {
    "empty": b"", "text": b"caption,vector\n1,2\n", "zip": b"PK\x03\x04" + b"\0" * 100,
    "pickle": b"\x80\x04\x95" + b"\0" * 100, "short magic": NPY[:5], "no header": NPY[:10], "half": NPY[:-1],
    "cut in a row": NPY[:-2561], "more": NPY + b"\0", "one dimension": images.npy(ROWS[0]),
    "narrow": images.npy(ROWS[:, :64]), "three dimensions": images.npy(ROWS.reshape(10, 20, 1280)),
    "fortran": images.npy(numpy.asfortranarray(ROWS)), "integers": images.npy(ROWS, "<i4"),
    "big-endian": images.npy(ROWS, ">f4"), "complex": images.npy(ROWS, "<c8"),
    "negative": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 1280), }") + BODY,
    "huge": header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 1280), }") + BODY,
    "code": header("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(), 1280), }") + BODY,
    "missing key": header("{'descr': '<f4', 'shape': (200, 1280), }") + BODY,
    "object": header("{'descr': '|O', 'fortran_order': False, 'shape': (200, 1280), }") + BODY,
    "4 GB header": (4 << 30).to_bytes(8, "little") + b"{" + b" " * 1000,
    "header of all bits": b"\xff" * 8 + b"{" + b" " * 1000, "safetensors half": SAFE[:-1],
    "safetensors more": SAFE + b"\0", "safetensors header cut": SAFE[:40],
    "safetensors integers": images.safetensors(ROWS).replace(b'"F32"', b'"I32"'),
    "safetensors offsets": images.safetensors(ROWS).replace(b'[0, ', b'[8, '),
    "safetensors negative": images.safetensors(ROWS).replace(b'[0, ', b'[-1,'),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_files_that_are_not_what_they_say(api, name):
    answer = upload(api, BAD[name], "bad-file", expect=422)
    assert answer.json()["detail"]
    assert api.items("/v1/encoders/offline/image-moments", label="bad-file") == [], "nothing is kept"


def test_a_client_that_leaves(api):
    host = urllib.parse.urlsplit(api.base)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=60)
    connection.putrequest("POST", "/v1/encoders/offline/image-moments/import?label=gone")
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(len(NPY)))
    connection.endheaders(NPY[:len(NPY) // 2])
    connection.close()
    upload(api, NPY, "stayed")
    assert api.items("/v1/encoders/offline/image-moments", label="gone") == []


def memory(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) << 10


def test_a_large_file_takes_little_memory(new_server):
    """Constant memory: the sample and a few buffers, however long the file is."""
    server = new_server()
    api = Api(server.base)
    upload(api, images.npy(ROWS), "warm")
    before = memory(server.process)
    block = images.vectors(1000).astype("<f2").tobytes()
    head = header("{'descr': '<f2', 'fortran_order': False, 'shape': (100000, 1280), }")
    made = upload(api, (part for part in [head] + [block] * 100), "large").json()
    assert made["count"] == 100000 and made["sampled"] == 2048
    # Sanitizers keep shadows of all that is touched, and what was freed for a while.
    assert memory(server.process) - before < (128 if sanitized() else 48) << 20, "of a file of 244 MiB"


def test_a_transfer_from_a_file(api, new_dataset):
    """From unpaired image vectors to representations that lie where the images do."""
    dataset = new_dataset(api)
    dataset.load([f"Number {i}, a dog on a mat." for i in range(20)])
    dataset.run(["captions", "representations"])
    upload(api, images.safetensors(ROWS, "F16"), "from-file")
    body = {"method": "mean_shift", "parameters": {"image_mean": True}, "image_moments": "from-file"}
    one = api.call("create_transfer", dataset=dataset.name, json=body).json()
    assert one["image_moments"]["count"] == len(ROWS) and one["own_image_mean"] is False
    vectors = numpy.stack(list(dataset.vectors(one["id"]).values()))
    assert (vectors @ ROWS.mean(axis=0)).mean() > 0.5
