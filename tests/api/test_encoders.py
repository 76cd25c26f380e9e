"""Versions of encoders: what is noticed when a server answers other vectors than it did, what becomes of the
run, and that vectors of different versions never meet."""
import hashlib
import json

import numpy
import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import stage_of
from support.model_server import vector_for
from support.seeds import generate
from support.statements import Statements
from support.wait import until

N = 60
DIMENSION = 64


@pytest.fixture
def place(new_server, model_server, new_dataset):
    """A dataset on a server of its own: place(MONOCEROS_…=…)."""
    def make(**settings):
        server = new_server(**{**model_settings(model_server), **settings})
        made = new_dataset(Api(server.base))
        made.server = server
        return made
    return make


@pytest.fixture
def embedded(place):
    """With captions, and embeddings of all of them; the run that made them is its `first`."""
    made = place()
    made.load(generate(N))
    made.run(["captions"], captions={"provider": "offline"})
    made.first = made.run(["representations"])
    return made


def encoder(api, name="embeddings"):
    return api.call("get_encoder", encoder=name).json()


def version(api, name="embeddings"):
    """The current one."""
    shown = encoder(api, name)
    found, = [v for v in shown["versions"] if v["id"] == shown["current"]]
    assert found["state"] != "kept"
    return found


def version_id(*parts):
    return hashlib.sha256("\0".join(("encoder", *map(str, parts))).encode()).hexdigest()[:32]


def accept(api, name="embeddings", expect=200):
    return api.call("create_encoder_version", encoder=name, expect=expect)


def transfers(dataset, run):
    return {t["method"]: t["id"] for t in dataset.result(run["id"])["transfers"]}


def check_vectors(dataset, weights, dimension=DIMENSION):
    """Each caption has the vector that a server with these weights answers to its text."""
    vectors = dataset.vectors("none", encoder="embeddings")
    captions = {c["id"]: c["text"] for c in dataset.captions()}
    assert set(vectors) == set(captions)
    for id, text in captions.items():
        assert numpy.dot(vectors[id], vector_for(weights + text, dimension)) > 0.999


def check_moments(dataset, run):
    """They are of the vectors that are read, and of no others."""
    moments, = dataset.result(run["id"])["moments"]
    vectors = numpy.array(list(dataset.vectors("none", encoder="embeddings").values()))
    assert moments["count"] == len(vectors)
    assert numpy.abs(vectors.mean(axis=0) - moments["mean"]).max() < 1e-7


def test_encoders_are_shown(place, model_server):
    api = place(MONOCEROS_ENCODER_API_KEY="a-secret-key", MONOCEROS_ENCODER_REVISION="abc",
                MONOCEROS_ENCODER_BATCH_BYTES=5000).api
    answer = api.call("list_encoders")
    offline, ours = answer.json()["items"]
    assert "a-secret-key" not in answer.text
    assert offline["name"] == "offline" and offline["trial"] and offline["urls"] == []
    assert ours["urls"] == [model_server.url + "/embeddings"] and ours["revision"] == "abc"
    assert ours["calls"] == {"max_in_flight": 16, "texts": 32, "bytes": 5000, "tokens": 16384, "base64": True}
    assert ours["versions"] == [] and "current" not in ours and "dimension" not in ours
    assert ours == encoder(api) and ours["state"] == "ok"


def test_first_use_makes_a_version(embedded, model_server):
    first = version(embedded.api)
    assert first["version"] == 1 and first["dimension"] == DIMENSION and first["state"] == "current"
    assert first["id"] == version_id("embeddings", "openai", "test-encoder", DIMENSION), "as it was before versions"
    assert first["smallest_cosine"] == pytest.approx(1, abs=1e-6) and first["agreed_at"] >= first["created_at"]
    assert stage_of(embedded.first, "representations")["encoder_id"] == first["id"]
    assert model_server.stats()["encoder_probes"] > 0
    check_vectors(embedded, "")
    check_moments(embedded, embedded.first)


def test_each_run_asks_again(embedded, model_server):
    model_server.control(reset=True)
    embedded.load(generate(N + 20))
    embedded.run(["captions"], captions={"provider": "offline"})
    assert model_server.stats()["encoder_probes"] == 0
    run = embedded.run(["representations"])
    assert model_server.stats()["encoder_probes"] > 0
    assert stage_of(run, "representations")["existing"] == N
    assert model_server.stats()["embedding_inputs"] == 20


@pytest.mark.parametrize("cosine, state", [(0.9999, "succeeded"), (0.999, "paused")])
def test_what_counts_as_a_change(embedded, model_server, cosine, state):
    model_server.control(cosine=cosine)
    run = embedded.run(["representations"], state=state)
    assert version(embedded.api)["smallest_cosine"] == pytest.approx(cosine, abs=1e-5)
    assert run.get("reason") == ("encoder-changed" if state == "paused" else None)


def test_a_changed_encoder_stops_the_run(embedded, model_server):
    api, old = embedded.api, version(embedded.api)
    before, untouched = embedded.vectors("none"), transfers(embedded, embedded.first)
    shifted = embedded.vectors("mean_shift")
    model_server.control(reset=True, weights="others")
    run = embedded.run(["representations"], state="paused")
    assert run["reason"] == "encoder-changed"
    assert "version 1" in run["reason_detail"] and "/v1/encoders/embeddings/versions" in run["reason_detail"]
    assert model_server.stats()["embedding_inputs"] == 0
    assert version(api)["state"] == "changed" and version(api)["smallest_cosine"] < 0.9995
    assert version(api)["agreed_at"] == old["agreed_at"]
    # Nothing is computed of both.
    answer = api.call("compute_representations", expect=409,
                      json={"input": ["A dog runs."], "dataset": embedded.name})
    assert "bring the model back" in answer.json()["detail"]
    # Resuming alone changes nothing.
    api.call("resume_run", run=run["id"])
    assert embedded.wait(run["id"], "paused")["reason"] == "encoder-changed"

    made = accept(api).json()
    assert made["version"] == 2 and made["state"] == "current" and made["id"] != old["id"]
    assert accept(api).json()["id"] == made["id"], "there is nothing new to accept"
    api.call("compute_representations", expect=409, json={"input": ["A dog runs."], "dataset": embedded.name})
    api.call("resume_run", run=run["id"])
    done = embedded.wait(run["id"])
    assert stage_of(done, "representations")["encoder_id"] == made["id"]
    assert stage_of(done, "representations")["done"] == N
    check_vectors(embedded, "others")
    check_moments(embedded, done)

    # What was made before reads as it did, and is the old version's.
    ours = transfers(embedded, done)
    for method, vectors in (("none", before), ("mean_shift", shifted)):
        again = embedded.vectors(untouched[method])
        assert all((again[id] == vectors[id]).all() for id in vectors)
        page = api.get(embedded.path + "/representations", expect=200, params={"transfer": untouched[method]}).json()
        assert page["encoder"]["id"] == old["id"]
    api.call("compute_representations", expect=409, json={
        "input": ["A dog runs."], "dataset": embedded.name, "transfer": untouched["mean_shift"]})
    answer = api.call("compute_representations", json={"input": ["A dog runs."], "dataset": embedded.name}).json()
    assert answer["encoder"]["id"] == made["id"] and answer["transfer"]["id"] == ours["mean_shift"]
    assert [v["state"] for v in encoder(api)["versions"]] == ["kept", "current"]


def test_a_model_that_changes_in_the_middle(place, model_server):
    """What was made since it last agreed is taken back; what was imported, which is without a run, is not."""
    dataset = place(MONOCEROS_ENCODER_BATCH=4, MONOCEROS_ENCODER_MAX_IN_FLIGHT=1, MONOCEROS_RANGE_SIZE=8)
    dataset.load(generate(N))
    dataset.run(["captions"], captions={"provider": "offline"})
    model_server.control(reset=True, delay_ms=30)
    run = dataset.start(["representations"])
    until(lambda: model_server.stats()["embedding_inputs"] > N / 3, "some vectors")
    model_server.control(weights="others", delay_ms=0)
    assert dataset.wait(run["id"], "paused")["reason"] == "encoder-changed"
    assert dataset.server.database.execute("SELECT count(*) FROM moments").strip() == "0"
    dataset.server.database.execute(f"""
        UPDATE embeddings SET run_id = '{"0" * 32}', created_at = now() WHERE seed_id =
            (SELECT seed_id FROM embeddings ORDER BY created_at LIMIT 1)""")
    model_server.control(weights="")
    dataset.api.call("resume_run", run=run["id"])
    done = dataset.wait(run["id"])
    check_vectors(dataset, "")
    check_moments(dataset, done)
    stage = stage_of(done, "representations")
    assert (stage["done"], stage["existing"]) == (N - 1, 1)
    assert version(dataset.api)["state"] == "current"


def test_a_change_that_another_server_has_found(embedded):
    """An answer from before it does not make it undone, or what was made meanwhile would be kept."""
    sql, state = Statements(embedded.server.database), "SELECT cosine, checked_at FROM encoders WHERE name = 'embeddings'"
    id = version(embedded.api)["id"]
    sql.run("encoder_checked", id, 0.5, b"")
    found = embedded.server.database.query(state)
    sql.run("encoder_checked", id, 1.0, b"")
    assert embedded.server.database.query(state) == found and found[0]["cosine"] == 0.5
    sql.run("encoder_undo", id, 1.0)
    sql.run("encoder_checked", id, 0.9999, b"")
    assert embedded.server.database.query(state)[0]["cosine"] == 0.9999


def test_a_version_is_accepted_in_the_middle(place, model_server):
    dataset = place(MONOCEROS_ENCODER_BATCH=4, MONOCEROS_ENCODER_MAX_IN_FLIGHT=1, MONOCEROS_RANGE_SIZE=8)
    dataset.load(generate(N))
    dataset.run(["captions"], captions={"provider": "offline"})
    model_server.control(reset=True, delay_ms=30)
    run = dataset.start(["representations"])
    until(lambda: model_server.stats()["embedding_inputs"] > N / 3, "some vectors")
    model_server.control(weights="others", delay_ms=0)
    dataset.wait(run["id"], "paused")
    accept(dataset.api)
    dataset.api.call("resume_run", run=run["id"])
    done = dataset.wait(run["id"])
    check_vectors(dataset, "others")
    check_moments(dataset, done)
    assert stage_of(done, "representations")["done"] == N


def test_another_dimension(embedded, model_server):
    model_server.control(dimension=48)
    run = embedded.run(["representations"], state="paused")
    assert run["reason"] == "encoder-changed" and "48" in run["reason_detail"]
    assert accept(embedded.api).json()["dimension"] == 48
    embedded.api.call("resume_run", run=run["id"])
    check_moments(embedded, embedded.wait(run["id"]))
    check_vectors(embedded, "", 48)


def test_another_revision_is_another_encoder(embedded, model_server):
    """As is another model: that is what the operator has said, and nothing is noticed."""
    old, server = version(embedded.api), embedded.server
    server.stop()
    server.settings["MONOCEROS_ENCODER_REVISION"] = "second"
    server.start()
    embedded.api = Api(server.base)
    model_server.control(reset=True, weights="others")
    run = embedded.run(["representations"])
    new = version(embedded.api)
    assert new["revision"] == "second" and new["version"] == 1 and new["id"] != old["id"]
    assert new["id"] == version_id("embeddings", "openai", "test-encoder", DIMENSION, "second", "", 1)
    assert stage_of(run, "representations")["done"] == N
    check_vectors(embedded, "others")
    check_moments(embedded, run)


def test_settings_that_change_below_a_run(embedded, model_server):
    server = embedded.server
    model_server.control(reset=True, weights="others")
    run = embedded.run(["representations"], state="paused")
    embedded.run(["captions"], captions={"provider": "offline", "salt": "again"})
    server.stop()
    server.settings["MONOCEROS_ENCODER_MODEL"] = "another-model"
    server.start()
    embedded.api = Api(server.base)
    embedded.api.call("resume_run", run=run["id"])
    done = embedded.wait(run["id"])
    assert stage_of(done, "representations")["encoder_id"] == version(embedded.api)["id"]
    assert version(embedded.api)["model"] == "another-model"


def test_an_encoder_that_is_not_there(place, model_server):
    api = place().api
    model_server.control(dimension=0)
    assert accept(api, expect=502).problem == "provider-failed"
    model_server.control(dimension=DIMENSION, api_key="another-key")
    assert accept(api, expect=503).problem == "service-unavailable"
    assert encoder(api)["state"] == "stopped" and "401" in encoder(api)["reason"]
    model_server.control(api_key=None)
    assert until(lambda: accept(api, expect=(200, 503)).json().get("version"), "a version") == 1
    assert encoder(api)["state"] == "ok"


def test_tei(place, model_server):
    """Text Embeddings Inference takes 32 texts and answers bare arrays."""
    model_server.control(batch_max=32, batch_status=422)
    dataset = place(MONOCEROS_ENCODER_KIND="tei", MONOCEROS_ENCODER_URL=model_server.root,
                    MONOCEROS_ENCODER_BATCH=256)
    dataset.load(generate(200))
    dataset.run(["captions"], captions={"provider": "offline"})
    run = dataset.run(["representations"])
    assert stage_of(run, "representations")["done"] == 200
    check_vectors(dataset, "")
    check_moments(dataset, run)
    assert model_server.stats()["embedding_requests"] <= 20
    shown = encoder(dataset.api)
    assert shown["kind"] == "tei" and shown["calls"]["texts"] <= 32 and not shown["calls"]["base64"]


def test_a_server_without_base64(place, model_server):
    model_server.control(base64=422)
    dataset = place()
    dataset.load(generate(N))
    dataset.run(["captions", "representations"], captions={"provider": "offline"})
    check_vectors(dataset, "")
    assert encoder(dataset.api)["calls"]["base64"] is False


# -- texts that are longer than the encoder reads --

@pytest.mark.parametrize("reads, warned", [(1000, False), (20, True)])
def test_truncated_texts_are_counted(place, model_server, reads, warned):
    model_server.control(reads=reads)
    dataset = place()
    dataset.load(generate(N))
    dataset.run(["captions"], captions={"provider": "offline"})
    run = dataset.run(["representations"])
    long = sum(len(c["text"].split()) > reads for c in dataset.captions())
    assert (long > 0.05 * N) == warned
    assert stage_of(run, "representations").get("truncated", 0) == long
    assert [w["code"] for w in run.get("warnings", [])] == ["truncated"] * warned
    rows = dataset.server.database.execute("SELECT count(*) FROM embeddings WHERE truncated")
    assert int(rows) == long
    report = dataset.api.get(dataset.path + "/report", expect=200).json()
    assert ("truncated" in [w["code"] for w in report["warnings"]]) == warned
    usage, = [u for u in report["usage"] if u["stage"] == "representations"]
    assert usage["truncated"] == long


def test_truncated_texts_that_were_taken_back(embedded):
    """Their count outlives them until they are embedded again; nothing is a share of no vectors."""
    database = embedded.server.database
    stages = database.value("SELECT summary::text FROM runs WHERE 'representations' = ANY (stages)")
    stage, = json.loads(stages)
    database.execute("UPDATE runs SET summary = '"
                     f"{json.dumps([{**stage, 'done': 0, 'truncated': 3}])}' WHERE run_id = '{embedded.first['id']}'")
    run = embedded.api.call("get_run", run=embedded.first["id"]).json()
    assert stage_of(run, "representations")["truncated"] == 3 and "warnings" not in run


def test_truncated_by_the_count_of_tokens(place, model_server):
    """A server that says nothing but how many tokens it has read."""
    dataset = place(MONOCEROS_ENCODER_MAX_TOKENS=20)
    texts = ["Five words are not many.", "word " * 19 + "end", "word " * 30 + "end"]
    dataset.add(generate(3))
    dataset.load_captions([{"seed_id": seed["id"], "text": text}
                           for seed, text in zip(dataset.seeds(), texts)])
    model_server.control(reads=20, tell=False)
    run = dataset.run(["representations"])
    assert stage_of(run, "representations")["truncated"] == 2
