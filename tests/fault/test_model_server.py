"""Model servers that misbehave in every way that is known: a run ends, every seed ends as a result or
as a failure with its reason, and nothing is asked for twice without need."""
import collections
import os

import numpy
import pytest

from support import identity
from support.client import Api
from support.dataset import Dataset, stage_of
from support.model_server import vector_for
from support.seeds import generate
from support.server import sanitized
from support.wait import until

TIMEOUT_S = 5
SETTINGS = {"MONOCEROS_LLM_TIMEOUT": TIMEOUT_S, "MONOCEROS_LLM_ATTEMPTS": 2, "MONOCEROS_LLM_STOP_AFTER": 2000,
            "MONOCEROS_ENCODER_TIMEOUT": TIMEOUT_S, "MONOCEROS_ENCODER_ATTEMPTS": 2,
            "MONOCEROS_ENCODER_STOP_AFTER": 2000, "MONOCEROS_LLM_MAX_IN_FLIGHT": 64}


@pytest.fixture
def place(new_server, model_server):
    """A server on the model server, and a dataset on it."""
    def make(**settings):
        server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="test-model",
                            MONOCEROS_ENCODER_URL=model_server.url, MONOCEROS_ENCODER_MODEL="test-encoder",
                            **{**SETTINGS, **settings})
        return server, Dataset(Api(server.base), "faults")
    return make


# What may pass: met by a text's first call only, so that the second attempt succeeds.
PASSING = ["reset", "reset_headers", "cut_headers", "reset_body", "cut_body", "close_delimited", "close",
           "garbage", "truncated_json", "invalid_json", "html", "wrong_schema", "empty_body", "big_headers",
           "flat_error_200", "error_200", "empty", "null"]
# What is about the row and stays.
LASTING = ["refusal", "content_filter", "length", "nul", "spaces", "reasoning_only"]
EVERYTHING = [
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "every": 307},
    {"kind": "status", "status": 429, "retry_after_date_s": 1, "every": 311},
    {"kind": "status", "status": 429, "every": 701},
    {"kind": "hang", "match": " fountain", "first_per_text": 1, "hash_share": 0.05},
    {"kind": "status", "status": 400, "hash_share": 0.01, "route": "chat"},
    {"kind": "status", "status": 422, "hash_share": 0.02, "route": "chat"},
    {"kind": "status", "status": 500, "hash_share": 0.03, "first_per_text": 1},
    {"kind": "status", "status": 503, "hash_share": 0.04, "first_per_text": 1},
    {"kind": "status", "status": 502, "hash_share": 0.05, "first_per_text": 1},
    *[{"kind": kind, "hash_share": 0.015, "first_per_text": 1, "route": "chat"} for kind in PASSING],
    *[{"kind": kind, "hash_share": 0.01, "route": "chat"} for kind in LASTING],
    *[{"kind": kind, "hash_share": 0.02, "first_per_text": 1, "route": "embeddings"}
      for kind in ("reset", "cut_body", "truncated_json", "html", "garbage")],
]


def check_partition(dataset, run):
    """Every seed ended once: in a caption or in a failure that says why."""
    seeds = {seed["id"] for seed in dataset.seeds()}
    captions = collections.Counter(c["seed_id"] for c in dataset.captions(outcome="any", view="all"))
    failures = dataset.failures(run=run["id"], stage="captions")
    failed = collections.Counter(f["seed_id"] for f in failures)
    assert set(captions.values()) <= {1} and set(failed.values()) <= {1}
    assert not set(captions) & set(failed)
    assert set(captions) | set(failed) == seeds
    stage = stage_of(run, "captions")
    assert (stage["done"], stage["failed"], stage["total"]) == (len(captions), len(failed), len(seeds))
    for failure in dataset.failures(run=run["id"]):
        assert failure["reason"] and failure["detail"], failure
    return failures


def test_a_run_through_every_fault(place, model_server):
    n = 600 if sanitized() else 2000
    server, dataset = place()
    dataset.load(generate(n))
    model_server.control(faults=EVERYTHING)
    run = dataset.run(max_failed=1, dialogues={"mix": {"multiple_choice": 0.2, "question_answering": 0.2}})
    failures = check_partition(dataset, run)
    assert failures and len(failures) < 0.3 * n
    assert {"http_400", "http_422", "refusal"} <= {f["reason"] for f in failures}
    statuses = model_server.stats()["statuses"]
    assert statuses.get("429", 0) > 5 and statuses.get("dropped", 0) > 5
    usable = {c["id"] for c in dataset.captions()}
    vectors = dataset.vectors("none", encoder="embeddings")
    assert set(vectors) <= usable
    missing = {f["seed_id"] for f in dataset.failures(run=run["id"], stage="representations")}
    assert {id[:32] for id in usable - set(vectors)} == missing
    check_vectors(dataset, vectors)
    check_dialogues(dataset, run)
    assert server.database.value("SELECT count(*) FROM tasks") == 0

    # Mended: the same run makes what is missing and asks for nothing else.
    model_server.control(reset=True, faults=[])
    again = dataset.run(max_failed=0, dialogues={"mix": {"multiple_choice": 0.2, "question_answering": 0.2}})
    assert stage_of(again, "captions")["done"] == len(failures)
    assert model_server.stats()["max_calls_per_text"] == 1
    calls = model_server.stats()
    dataset.run(dialogues={"mix": {"multiple_choice": 0.2, "question_answering": 0.2}})
    now = model_server.stats()
    assert (now["chat_requests"], now["embedding_inputs"]) == \
        (calls["chat_requests"], calls["embedding_inputs"])


def check_vectors(dataset, vectors):
    """No vector belongs to another text, whatever order and batches they came in."""
    texts = {c["id"]: c["text"] for c in dataset.captions()}
    for id, vector in vectors.items():
        assert numpy.abs(vector - numpy.array(vector_for(texts[id], 64))).max() < 2e-3, id


def check_dialogues(dataset, run):
    captions = dataset.captions()
    chosen = {(task, c["id"]) for c in captions for task in ("multiple_choice", "question_answering")
              if identity.chosen(task, c["id"], 0.2)}
    made = {(d["task"], d["caption_id"]) for d in dataset.dialogues()}
    failed = {tuple(f["item"].split(":")) for f in dataset.failures(run=run["id"], stage="dialogues")}
    assert made <= chosen
    assert {(id[33:], task) for task, id in chosen - made} == failed


# One seed for each fault, with a word of its own that the fault looks for; all in one run.
REASONS = {
    "status:400": {"http_400"}, "status:413": {"http_413", "too_large"}, "status:422": {"http_422"},
    "status:500": {"http_500"},
    "reset": None, "cut_body": None, "close_delimited": None, "cut_headers": None, "garbage": None,
    "hang": {"timeout"}, "hang_body": {"timeout"}, "gzip": None,
    "truncated_json": {"invalid_reply"}, "invalid_json": {"invalid_reply"}, "html": {"invalid_reply"},
    "wrong_schema": {"invalid_reply"}, "empty_body": None, "empty": {"empty"}, "null": {"empty"},
    "spaces": {"empty"}, "reasoning_only": {"empty"}, "refusal": {"refusal"},
    "content_filter": {"content_filter"}, "length": {"length"}, "nul": None, "big_headers": None,
}
WITHOUT_REPLY = {"reset", "hang", "garbage", "cut_headers", "empty_body", "big_headers",
                 "hang_body", "cut_body", "close_delimited", "gzip"}


def marker(kind):
    return "zq" + kind.replace(":", "").replace("_", "") + "qz"


def fault_for(kind):
    name, _, status = kind.partition(":")
    return {"kind": name, "match": marker(kind), "route": "chat", **({"status": int(status)} if status else {})}


def test_every_fault_has_its_reason(place, model_server):
    _, dataset = place(MONOCEROS_QUALITY_WINDOW=100000)
    dataset.load(generate(100) + [f"A sign that says {marker(kind)} stands by a road." for kind in REASONS])
    model_server.control(faults=[fault_for(kind) for kind in REASONS])
    run = dataset.run(["captions"], max_failed=1)
    failures = {f["seed_id"]: f for f in check_partition(dataset, run)}
    ids = {kind: identity.seed_id(f"A sign that says {marker(kind)} stands by a road.") for kind in REASONS}
    for kind, reasons in REASONS.items():
        failure = failures.pop(ids[kind], None)
        assert failure, f"{kind} did not fail"
        if reasons:
            assert failure["reason"] in reasons, (kind, failure)
        if kind not in WITHOUT_REPLY:
            assert failure.get("raw") or failure.get("raw_base64"), (kind, failure)
        assert "Bearer" not in str(failure)
    assert not failures, failures


HARMLESS = ["fence", "parts", "think", "bad_usage", "no_usage"]


@pytest.mark.parametrize("kind", HARMLESS)
def test_oddities_that_do_no_harm(place, model_server, kind):
    """What servers do that is no fault: parts instead of a string, thoughts, a missing usage."""
    _, dataset = place()
    dataset.load(generate(10))
    model_server.control(faults=[{"kind": kind, "route": "chat"}])
    run = dataset.run(["captions", "dialogues"], dialogues={"mix": {"question_answering": 1}}, max_failed=1)
    captions = dataset.captions()
    assert len(captions) == 10
    for caption in captions:
        assert "<think>" not in caption["text"] and caption["tokens_in"] >= 0
        assert caption["tokens_out"] <= 10**7
    if kind != "fence":
        assert stage_of(run, "dialogues")["done"] == 10
    check_partition(dataset, run)


@pytest.mark.parametrize("fault", [
    {"status": 429, "headers": {"Retry-After": "1"}}, {"status": 429, "retry_after_date_s": 2},
    {"status": 429, "headers": {"Retry-After": "0"}}, {"status": 429, "headers": {"Retry-After": "-5"}},
    {"status": 429, "headers": {"Retry-After": "soon"}}, {"status": 429},
    {"status": 503, "headers": {"Retry-After": "1"}}], ids=range(7))
def test_waiting_costs_no_attempt(place, model_server, fault):
    """With two attempts a text, two refusals to serve it yet are no failure."""
    _, dataset = place(MONOCEROS_LLM_MAX_IN_FLIGHT=4)
    dataset.load(generate(4))
    model_server.control(faults=[{"kind": "status", "first_per_text": 2, **fault}])
    run = dataset.run(["captions"], max_failed=0)
    assert stage_of(run, "captions")["done"] == 4
    assert model_server.stats()["max_calls_per_text"] == 3
    assert dataset.failures() == []


def test_a_server_with_little_room(place, model_server):
    _, dataset = place()
    dataset.load(generate(150))
    model_server.control(capacity=3, delay_ms=5)
    run = dataset.run(["captions"], max_failed=0)
    assert stage_of(run, "captions")["done"] == 150


CAUSES = [
    ({"kind": "unauthorized"}, "401"),
    ({"kind": "quota"}, "quota"),
    ({"kind": "model_missing"}, "model"),
    ({"kind": "status", "status": 403, "message": "not allowed here"}, "403"),
    ({"kind": "status", "status": 500}, "500"),
    ({"kind": "redirect"}, "302"),
    ({"kind": "html"}, ""),
]
if os.environ.get("MONOCEROS_FULL"):
    CAUSES.append(({"kind": "reset"}, ""))  # an outage is given three quarters of a minute to end


@pytest.mark.parametrize("fault, words", CAUSES, ids=[f"{f['kind']}-{w}" for f, w in CAUSES])
def test_a_server_that_fails_everything_pauses_the_run(place, model_server, fault, words):
    _, dataset = place(MONOCEROS_LLM_STOP_AFTER=16, MONOCEROS_LLM_ATTEMPTS=100)
    dataset.load(generate(60))
    model_server.control(faults=[fault])
    run = dataset.start(["captions", "dialogues"])["id"]
    paused = dataset.wait(run, "paused")
    assert paused["reason"] == "provider"
    assert paused["reason_detail"].startswith("llm") and words in paused["reason_detail"].lower()
    assert dataset.captions(outcome="any", view="all") == []
    asked = model_server.stats()["chat_requests"]
    model_server.control(faults=[])
    dataset.api.call("resume_run", run=run)
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 60
    assert stage_of(done, "captions")["failed"] == 0
    assert model_server.stats()["chat_requests"] > asked


def test_a_poor_model_pauses_the_run(place, model_server):
    """More than 30 % of the last answers useless: it asks before it spends more."""
    _, dataset = place(MONOCEROS_QUALITY_WINDOW=50)
    dataset.load(generate(400))
    model_server.control(faults=[{"kind": "refusal", "hash_share": 0.6, "route": "chat"}])
    run = dataset.start(["captions"], max_failed=0)["id"]
    paused = dataset.wait(run, "paused")
    assert paused["reason"] == "quality"
    assert stage_of(paused, "captions")["failed"] > 10
    model_server.control(faults=[])
    dataset.api.call("resume_run", run=run)
    done = dataset.wait(run, "failed")
    assert stage_of(done, "captions")["done"] + stage_of(done, "captions")["failed"] == 400


def test_a_model_server_that_restarts(place, model_server):
    """Calls in flight are lost with it, and asked again when it is back."""
    _, dataset = place(MONOCEROS_LLM_ATTEMPTS=10, MONOCEROS_LLM_MAX_IN_FLIGHT=4, MONOCEROS_FLUSH_MS=20)
    dataset.load(generate(200))
    model_server.control(delay_ms=[50, 100])
    run = dataset.start(["captions"])["id"]
    until(lambda: stage_of(dataset.api.call("get_run", run=run).json(), "captions")["done"] > 0,
          "some answers to be stored")
    model_server.stop()
    model_server.start()
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 200


# -- encoders --

BAD_VECTORS = ["null", "nulls", "nan", "infinity", "string", "zero", "short", "long", "huge_number"]


def test_every_bad_vector_fails_alone(place, model_server):
    """One bad item in a batch: it alone fails, and every other vector belongs to its text."""
    _, dataset = place(MONOCEROS_ENCODER_BATCH=16, MONOCEROS_QUALITY_WINDOW=100000)
    bad = f"A sign that says {marker('vector')} stands by a road."
    dataset.load(generate(40) + [bad])
    for what in BAD_VECTORS:
        model_server.control(format="float", faults=[
            {"kind": "vector", "what": what, "match": marker("vector"), "route": "embeddings"}])
        run = dataset.run(["captions", "representations"], captions={"salt": what}, max_failed=1)
        failure, = dataset.failures(run=run["id"], stage="representations")
        assert failure["seed_id"] == identity.seed_id(bad), what
        assert failure["reason"] and failure["detail"], failure
        vectors = dataset.vectors("none", encoder="embeddings")
        assert len(vectors) == 40
        check_vectors(dataset, vectors)
        moments, = dataset.result(run["id"])["moments"]
        assert moments["count"] == 40


@pytest.mark.parametrize("what", ["permuted", "missing_index", "no_index", "duplicate_index", "all_short"])
def test_batches_that_are_not_in_order(place, model_server, what):
    _, dataset = place(MONOCEROS_ENCODER_BATCH=8, MONOCEROS_ENCODER_DIMENSION=64)
    dataset.load(generate(64))
    model_server.control(faults=[{"kind": "vector", "what": what, "route": "embeddings", "every": 3}])
    run = dataset.run(["captions", "representations"], max_failed=1)
    vectors = dataset.vectors("none", encoder="embeddings")
    check_vectors(dataset, vectors)
    if what == "permuted":
        assert len(vectors) == 64
    assert len(vectors) + len(dataset.failures(run=run["id"])) == 64


def test_a_poisonous_text(place, model_server):
    """A text that makes the whole batch fail is found by halving, and fails alone."""
    _, dataset = place()
    dataset.load(generate(100) + ["A sign that says zqpoisonqz stands by a road."])
    for status in (400, 413, 500):
        model_server.control(reset=True, poison="zqpoisonqz", poison_status=status)
        run = dataset.run(["captions", "representations"], max_failed=1)
        failures = dataset.failures(run=run["id"], stage="representations")
        assert [f["seed_id"] for f in failures] == \
            [identity.seed_id("A sign that says zqpoisonqz stands by a road.")], status
    vectors = dataset.vectors("none", encoder="embeddings")
    assert len(vectors) == 100
    check_vectors(dataset, vectors)


def test_smaller_batches_and_both_encodings(place, model_server):
    _, dataset = place()
    dataset.load(generate(100))
    model_server.control(batch_max=5, format="base64")
    dataset.run(["captions", "representations"], max_failed=0)
    check_vectors(dataset, dataset.vectors("none", encoder="embeddings"))
    model_server.control(batch_max=None, format="float")
    dataset.run(["captions", "representations"], captions={"salt": "float"}, max_failed=0)
    vectors = dataset.vectors("none", encoder="embeddings")
    assert len(vectors) == 100
    check_vectors(dataset, vectors)


def test_an_encoder_that_fails_everything_pauses_the_run(place, model_server):
    _, dataset = place(MONOCEROS_ENCODER_STOP_AFTER=8)
    dataset.load(generate(60))
    model_server.control(faults=[{"kind": "unauthorized", "route": "embeddings"}])
    run = dataset.start()["id"]
    paused = dataset.wait(run, "paused")
    assert paused["reason"] == "provider" and "401" in paused["reason_detail"]
    model_server.control(faults=[])
    dataset.api.call("resume_run", run=run)
    done = dataset.wait(run)
    assert stage_of(done, "representations")["done"] == 60
