"""The service against servers that were not written for it. Their models have random weights, so that what
they say is word salad: what is held is that each seed ends as a row or as a failure with its reason and the
raw reply, that answers bound to a schema are JSON of that shape, and that tokens are counted."""
import collections
import json

import jsonschema
import pytest

from support.client import Api
from support.dataset import EVERY_TASK, Dataset, stage_of
from support.dialogues import PAIRS, check_conversations
from support.identity import seed_id
from support.real_servers import LlamaServer, Transformers, Vllm, made
from support.seeds import generate
from support.wait import until

KEY = "a-key-for-real-servers"
MANY = 1_000_000  # items in the quality breaker's window: word salad is no reason to stop
SERVERS = [LlamaServer, Vllm, Transformers]


@pytest.fixture(scope="module", params=SERVERS, ids=lambda kind: kind.name)
def real(request):
    yield from made(request.param, api_key=KEY)


@pytest.fixture
def place(real, new_server):
    """A dataset on a service whose provider is the real server."""
    def make(**settings):
        server = new_server(**{"MONOCEROS_LLM_URL": real.url, "MONOCEROS_LLM_MODEL": real.model,
                               "MONOCEROS_LLM_API_KEY": KEY, "MONOCEROS_LLM_MAX_IN_FLIGHT": 8,
                               "MONOCEROS_QUALITY_WINDOW": MANY, **settings})
        return Dataset(Api(server.base), "real")
    return make


def raw_of(failure):
    """The answer's text in the raw reply that a failure keeps."""
    return json.loads(failure["raw"])["choices"][0]["message"]["content"]


def partition(dataset, run, seeds):
    """Captions and failures of a run by seed; each seed has one of them."""
    captions = {c["seed_id"]: c for c in dataset.captions(outcome="any", view="all")}
    failures = {f["seed_id"]: f for f in dataset.failures(run=run["id"], stage="captions")}
    assert not captions.keys() & failures.keys()
    assert captions.keys() | failures.keys() == {seed_id(text) for text in seeds}
    assert stage_of(run, "captions")["done"] == len(captions)
    assert stage_of(run, "captions")["failed"] == len(failures)
    for failure in failures.values():
        assert failure["reason"] and failure["detail"], failure
        assert failure.get("raw") or failure.get("raw_base64"), failure
    return captions, failures


def test_captions(place, real):
    """More calls than the server has slots for: it lets them wait without a word."""
    dataset, seeds = place(), generate(24)
    dataset.load(seeds)
    run = dataset.run(["captions"], captions={"max_tokens": 200}, max_failed=1)
    captions, _ = partition(dataset, run, seeds)
    assert captions, "nothing but failures"
    for caption in captions.values():
        assert caption["model"] == real.served and caption["finish_reason"] == "stop"
        assert caption["tokens_in"] > 300 and 0 < caption["tokens_out"] <= 200
    usage = run["usage"]
    assert usage["calls"] >= len(seeds) and usage["tokens_in"] >= sum(c["tokens_in"] for c in captions.values())


def test_cached_tokens(place, real):
    """The instructions are the same for all and stand in front: the server has them already, and says so."""
    if not real.caches:
        pytest.skip(f"{real.name} tells of no cached tokens")
    dataset = place(MONOCEROS_LLM_MAX_IN_FLIGHT=2)
    dataset.load(generate(8))
    dataset.run(["captions"], captions={"max_tokens": 100}, max_failed=1)
    cached = [(c["tokens_cached"], c["tokens_in"]) for c in dataset.captions(outcome="any", view="all")]
    assert sum(some for some, _ in cached) > 0 and all(some <= whole for some, whole in cached)


TEXT = {"type": "string", "minLength": 1}


def shape(task):
    """What an answer must be before anything is said about its content."""
    pair = {"question": TEXT, "answer": TEXT}
    if task == "multiple_choice":
        pair = {**pair, "answer": {"enum": list("ABCD")},
                "options": {"type": "object", "properties": dict.fromkeys("ABCD", TEXT),
                            "required": list("ABCD"), "additionalProperties": False}}
    least, most = PAIRS[task]
    item = {"type": "object", "properties": pair, "required": list(pair), "additionalProperties": False}
    return {"type": "object", "required": ["pairs"], "additionalProperties": False, "properties": {
        "pairs": {"type": "array", "items": item, "minItems": least, "maxItems": most}}}


def test_dialogues(place, real):
    """Every caption becomes a dialogue of each task, or fails for what it says, not for its form. Where the
    server ignores schemas, word salad is no dialogue, and each says why."""
    dataset, seeds = place(), generate(5)
    dataset.load(seeds)
    run = dataset.run(["captions", "dialogues"], captions={"filters": {"preset": "paper"}}, max_failed=1,
                      dialogues={"mix": EVERY_TASK, "max_tokens": 4000})
    partition(dataset, run, seeds)
    usable = {c["id"] for c in dataset.captions()}
    assert usable
    dialogues = {(d["caption_id"], d["task"]): d for d in dataset.dialogues()}
    failures = {tuple(f["item"].split(":")): f for f in dataset.failures(run=run["id"], stage="dialogues")}
    ended = collections.Counter([(id[33:], task) for id, task in dialogues] + list(failures))
    assert ended == collections.Counter((id[33:], task) for id in usable for task in EVERY_TASK)
    for (_, task), dialogue in dialogues.items():
        check_conversations(task, dialogue["conversations"])
        assert dialogue["tokens_in"] > 0 and dialogue["tokens_out"] > 0
    for (_, task), failure in failures.items():
        assert failure["reason"] and failure["detail"] and failure["raw"], failure
        if real.schemas and failure["reason"] != "length":
            jsonschema.validate(json.loads(raw_of(failure)), shape(task))
    assert dialogues or [f for f in failures.values() if f["reason"] != "length"], "none was finished"


def test_a_text_that_is_too_long(place, real):
    """The server refuses it: the row fails, the others and the provider go on."""
    if not real.refuses:
        pytest.skip(f"{real.name} takes any length")
    dataset, seeds = place(MONOCEROS_LLM_STOP_AFTER=2), generate(6)
    long = "A wall full of signs that say " + "\u53f7" * 3900 + "."  # three bytes each, and tokens
    dataset.load([*seeds, long])
    run = dataset.run(["captions"], captions={"max_tokens": 60}, max_failed=1)
    captions, failures = partition(dataset, run, [*seeds, long])
    assert seed_id(long) in failures and seed_id(long) not in captions
    failure = failures[seed_id(long)]
    assert failure["reason"] == "http_400" and "context" in str(failure["raw"]).lower(), failure
    assert all(f["reason"] != "http_400" for id, f in failures.items() if id != seed_id(long))


def test_a_wrong_key(place, real):
    if not real.keys:
        pytest.skip(f"{real.name} asks for no key")
    dataset, seeds = place(MONOCEROS_LLM_API_KEY="not-the-key-of-this-server"), generate(6)
    dataset.load(seeds)
    run = dataset.start(["captions"])["id"]
    paused = dataset.wait(run, "paused")
    assert paused["reason"] == "provider"
    assert "401" in paused["reason_detail"] or "key" in paused["reason_detail"].lower()
    assert "not-the-key" not in str(paused)
    assert dataset.captions(outcome="any", view="all") == [] and dataset.failures() == []


def test_a_server_that_is_killed(place, real):
    """What it was answering is asked again when it is back; what had been answered is not."""
    dataset, seeds = place(MONOCEROS_LLM_ATTEMPTS=100, MONOCEROS_FLUSH_MS=20), generate(40)
    dataset.load(seeds)
    run = dataset.start(["captions"], captions={"max_tokens": 120}, max_failed=1)["id"]

    def ended():
        stage = stage_of(dataset.api.call("get_run", run=run).json(), "captions")
        return stage["done"] + stage["failed"]
    until(lambda: ended() >= 5, "some answers to be stored", pause=0.02)
    real.kill()
    before = {c["id"]: c["text"] for c in dataset.captions(outcome="any", view="all")}
    assert len(before) < len(seeds), "all was done before it was killed"
    real.start()
    last = dataset.wait(run)
    captions, failures = partition(dataset, last, seeds)
    assert before.items() <= {c["id"]: c["text"] for c in captions.values()}.items()
    assert not [f for f in failures.values() if f["reason"] in ("connection", "timeout")]
    assert last["usage"]["calls"] - last["usage"]["wasted_calls"] == len(captions)
