"""A CLIP text tower computed in the service, with the models of tests/fixtures/clip."""
import hashlib
import json
import pathlib

import numpy
import pytest

from support.client import CONTRACT, Api
from support.cluster import Database
from support.dataset import Dataset, decode_vector, stage_of
from support.seeds import generate
from support.server import Server, run

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures/clip"
MODELS = ("quick", "long", "shards")


def cases(name):
    made = json.loads((FIXTURES / name / "cases.json").read_text(encoding="utf-8"))
    return [case for case in made if case["text"] and "\0" not in case["text"]]


def unit(vector):
    return numpy.array(vector) / numpy.linalg.norm(vector)


@pytest.fixture(scope="module")
def clip_server(cluster, tmp_path_factory):
    """The encoder `clip`, and one of each other model under the model's name."""
    file = tmp_path_factory.mktemp("clip") / "monoceros.ini"
    file.write_text("".join(f"[encoder {name}]\nkind = clip\npath = {FIXTURES / name}\n" for name in MODELS[1:]),
                    encoding="utf-8")
    made = Server(Database(cluster), MONOCEROS_CONFIG=file, MONOCEROS_ENCODER_PATH=FIXTURES / "quick")
    made.migrate()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def clip_api(clip_server):
    return Api(clip_server.base)


def embed(api, texts, model):
    answer = api.call("create_embeddings", json={"input": texts, "model": model, "encoding_format": "base64"})
    return [decode_vector(item["embedding"]) for item in answer.json()["data"]], answer.json()["usage"]


@pytest.mark.parametrize("encoder, name", [("clip", "quick"), ("long", "long"), ("shards", "shards")])
def test_vectors_of_transformers(clip_api, encoder, name):
    expected = cases(name)
    got, usage = embed(clip_api, [case["text"] for case in expected], encoder)
    for case, vector in zip(expected, got):
        assert numpy.linalg.norm(vector - unit(case["vector"])) < 1e-5, case["text"]
    assert usage["prompt_tokens"] == sum(len(case["ids"]) for case in expected)


def test_one_text_is_the_same_alone(clip_api):
    case = cases("quick")[3]
    got, _ = embed(clip_api, [case["text"]], "clip")
    assert numpy.linalg.norm(got[0] - unit(case["vector"])) < 1e-5


def test_two_thousand_texts(clip_api):
    """As many requests as the limit needs: each text gets the vector that is its own."""
    operation = next(o for o in CONTRACT.operations if o.id == "create_embeddings")
    most = operation.body["properties"]["input"]["maxItems"]
    expected = cases("quick")
    wanted = [expected[i * 7 % len(expected)] for i in range(2048)]
    for start in range(0, len(wanted), most):
        part = wanted[start:start + most]
        got, _ = embed(clip_api, [case["text"] for case in part], "clip")
        off = numpy.array(got) - numpy.array([unit(case["vector"]) for case in part])
        assert numpy.linalg.norm(off, axis=1).max() < 1e-5


def test_a_run(clip_api, new_dataset):
    made = new_dataset(clip_api)
    made.add(generate(150))
    made.run(["captions", "representations"], representations={"encoder": "clip"})
    vectors = made.vectors("none", encoder="clip")
    texts = {caption["id"]: caption["text"] for caption in made.captions()}
    assert len(vectors) == 150 and set(vectors) == set(texts)
    ids = sorted(texts)[:20]
    got, _ = embed(clip_api, [texts[id] for id in ids], "clip")
    for id, vector in zip(ids, got):
        assert numpy.linalg.norm(vectors[id] - vector) < 2e-3  # it was stored in half precision


def test_a_version_knows_its_weights(clip_api, new_dataset):
    made = new_dataset(clip_api)
    made.add(generate(40))
    run = made.run(["captions", "representations"], representations={"encoder": "clip"})
    shown = clip_api.call("get_encoder", encoder="clip").json()
    version, = shown["versions"]
    digest = hashlib.sha256((FIXTURES / "quick/model.safetensors").read_bytes()).hexdigest()
    assert shown["kind"] == "clip" and shown["weights"] == version["weights"] == digest
    assert version["id"] == shown["current"] == stage_of(run, "representations")["encoder_id"]
    assert clip_api.call("create_encoder_version", encoder="clip").json()["id"] == version["id"]
    # All captions are longer than its positions, and the run says so.
    assert stage_of(run, "representations")["truncated"] == 40
    assert [warning["code"] for warning in run["warnings"]] == ["truncated"]


@pytest.mark.parametrize("settings, words", [
    ({"MONOCEROS_ENCODER_PATH": "/nowhere"}, ["config.json"]),
    ({"MONOCEROS_ENCODER_PATH": str(FIXTURES)}, ["config.json"]),
    ({"MONOCEROS_ENCODER_PATH": str(FIXTURES / "quick"), "MONOCEROS_ENCODER_DIMENSION": "17"}, ["16", "17"]),
    ({"MONOCEROS_ENCODER_PATH": str(FIXTURES / "quick"), "MONOCEROS_ENCODER_URL": "http://localhost/v1",
      "MONOCEROS_ENCODER_MODEL": "m"}, ["path"]),
    ({"MONOCEROS_ENCODER_KIND": "clip", "MONOCEROS_ENCODER_URL": "http://localhost/v1"}, ["path"]),
])
def test_a_model_that_cannot_be_loaded(database, settings, words):
    done = run("serve", MONOCEROS_DATABASE_URL=database.url, MONOCEROS_LISTEN="127.0.0.1:0", **settings)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode not in (0, -9)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("timeout", [30, 0])
def test_stop_while_it_computes(new_server, timeout):
    one = new_server(MONOCEROS_ENCODER_PATH=FIXTURES / "long", MONOCEROS_DRAIN_TIMEOUT=timeout)
    made = Dataset(Api(one.base), "clip-stop")
    made.add(generate(400))
    made.start(["captions", "representations"], representations={"encoder": "clip"})
    one.stop()
