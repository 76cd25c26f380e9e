"""Runs: what they select, what they refuse, how they queue, pause and end."""
import threading

import pytest

from conftest import model_settings
from support import identity
from support.client import Api
from support.dataset import stage_of
from support.seeds import generate
from support.wait import until

WAIT = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]


def hold(model_server):
    """The model server asks everybody to wait: a run goes on, but gets nowhere."""
    model_server.control(faults=WAIT)


def release(model_server):
    model_server.control(faults=[])


def held_run(dataset, model_server, **body):
    """A run that has begun and cannot end before release()."""
    hold(model_server)
    run = dataset.start(**{"stages": ["captions"], **body})
    until(lambda: model_server.stats()["chat_requests"] > 0, "the run to ask the model server")
    return run["id"]


def state_of(api, run):
    return api.call("get_run", run=run).json()["state"]


# -- creating --

def test_created_run(api, dataset):
    dataset.load(generate(10))
    answer = api.call("create_run", dataset=dataset.name, json={
        "stages": ["representations", "captions"], "limit": 5, "max_failed": 0.5,
        "select": {"source": "nowhere"}})
    run = answer.json()
    assert answer.headers["Location"] == run["links"]["self"] == f"/v1/runs/{run['id']}"
    assert run["dataset"] == dataset.name and run["state"] in ("queued", "running", "succeeded")
    assert [s["name"] for s in run["stages"]] == ["captions", "representations"]
    assert run["limit"] == 5 and run["max_failed"] == 0.5 and run["select"] == {"source": "nowhere"}
    assert stage_of(run, "captions")["provider"] == "offline"
    assert stage_of(run, "representations")["encoder"] == "offline"
    done = dataset.wait(run["id"])
    assert stage_of(done, "captions")["total"] == 0


REFUSED = [
    ({"stages": []}, "/stages"),
    ({"stages": ["captions", "captions"]}, "/stages"),
    ({"stages": ["exports"]}, "/stages/0"),
    ({"stages": ["captions"], "limit": 0}, "/limit"),
    ({"stages": ["captions"], "max_failed": 1.01}, "/max_failed"),
    ({"stages": ["captions"], "dialogues": {}}, "/dialogues"),
    ({"stages": ["dialogues"], "captions": {"variants": 1}}, "/captions"),
    ({"stages": ["captions"], "representations": {"encoder": "offline"}}, "/representations"),
    ({"stages": ["captions"], "captions": {"provider": "nobody"}}, "/captions/provider"),
    ({"stages": ["captions"], "captions": {"prompt": "none-v9"}}, "/captions/prompt"),
    ({"stages": ["captions"], "captions": {"variants": 9}}, "/captions/variants"),
    ({"stages": ["captions"], "captions": {"variants": 0}}, "/captions/variants"),
    ({"stages": ["captions"], "captions": {"temperature": 2.1}}, "/captions/temperature"),
    ({"stages": ["captions"], "captions": {"salt": "x" * 65}}, "/captions/salt"),
    ({"stages": ["dialogues"], "dialogues": {"prompt": "dense-v1"}}, "/dialogues/prompt"),
    ({"stages": ["dialogues"], "dialogues": {"mix": {"multiple_choice": 1.5}}},
     "/dialogues/mix/multiple_choice"),
    ({"stages": ["dialogues"], "dialogues": {"mix": {"poetry": 0.5}}}, "/dialogues/mix/poetry"),
    ({"stages": ["representations"], "representations": {"encoder": "nobody"}},
     "/representations/encoder"),
    ({"stages": ["representations"], "representations": {"transfer": "shift"}},
     "/representations/transfer"),
    ({"stages": ["captions"], "select": {"seed_ids": []}}, "/select/seed_ids"),
    ({"stages": ["captions"], "select": {"seed_ids": ["nonsense"]}}, "/select/seed_ids/0"),
    ({"stages": ["captions"], "select": {"colour": "red"}}, "/select/colour"),
]


@pytest.mark.parametrize("body, pointer", REFUSED, ids=[p.strip("/") + str(i)
                                                        for i, (_, p) in enumerate(REFUSED)])
def test_refused_run(api, dataset, body, pointer):
    answer = api.call("create_run", dataset=dataset.name, json=body, expect=422)
    assert pointer in answer.pointers
    assert api.items(dataset.path + "/runs") == []
    assert api.call("get_dataset", dataset=dataset.name).json()["recipes"] == []


def test_unknown_provider_is_told_the_declared_ones(modelled):
    answer = modelled.api.call("create_run", dataset=modelled.name, expect=422, json={
        "stages": ["captions"], "captions": {"provider": "nobody"}})
    assert "llm" in answer.text and "offline" in answer.text
    answer = modelled.api.call("create_run", dataset=modelled.name, expect=422, json={
        "stages": ["representations"], "representations": {"encoder": "llm"}})
    assert "embeddings" in answer.text and "offline" in answer.text


def test_a_run_without_seeds_succeeds(api, dataset):
    run = dataset.run()
    assert all(stage["total"] == 0 for stage in run["stages"])
    assert dataset.result(run["id"])["moments"] == []
    answer = api.get(dataset.path + "/representations", expect=409)
    assert answer.problem in ("transfer-not-ready", "too-few-vectors")


def test_a_run_over_one_seed(api, dataset):
    """Mean shift needs two vectors; everything else does not."""
    dataset.load(["A lonely dog on a wide beach."])
    run = dataset.run()
    assert stage_of(run, "representations")["done"] == 1
    assert len(dataset.vectors("none")) == 1
    answer = api.get(dataset.path + "/representations", params={"transfer": "mean_shift"}, expect=409)
    assert answer.problem in ("transfer-not-ready", "too-few-vectors")


# -- selecting --

def test_limits_nest(api, dataset):
    dataset.load(generate(120))
    chosen = []
    for limit in (1, 7, 40, 1000):
        run = dataset.run(["captions"], limit=limit)
        ids = {c["seed_id"] for c in dataset.captions()}
        assert len(ids) == min(limit, 120)
        assert stage_of(run, "captions")["total"] == min(limit, 120)
        chosen.append(ids)
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3]
    for ids in chosen:  # the lowest of each shard
        for shard in range(dataset.shards):
            mine = sorted(id for id in chosen[3] if identity.shard(id, dataset.shards) == shard)
            taken = sorted(id for id in ids if identity.shard(id, dataset.shards) == shard)
            assert taken == mine[:len(taken)]


def test_selection(api, dataset):
    dataset.add([{"text": t, "source": f"s{i % 2}", "domain": f"d{i % 3}"}
                 for i, t in enumerate(generate(30))])
    seeds = dataset.seeds()
    assert stage_of(dataset.run(["captions"], select={"source": "s0"}), "captions")["total"] == 15
    assert {c["seed_id"] for c in dataset.captions()} == {s["id"] for s in seeds if s["source"] == "s0"}
    run = dataset.run(["captions"], select={"source": "s1", "domain": "d1"})
    assert stage_of(run, "captions")["done"] == 5
    ids = [s["id"] for s in seeds][:3] + ["0" * 32]
    run = dataset.run(["captions"], select={"seed_ids": ids}, captions={"salt": "ids"})
    assert {c["seed_id"] for c in dataset.captions(run=run["id"])} == set(ids[:3])
    assert run["select"] == {"seed_ids": ids}
    run = dataset.run(["captions"], select={"domain": "d2"}, limit=4, captions={"salt": "limit"})
    assert stage_of(run, "captions")["done"] == 4


# -- recipes --

def test_another_recipe_stands_beside(api, dataset, database):
    dataset.load(generate(20))
    first = dataset.run()
    before = dataset.captions()
    second = dataset.run(captions={"salt": "again"})
    assert stage_of(second, "captions")["done"] == 20
    assert stage_of(second, "captions")["recipe"] != stage_of(first, "captions")["recipe"]
    now = dataset.captions()
    assert len(now) == 20 and {c["recipe"] for c in now} == {stage_of(second, "captions")["recipe"]}
    assert {c["text"] for c in now}.isdisjoint({c["text"] for c in before})
    assert len(dataset.captions(view="all")) == 40
    assert dataset.captions(recipe=stage_of(first, "captions")["recipe"]) == before
    assert dataset.captions(run=first["id"]) == before
    assert dataset.captions(run=first["id"], view="default") == []
    assert {d["caption_id"] for d in dataset.dialogues()} <= {c["id"] for c in now}
    assert set(dataset.vectors("none")) == {c["id"] for c in now}
    seed = api.call("get_seed", dataset=dataset.name, seed=now[0]["seed_id"]).json()
    assert {c["id"]: c["in_view"] for c in seed["captions"]}[now[0]["id"]] is True
    assert sorted(c["in_view"] for c in seed["captions"]) == [False, True]
    names = [r["recipe"] for r in api.call("get_dataset", dataset=dataset.name).json()["recipes"]
             if r["stage"] == "captions"]
    assert names == [stage_of(run, "captions")["recipe"] for run in (first, second)]


@pytest.mark.parametrize("change", [{"salt": "x"}, {"temperature": 0.1}, {"top_p": 0.5},
                                    {"max_tokens": 99}, {"seed": 7}])
def test_what_makes_another_recipe(api, dataset, change):
    dataset.load(generate(3))
    first = dataset.run(["captions"])
    second = dataset.run(["captions"], captions=change)
    assert stage_of(first, "captions")["recipe"] != stage_of(second, "captions")["recipe"]
    assert stage_of(second, "captions")["done"] == 3


def test_defaults_spelled_out_are_the_same_recipe(api, dataset):
    dataset.load(generate(3))
    first = dataset.run(["captions"])
    again = dataset.run(["captions"], captions={"provider": "offline", "prompt": "dense-v1", "variants": 1,
                                                "temperature": 0.7, "top_p": 0.95, "max_tokens": 1024,
                                                "salt": ""})
    assert stage_of(again, "captions")["recipe"] == stage_of(first, "captions")["recipe"]
    assert stage_of(again, "captions")["existing"] == 3


def test_another_provider_makes_new_rows(modelled, model_server):
    modelled.load(generate(25))
    offline = modelled.run(captions={"provider": "offline"}, dialogues={"provider": "offline"},
                           representations={"encoder": "offline"})
    assert model_server.stats()["chat_requests"] == 0
    asked = modelled.run()
    assert stage_of(asked, "captions")["provider"] == "llm"
    assert stage_of(asked, "captions")["done"] == 25
    assert stage_of(asked, "captions")["recipe"] != stage_of(offline, "captions")["recipe"]
    assert model_server.stats()["max_calls_per_text"] == 1
    assert {c["model"] for c in modelled.captions(run=asked["id"])} == {"test-model"}
    assert {len(v) for v in modelled.vectors("none", encoder="embeddings").values()} == {64}
    calls = model_server.stats()
    again = modelled.run()
    assert all(stage["done"] == 0 for stage in again["stages"])
    assert all(stage["existing"] == stage["total"] for stage in again["stages"])
    now = model_server.stats()
    assert (now["chat_requests"], now["embedding_requests"]) == \
        (calls["chat_requests"], calls["embedding_requests"])


def test_the_other_encoder_of_the_same_captions(modelled, model_server):
    modelled.load(generate(10))
    modelled.run(["captions", "representations"], captions={"provider": "offline"},
                 representations={"encoder": "offline"})
    modelled.run(["representations"], representations={"encoder": "embeddings"})
    assert {len(v) for v in modelled.vectors("none", encoder="offline").values()} == {1280}
    assert {len(v) for v in modelled.vectors("none", encoder="embeddings").values()} == {64}
    seed = modelled.api.call("get_seed", dataset=modelled.name, seed=modelled.seeds()[0]["id"]).json()
    assert {e["encoder"] for e in seed["embeddings"]} == {"offline", "embeddings"}


def test_a_changed_answer_of_the_model_changes_no_row(modelled, model_server):
    modelled.load(generate(10))
    modelled.run(["captions"])
    before = modelled.captions(view="all")
    model_server.control(faults=[{"kind": "text", "text": "Something else altogether, in more than "
                                                          "eight words, stands in the middle."}])
    modelled.run(["captions"])
    assert modelled.captions(view="all") == before


# -- waiting and queueing --

def test_a_second_run_queues_and_names_the_first(modelled, model_server):
    api = modelled.api
    modelled.load(generate(10))
    first = held_run(modelled, model_server)
    second = modelled.start(["captions", "dialogues"])
    third = modelled.start(["captions"])
    other = modelled.run(["representations"])
    assert other["state"] == "succeeded"
    for run in (second, third):
        answer = api.call("get_run", run=run["id"]).json()
        assert answer["state"] == "queued" and "started_at" not in answer
        assert answer["blocked_by"] in (first, second["id"])
    assert api.call("get_run", run=second["id"]).json()["blocked_by"] == first
    assert {r["id"] for r in api.items(modelled.path + "/runs", state="queued")} == \
        {second["id"], third["id"]}
    release(model_server)
    assert stage_of(modelled.wait(first), "captions")["done"] == 10
    assert stage_of(modelled.wait(second["id"]), "captions")["existing"] == 10
    assert stage_of(modelled.wait(third["id"]), "captions")["existing"] == 10
    assert model_server.stats()["max_calls_per_text"] >= 1


def test_seeds_posted_during_a_run_belong_to_the_next(modelled, model_server):
    seeds = generate(40)
    modelled.load(seeds[:20])
    run = held_run(modelled, model_server)
    modelled.load(seeds[20:])
    release(model_server)
    assert stage_of(modelled.wait(run), "captions")["total"] == 20
    assert {c["seed_id"] for c in modelled.captions()} == {identity.seed_id(s) for s in seeds[:20]}
    following = modelled.run(["captions"])
    assert stage_of(following, "captions")["done"] == 20
    assert stage_of(following, "captions")["existing"] == 20


def test_runs_of_two_datasets_do_not_wait_for_each_other(modelled, model_server, new_dataset):
    modelled.load(generate(10))
    run = held_run(modelled, model_server)
    other = new_dataset(modelled.api)
    other.load(generate(10))
    other.run(["captions"], captions={"provider": "offline"})
    assert state_of(modelled.api, run) == "running"
    release(model_server)
    modelled.wait(run)


def test_wait_answers_at_the_end_of_the_run(modelled, model_server):
    modelled.load(generate(5))
    run = held_run(modelled, model_server)
    api = Api(modelled.api.base)
    assert api.call("get_run", run=run, params={"wait": "10ms"}).json()["state"] == "running"
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        Api(api.base).call("get_run", run=run, params={"wait": "60s"}).json())) for _ in range(5)]
    for thread in threads:
        thread.start()
    release(model_server)
    for thread in threads:
        thread.join()
    assert [answer["state"] for answer in answers] == ["succeeded"] * 5
    assert api.call("get_run", run=run, params={"wait": "60"}).json()["state"] == "succeeded"


def test_wait_ends_when_the_run_pauses(modelled, model_server):
    modelled.load(generate(5))
    run = held_run(modelled, model_server)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        Api(modelled.api.base).call("get_run", run=run, params={"wait": "60s"}).json()))
    thread.start()
    modelled.api.call("pause_run", run=run)
    thread.join()
    assert answers[0]["state"] == "paused"
    modelled.api.call("cancel_run", run=run)


# -- pausing, resuming, cancelling --

def test_pause_and_resume(modelled, model_server):
    api = modelled.api
    modelled.load(generate(30))
    run = held_run(modelled, model_server, stages=["captions", "dialogues"])
    for _ in range(2):
        answer = api.call("pause_run", run=run).json()
        assert answer["state"] == "paused" or answer["requested"] == "pause"
    paused = modelled.wait(run, "paused")
    assert paused["reason"] == "user" and "requested" not in paused
    assert api.call("pause_run", run=run).json()["state"] == "paused"
    asked = model_server.stats()["chat_requests"]
    release(model_server)
    api.call("get_run_result", run=run, expect=404)
    api.call("delete_dataset", dataset=modelled.name, expect=409)
    blocked = modelled.start(["captions"])
    assert api.call("get_run", run=blocked["id"]).json()["blocked_by"] == run
    assert model_server.stats()["chat_requests"] == asked
    resumed = api.call("resume_run", run=run).json()
    assert resumed["state"] == "running" and "reason" not in resumed
    api.call("resume_run", run=run, expect=(202, 409))
    done = modelled.wait(run)
    assert stage_of(done, "captions")["done"] == 30
    modelled.wait(blocked["id"])


def test_cancel(modelled, model_server):
    api = modelled.api
    modelled.load(generate(30))
    run = held_run(modelled, model_server)
    queued = modelled.start(["captions"])
    api.call("cancel_run", run=run)
    done = modelled.wait(run, "cancelled")
    assert done["finished_at"] and done["reason"] == "user"
    api.call("cancel_run", run=run)
    api.call("pause_run", run=run, expect=409)
    api.call("resume_run", run=run, expect=409)
    assert modelled.result(run)["state"] == "cancelled"
    release(model_server)
    done = modelled.wait(queued["id"])
    assert stage_of(done, "captions")["done"] + stage_of(done, "captions")["existing"] == 30


def test_cancel_and_pause_of_a_queued_run(modelled, model_server):
    api = modelled.api
    modelled.load(generate(5))
    run = held_run(modelled, model_server)
    second, third = modelled.start(["captions"])["id"], modelled.start(["captions"])["id"]
    api.call("cancel_run", run=second)
    modelled.wait(second, "cancelled")
    api.call("pause_run", run=third)
    modelled.wait(third, "paused")
    release(model_server)
    modelled.wait(run)
    api.call("resume_run", run=third)
    modelled.wait(third)


def test_cancel_of_a_paused_run(modelled, model_server):
    api = modelled.api
    modelled.load(generate(5))
    run = held_run(modelled, model_server)
    api.call("pause_run", run=run)
    modelled.wait(run, "paused")
    api.call("cancel_run", run=run)
    modelled.wait(run, "cancelled")
    assert modelled.run(["captions"], captions={"provider": "offline"})["state"] == "succeeded"


def test_a_run_that_has_ended_is_left_alone(api, dataset):
    dataset.load(generate(3))
    run = dataset.run(["captions"])["id"]
    for operation in ("pause_run", "resume_run", "cancel_run"):
        assert api.call(operation, run=run, expect=409).problem == "conflict"
    assert state_of(api, run) == "succeeded"


def test_what_a_cancelled_run_made_stays(new_server, new_dataset, model_server):
    settings = {**model_settings(model_server), "MONOCEROS_LLM_MAX_IN_FLIGHT": 2, "MONOCEROS_FLUSH_MS": 20}
    dataset = new_dataset(Api(new_server(**settings).base))
    dataset.load(generate(100))
    model_server.control(delay_ms=50)
    run = dataset.start(["captions"])
    until(lambda: stage_of(dataset.api.call("get_run", run=run["id"]).json(), "captions")["done"] > 0,
          "some captions to be stored")
    dataset.api.call("cancel_run", run=run["id"])
    done = dataset.wait(run["id"], "cancelled")
    captions = dataset.captions()
    assert 0 < len(captions) < 100 and stage_of(done, "captions")["done"] == len(captions)
    assert len(captions) == model_server.stats()["chat_requests"], "every answer is kept"
    model_server.control(delay_ms=0)
    following = dataset.run(["captions"])
    assert stage_of(following, "captions")["existing"] == len(captions)
    kept = {c["id"]: c for c in dataset.captions()}
    assert all(kept[c["id"]] == c for c in captions)


# -- failures --

def test_failures_and_max_failed(modelled, model_server):
    texts = generate(40)
    modelled.load(texts)
    model_server.control(faults=[{"kind": "status", "status": 400, "message": "no é",
                                  "hash_share": 0.3}])
    run = modelled.start(["captions"], max_failed=0.05)
    until(lambda: modelled.api.call("get_run", run=run["id"]).json()["state"] not in
          ("queued", "running"), "the run to end or pause")
    answer = modelled.api.call("get_run", run=run["id"]).json()
    failures = modelled.failures()
    assert failures and {f["run"] for f in failures} == {run["id"]}
    assert all(f["reason"] == "http_400" and f["stage"] == "captions" for f in failures)
    assert all("no é" in f["raw"] for f in failures)
    if answer["state"] == "paused":
        assert answer["reason"] == "quality"
        modelled.api.call("cancel_run", run=run["id"])
        modelled.wait(run["id"], "cancelled")
        return
    assert answer["state"] == "failed"
    assert stage_of(answer, "captions")["failed"] == len(failures)
    assert modelled.result(run["id"])["failures"] == len(failures)
    assert modelled.failures(reason="http_400", stage="captions", run=run["id"]) == failures
    assert modelled.failures(reason="timeout") == []
    assert modelled.failures(stage="dialogues") == []
    release(model_server)
    again = modelled.run(["captions"])
    assert stage_of(again, "captions")["done"] == len(failures)
    assert len(modelled.captions()) == 40
    seed = modelled.api.call("get_seed", dataset=modelled.name, seed=failures[0]["seed_id"]).json()
    assert [f["reason"] for f in seed["failures"]] == ["http_400"]


def test_dropped_captions(modelled, model_server):
    modelled.load(generate(20))
    model_server.control(faults=[{"kind": "text", "text": "Too short.", "hash_share": 0.2}])
    run = modelled.run(["captions", "dialogues", "representations"])
    stage = stage_of(run, "captions")
    dropped = modelled.captions(outcome="dropped", view="all")
    assert stage["dropped"] == len(dropped) > 0
    assert {c["dropped"] for c in dropped} == {"length"}
    usable = modelled.captions()
    assert len(usable) + len(dropped) == 20
    assert len(modelled.captions(outcome="any", view="all")) == 20
    assert set(modelled.vectors("none")) == {c["id"] for c in usable}
    assert {d["caption_id"] for d in modelled.dialogues(view="all")} <= {c["id"] for c in usable}
