"""What runs use, what they may use, and who shares the work: usage, budgets, pilots, mixtures, and the
model that a server says it serves."""
import datetime
import hashlib

import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import Dataset, stage_of
from support.seeds import generate


def usage_of(run, stage="captions"):
    return {line["provider"]: line for line in stage_of(run, stage).get("usage", [])}


# -- usage --


def test_usage_is_what_the_rows_say(modelled, model_server):
    modelled.load(generate(40))
    run = modelled.run(["captions", "dialogues"], dialogues={"mix": {"question_answering": 1}})
    stats = model_server.stats()
    lines = [usage_of(run, "captions")["llm"], usage_of(run, "dialogues")["llm"]]
    assert [line["calls"] for line in lines] == [40, 40]
    assert [line["wasted_calls"] for line in lines] == [0, 0]
    assert sum(line["calls"] for line in lines) == stats["chat_requests"]
    for line, rows in zip(lines, (modelled.captions(), modelled.dialogues())):
        assert line["tokens_in"] == sum(row["tokens_in"] for row in rows) > 0
        assert line["tokens_out"] == sum(row["tokens_out"] for row in rows) > 0
        assert {row["provider"] for row in rows} == {"llm"}
        assert {row["calls"] for row in rows} == {1}
    assert {row["prompt"] for row in modelled.captions()} == {"dense-v1"}
    assert run["usage"]["calls"] == 80 and run["usage"]["wasted_calls"] == 0
    assert run["usage"]["tokens_in"] == sum(line["tokens_in"] for line in lines)


def test_calls_without_a_row_are_wasted(modelled, model_server):
    """Two answers that are no dialogue, then a good one; and one that is never good."""
    modelled.load(generate(4))
    modelled.run(["captions"])
    texts = sorted(caption["text"] for caption in modelled.captions())
    model_server.control(reset=True, faults=[
        {"kind": "text", "text": "This is no JSON.", "match": texts[0]},
        {"kind": "text", "text": "Nor is this.", "match": texts[1], "first": 2}])
    run = modelled.run(["dialogues"], dialogues={"mix": {"question_answering": 1}}, max_failed=1)
    line = usage_of(run, "dialogues")["llm"]
    assert stage_of(run, "dialogues")["failed"] == 1
    assert line["calls"] == model_server.stats()["chat_requests"] == 3 + 3 + 1 + 1
    assert line["wasted_calls"] == 3 + 2
    assert sorted(row["calls"] for row in modelled.dialogues()) == [1, 1, 3]
    failure, = modelled.failures(run=run["id"])
    assert failure["calls"] == 3 and failure["provider"] == "llm" and failure["tokens_in"] > 0


# -- budgets --


def spent(model_server):
    stats = model_server.stats()
    return stats["tokens_in"] + stats["tokens_out"]


def test_a_budget_of_tokens_holds_and_is_raised(modelled, model_server):
    modelled.load(generate(200))
    model_server.control(reset=True, delay_ms=10)
    budget = 60_000
    run = modelled.start(["captions"], budget={"tokens": budget}, captions={"max_tokens": 200})
    paused = modelled.wait(run["id"], "paused")
    assert paused["reason"] == "budget" and "larger" in paused["reason_detail"]
    assert paused["budget"]["tokens"] == budget >= paused["budget"]["taken_tokens"]
    made = stage_of(paused, "captions")["done"]
    assert 0 < made < 200
    assert spent(model_server) <= budget
    # Resumed as it was, it finds that nothing more fits.
    modelled.api.call("resume_run", run=run["id"])
    assert modelled.wait(run["id"], "paused")["reason"] == "budget"
    assert spent(model_server) <= budget
    modelled.api.call("resume_run", run=run["id"], json={"budget": {"tokens": 10_000_000}})
    done = modelled.wait(run["id"])
    assert stage_of(done, "captions")["done"] == 200
    assert model_server.stats()["max_calls_per_text"] == 1
    assert done["budget"]["tokens"] == 10_000_000
    # What was taken and not used went back, after the last range if not before.
    assert done["usage"]["tokens_in"] + done["usage"]["tokens_out"] <= done["budget"]["taken_tokens"]


def test_two_servers_share_a_budget(cluster, new_server, model_server):
    settings = {**model_settings(model_server), "MONOCEROS_RANGE_SIZE": 8}
    one = new_server(**settings)
    two = new_server(database=one.database, **settings)
    dataset = Dataset(Api(one.base), "shared-budget")
    dataset.load(generate(300))
    model_server.control(reset=True, delay_ms=20)
    budget = 50_000
    run = dataset.start(["captions"], budget={"tokens": budget}, captions={"max_tokens": 100})
    paused = Dataset(Api(two.base), "shared-budget").wait(run["id"], "paused")
    assert paused["reason"] == "budget"
    assert 0 < spent(model_server) <= budget
    holders = one.database.query("SELECT DISTINCT provider FROM captions")
    assert holders == [{"provider": "llm"}]


def test_a_deadline_that_has_passed(modelled, model_server):
    modelled.load(generate(20))
    run = modelled.start(["captions"], budget={"deadline": "2020-01-01T00:00:00Z"})
    paused = modelled.wait(run["id"], "paused")
    assert paused["reason"] == "budget" and "deadline" in paused["reason_detail"]
    assert model_server.stats()["chat_requests"] == 0
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    modelled.api.call("resume_run", run=run["id"],
                      json={"budget": {"deadline": later.strftime("%Y-%m-%dT%H:%M:%SZ")}})
    assert stage_of(modelled.wait(run["id"]), "captions")["done"] == 20


@pytest.mark.parametrize("budget, pointer", [
    ({"deadline": "tomorrow at noon, or so"}, "/budget/deadline"), ({"tokens": 0}, "/budget/tokens"),
    ({"cost_usd": -1}, "/budget/cost_usd"), ({"euros": 1}, "/budget/euros")])
def test_budgets_that_make_no_sense(dataset, budget, pointer):
    for operation, body in (("create_run", {"stages": ["captions"]}), ("resume_run", {})):
        variables = {"dataset": dataset.name} if operation == "create_run" else {"run": "0" * 32}
        answer = dataset.api.call(operation, expect=422, json={**body, "budget": budget}, **variables)
        assert answer.pointers == [pointer]


# -- pilots --


def test_a_pilot_says_what_the_rest_takes(modelled, model_server):
    modelled.load(generate(120))
    run = modelled.run(["captions", "dialogues"], dry_run={"pilot": 30},
                       dialogues={"mix": {"question_answering": 0.5}})
    assert run["dry_run"] == {"pilot": 30}
    assert stage_of(run, "captions")["done"] == 30
    captions, dialogues = run["estimate"]
    assert (captions["stage"], captions["sample"], captions["remaining"]) == ("captions", 30, 90)
    assert dialogues["stage"] == "dialogues" and dialogues["remaining"] == pytest.approx(
        60 - dialogues["sample"])
    rows = modelled.captions()
    mean = sum(row["tokens_out"] for row in rows) / 30
    assert captions["tokens_out"]["expected"] == pytest.approx(90 * mean)
    for what in ("tokens_in", "tokens_out", "cost_usd"):
        assert captions[what]["low"] <= captions[what]["expected"] <= captions[what]["high"]
    assert 0 <= captions["seconds"]["low"] <= captions["seconds"]["high"]
    # The pilot's rows are kept: the whole run makes the rest alone.
    whole = modelled.run(["captions", "dialogues"], dialogues={"mix": {"question_answering": 0.5}})
    assert stage_of(whole, "captions")["existing"] == 30
    assert stage_of(whole, "captions")["done"] == 90
    assert model_server.stats()["max_calls_per_text"] == 1
    left = sum(row["tokens_out"] for row in modelled.captions()) - 30 * mean
    # The texts are alike: the truth is within a few times the interval.
    spread = captions["tokens_out"]["high"] - captions["tokens_out"]["low"] + 1
    assert abs(left - captions["tokens_out"]["expected"]) < 3 * spread


# -- mixtures --


def fraction(purpose, id):
    number = int.from_bytes(hashlib.sha256(f"{purpose}{id}".encode()).digest()[:8], "big")
    return (number >> 11) / 2**53


def test_providers_share_by_hash(modelled, model_server):
    modelled.load(generate(200))
    mix = {"providers": [{"provider": "llm", "weight": 3}, {"provider": "offline"}]}
    run = modelled.run(["captions"], captions=mix)
    stage = stage_of(run, "captions")
    assert stage["provider"] == "llm + offline" and stage["done"] == 200
    for row in modelled.captions():
        first = fraction("provider:", f"{row['seed_id']}-0") < 0.75
        assert row["provider"] == ("llm" if first else "offline")
        assert (row["model"] == "offline-composer-1") == (not first)
    calls = {name: line["calls"] for name, line in usage_of(run).items()}
    assert calls["llm"] == model_server.stats()["chat_requests"] and sum(calls.values()) == 200
    # Other weights are another recipe; the same ones make nothing new.
    assert stage_of(modelled.run(["captions"], captions=mix), "captions")["existing"] == 200
    other = modelled.run(["captions"], captions={"providers": [
        {"provider": "llm"}, {"provider": "offline"}]})
    assert stage_of(other, "captions")["recipe"] != stage["recipe"]


def test_styles_share_by_hash(modelled):
    modelled.load(generate(120))
    run = modelled.run(["captions"], captions={"prompts": [
        {"prompt": "dense-v1"}, {"prompt": "concise-v1"}]})
    names = {"dense-v1": 0, "concise-v1": 0}
    for row in modelled.captions():
        names[row["prompt"]] += 1
        first = fraction("prompt:", f"{row['seed_id']}-0") < 0.5
        assert row["prompt"] == ("dense-v1" if first else "concise-v1")
    assert min(names.values()) > 30
    assert len({row["recipe"] for row in modelled.captions()}) == 1
    settings = modelled.result(run["id"])["recipes"][0]["settings"]
    assert [p["name"] for p in settings["prompts"]] == ["dense-v1", "concise-v1"]


# -- the served model --


def test_the_served_model_is_part_of_the_recipe(new_server, new_dataset, model_server):
    dataset = new_dataset(Api(new_server(**model_settings(model_server)).base))
    dataset.load(generate(10))
    model_server.control(reset=True, served="model-2026-01")
    first = dataset.start(["captions"])
    assert "recipe" not in stage_of(first, "captions") or model_server.stats()["probes"]
    done = dataset.wait(first["id"])
    assert model_server.stats()["probes"] == 1
    recipe, = dataset.result(done["id"])["recipes"]
    assert recipe["model"] == "model-2026-01"
    assert {c["model"] for c in dataset.captions()} == {"model-2026-01"}
    # What was heard a moment ago need not be asked again.
    assert stage_of(dataset.run(["captions"]), "captions")["existing"] == 10
    assert model_server.stats()["probes"] == 1


def test_another_model_in_the_middle_of_a_run(new_server, new_dataset, model_server):
    server = new_server(**model_settings(model_server), MONOCEROS_LLM_MAX_IN_FLIGHT=4,
                        MONOCEROS_FLUSH_MS=20)
    dataset = new_dataset(Api(server.base))
    dataset.load(generate(150))
    model_server.control(reset=True, served="model-a", delay_ms=20)
    run = dataset.start(["captions"])
    while dataset.api.call("get_run", run=run["id"]).json()["stages"][0]["done"] == 0:
        pass
    model_server.control(served="model-b")
    paused = dataset.wait(run["id"], "paused")
    assert paused["reason"] == "provider"
    assert "model-a" in paused["reason_detail"] and "model-b" in paused["reason_detail"]
    assert {c["model"] for c in dataset.captions(view="all")} == {"model-a"}
    line = usage_of(paused)["llm"]
    assert 0 < line["wasted_calls"] <= 16
    # Brought back, the run goes on where it was.
    model_server.control(served="model-a", delay_ms=0)
    dataset.api.call("resume_run", run=run["id"])
    done = dataset.wait(run["id"])
    assert {c["model"] for c in dataset.captions(view="all")} == {"model-a"}
    assert stage_of(done, "captions")["done"] == 150
    # A new run with the other model makes rows of its own.
    model_server.control(served="model-b")
    server.database.execute("DELETE FROM served_models")
    other = dataset.run(["captions"])
    assert stage_of(other, "captions")["done"] == 150
    assert stage_of(other, "captions")["recipe"] != stage_of(done, "captions")["recipe"]


def test_a_provider_that_cannot_be_asked(new_server, new_dataset, model_server):
    """The run does not start, says why, and starts when it is resumed."""
    dataset = new_dataset(Api(new_server(**model_settings(model_server), MONOCEROS_LLM_API_KEY="wrong-key").base))
    dataset.load(generate(5))
    model_server.control(reset=True, api_key="right-key")
    run = dataset.start(["captions"])
    paused = dataset.wait(run["id"], "paused")
    assert paused["reason"] == "provider" and "API key" in paused["reason_detail"]
    assert "started_at" not in paused
    model_server.control(api_key=None)
    dataset.api.call("resume_run", run=run["id"])
    assert stage_of(dataset.wait(run["id"]), "captions")["done"] == 5
