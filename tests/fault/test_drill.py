"""A night in which everything goes wrong that an operator fears: a prompt that makes the model refuse,
a model that is swapped behind the URL, a budget that is reached, a key that is revoked. The run pauses
with the right reason, few calls are wasted and all are counted, and resuming finishes it."""
import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import Dataset, stage_of
from support.seeds import generate
from support.wait import until

SEEDS = 600
WINDOW = 8
QUALITY_WINDOW = 300
KEY = "night-shift-key-1234"
# Calls that may be under way or answered and not yet looked at when something is noticed: the window of
# each of two stage threads, twice over.
NOTICED = 4 * WINDOW
REFUSAL = {"kind": "text", "text": "I'm sorry, but I can't help with that request.", "route": "chat"}


@pytest.fixture
def night(new_server, model_server):
    server = new_server(**model_settings(model_server), MONOCEROS_LLM_MAX_IN_FLIGHT=WINDOW,
                        MONOCEROS_LLM_API_KEY=KEY, MONOCEROS_FLUSH_MS=50, MONOCEROS_STAGE_THREADS=2,
                        MONOCEROS_QUALITY_WINDOW=QUALITY_WINDOW)
    dataset = Dataset(Api(server.base), "night")
    dataset.load(generate(SEEDS))
    model_server.control(reset=True, delay_ms=10, api_key=KEY, served="night-model")
    return dataset


def done(dataset, run):
    return stage_of(dataset.api.call("get_run", run=run).json(), "captions")["done"]


def reaches(dataset, run, rows):
    until(lambda: done(dataset, run) >= rows, f"{rows} captions", pause=0.02)


def resumed(dataset, run, **body):
    dataset.api.call("resume_run", run=run, **({"json": body} if body else {}))


def test_one_night(night, model_server):
    run = night.start(["captions"], budget={"tokens": 150_000}, captions={"max_tokens": 150})["id"]
    reaches(night, run, 40)

    # The model is swapped.
    model_server.control(served="another-model")
    paused = night.wait(run, "paused")
    assert paused["reason"] == "provider" and "another-model" in paused["reason_detail"]
    wasted = paused["usage"]["wasted_calls"]
    assert 0 < wasted <= NOTICED
    model_server.control(served="night-model")
    resumed(night, run)
    reaches(night, run, stage_of(paused, "captions")["done"] + 40)

    # The key is revoked.
    model_server.control(api_key="another-key-5678")
    paused = night.wait(run, "paused")
    assert paused["reason"] == "provider" and "API key" in paused["reason_detail"]
    assert KEY not in str(paused)
    assert paused["usage"]["wasted_calls"] - wasted <= NOTICED
    wasted = paused["usage"]["wasted_calls"]
    model_server.control(api_key=KEY)
    resumed(night, run)

    # The budget is reached.
    paused = night.wait(run, "paused")
    assert paused["reason"] == "budget"
    stats = model_server.stats()
    assert stats["tokens_in"] + stats["tokens_out"] <= 150_000
    assert paused["usage"]["wasted_calls"] == wasted
    resumed(night, run, budget={"tokens": 10_000_000})

    last = night.wait(run)
    assert stage_of(last, "captions")["done"] == SEEDS
    assert {c["model"] for c in night.captions(view="all")} == {"night-model"}
    # What the server was asked for is what the run says it has asked for.
    stats = model_server.stats()
    assert last["usage"]["calls"] == stats["chat_requests"]
    assert last["usage"]["wasted_calls"] == stats["chat_requests"] - SEEDS
    assert night.failures() == []


def test_a_broken_prompt(night, model_server):
    """Nearly every answer is a refusal: a hundred calls show it, not a million."""
    model_server.control(faults=[REFUSAL])
    run = night.start(["captions"])["id"]
    paused = night.wait(run, "paused")
    assert paused["reason"] == "quality" and "resume" in paused["reason_detail"]
    stage = stage_of(paused, "captions")
    assert stage["dropped"] + stage["failed"] <= 64 + NOTICED
    assert paused["usage"]["calls"] == model_server.stats()["chat_requests"] <= 64 + NOTICED
    # Resumed without a remedy it pauses again.
    resumed(night, run)
    assert night.wait(run, "paused")["reason"] == "quality"
    # The server is mended: the run finishes, and what was dropped stays with its reason.
    model_server.control(faults=[])
    resumed(night, run)
    last = night.wait(run)
    captions = night.captions(outcome="any", view="all")
    assert len(captions) == SEEDS == stage_of(last, "captions")["done"]
    refused = [c for c in captions if c.get("dropped") == "refusal"]
    assert len(refused) == stage_of(last, "captions")["dropped"] > 0
    # Another prompt makes rows of its own, for these seeds as for the others.
    other = night.run(["captions"], captions={"prompt": "concise-v1"})
    assert stage_of(other, "captions")["done"] == SEEDS
    assert len(night.captions()) == SEEDS


def test_quality_that_sinks_slowly(night, model_server):
    """A third of the answers is of no use: noticed within the window, not at once."""
    model_server.control(faults=[{**REFUSAL, "hash_share": 0.45}])
    run = night.start(["captions"])["id"]
    paused = night.wait(run, "paused")
    assert paused["reason"] == "quality"
    assert stage_of(paused, "captions")["dropped"] <= 0.3 * QUALITY_WINDOW + NOTICED
