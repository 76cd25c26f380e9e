"""Runs as jobs: the fields that every job has, labels, and retries of what has failed."""
import threading

import pytest

from support import identity
from support.client import Api
from support.dataset import EVERY_TASK, stage_of
from support.seeds import generate
from support.wait import until

REFUSES = [{"kind": "status", "status": 400, "message": "no", "hash_share": 0.25}]
WAITS = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]


def get(api, run):
    return api.call("get_run", run=run).json()


def retry(api, run, expect=202):
    return api.call("retry_run", run=run, expect=expect)


# -- fields --

def test_fields_of_a_run_that_succeeded(api, dataset):
    dataset.load(generate(10))
    run = dataset.run(["captions"])
    path = f"/v1/runs/{run['id']}"
    assert run["progress"] == 1 and run["labels"] == {}
    assert run["created_at"] <= run["started_at"] <= run["finished_at"] == run["updated_at"]
    assert run["result"] == path + "/result"
    assert api.get(run["result"]).json()["run"] == run["id"]
    assert not {"error", "eta_seconds", "retries", "reason"} & set(run)
    assert run["links"]["self"] == path
    assert not {"pause", "resume", "cancel", "retry"} & set(run["links"])


def test_links_say_what_the_state_allows(modelled, model_server):
    modelled.load(generate(5))
    model_server.control(faults=WAITS)
    run = modelled.start(["captions"])
    assert {"pause", "cancel"} <= set(run["links"]) and not {"resume", "retry"} & set(run["links"])
    assert "result" not in run
    modelled.api.request("POST", run["links"]["pause"], expect=202)
    paused = modelled.wait(run["id"], "paused")
    assert {"resume", "cancel"} <= set(paused["links"]) and not {"pause", "retry"} & set(paused["links"])
    model_server.control(faults=[])
    modelled.api.request("POST", paused["links"]["resume"], expect=202)
    modelled.wait(run["id"])


def test_the_result_is_not_found_until_it_is_there(modelled, model_server):
    modelled.load(generate(5))
    model_server.control(faults=WAITS)
    run = modelled.start(["captions"])["id"]
    answer = modelled.api.call("get_run_result", run=run, expect=404)
    assert int(answer.headers["Retry-After"]) > 0
    model_server.control(faults=[])
    modelled.wait(run)
    assert modelled.api.call("get_run_result", run=run).json()["state"] == "succeeded"
    answer = modelled.api.call("get_run_result", run="0" * 32, expect=404)
    assert "Retry-After" not in answer.headers


def test_error_of_a_run_that_failed(modelled, model_server):
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    run = modelled.run(["captions"], state="failed", max_failed=0.01)
    failed = stage_of(run, "captions")["failed"]
    assert run["error"]["type"] == "/problems/run-failed"
    assert f"{failed} of the 40 items of captions" in run["error"]["detail"]
    assert modelled.api.get(run["error"]["type"]).content
    assert run["links"]["retry"] == f"/v1/runs/{run['id']}/retry"


def test_the_rate_is_of_the_time_since_it_goes_on(new_server, database, dataset):
    """Halfway after 100 s, and it stood still for a day before that."""
    run = dataset.start(["captions"])["id"]
    dataset.wait(run)
    number = database.execute(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    database.execute(f"""
        UPDATE runs SET state = 'running', summary = NULL, started_at = now() - interval '1 day',
                        active_since = now() - interval '100 s' WHERE run_id = '{run}';
        INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state, token, lease_until,
                           total, done, seeds, finished_at)
        SELECT {number} * 65536, '{run}', 'captions', md5(n::text)::uuid, md5(n::text)::uuid, {number}, now(),
               CASE WHEN n = 4 THEN 'leased' ELSE 'finished' END, 1, now() + interval '1 hour', 100,
               CASE WHEN n = 4 THEN 0 ELSE 100 END, 100,
               CASE WHEN n = 1 THEN now() - interval '1 day' WHEN n < 4 THEN now() - interval '10 s' END
        FROM generate_series(1, 4) n""")
    found = get(dataset.api, run)
    assert found["progress"] == 0.75
    assert 50 <= found["eta_seconds"] <= 60, "100 items at 200 in 100 s, not at 300 in a day"
    database.execute(f"""UPDATE tasks SET finished_at = now() - interval '1 day' WHERE run_id = '{run}'""")
    assert "eta_seconds" not in get(dataset.api, run), "nothing was finished lately"
    database.execute(f"""UPDATE runs SET state = 'cancelled' WHERE run_id = '{run}';
                         DELETE FROM tasks WHERE run_id = '{run}'""")


def test_changes_that_were_made_already_are_accepted(modelled, model_server):
    api = modelled.api
    modelled.load(generate(5))
    model_server.control(faults=WAITS)
    run = modelled.start(["captions"])["id"]
    until(lambda: get(api, run)["state"] == "running", "the run to begin")
    assert api.call("resume_run", run=run).json()["state"] == "running"
    for operation, state in (("pause_run", "paused"), ("cancel_run", "cancelled")):
        api.call(operation, run=run)
        seen = modelled.wait(run, state)
        again = api.call(operation, run=run).json()
        assert again["state"] == state and again.get("reason") == seen.get("reason")
    assert get(api, run) == seen


# -- labels --

def test_labels_find_runs_again(api, dataset):
    labels = {"team": "vision", "dag.run_id": "manual: 1/2 é", "empty": ""}
    run = dataset.start(["captions"], labels=labels)
    assert run["labels"] == labels
    other = dataset.start(["dialogues"], labels={"team": "text"})
    dataset.start(["representations"])

    def found(**params):
        return [r["id"] for r in api.items(dataset.path + "/runs", **params)]

    assert found(label="team:vision") == [run["id"]]
    assert found(label="dag.run_id:manual: 1/2 é") == [run["id"]]
    assert found(label="empty:") == [run["id"]]
    assert found(label="team:text", page_size=1) == [other["id"]]
    assert found(label="team:") == [] == found(label="vision:team")
    for one in (run, other):
        dataset.wait(one["id"])
    assert found(label="team:vision", state="succeeded") == [run["id"]]
    assert found(label="team:vision", state="failed") == []
    assert len(found()) == 3


def test_labels_decide_nothing(dataset):
    dataset.load(generate(5))
    first = dataset.run(["captions"], labels={"n": "1"})
    second = dataset.run(["captions"], labels={"n": "2"})
    assert stage_of(second, "captions")["existing"] == 5
    assert stage_of(second, "captions")["recipe"] == stage_of(first, "captions")["recipe"]


@pytest.mark.parametrize("labels, pointer", [
    ({"Team": "x"}, "/labels/Team"), ({"": "x"}, "/labels/"), ({"1a": "x"}, "/labels/1a"),
    ({"a" * 64: "x"}, "/labels/" + "a" * 64), ({"a b": "x"}, "/labels/a b"), ({"a": 1}, "/labels/a"),
    ({"a": None}, "/labels/a"), ({"a": "x" * 201}, "/labels/a"), ([], "/labels"), ("a:b", "/labels"),
    ({f"l{n}": "x" for n in range(17)}, "/labels")])
def test_refused_labels(api, dataset, labels, pointer):
    answer = api.call("create_run", dataset=dataset.name, expect=422,
                      json={"stages": ["captions"], "labels": labels})
    assert answer.pointers == [pointer]
    assert api.items(dataset.path + "/runs") == []


def test_the_longest_labels(api, dataset):
    labels = {f"l{n:02}" + "a" * 60: "é" * 200 for n in range(16)}
    run = dataset.start(["captions"], labels=labels)
    assert run["labels"] == labels
    name, value = next(iter(labels.items()))
    assert [r["id"] for r in api.items(dataset.path + "/runs", label=f"{name}:{value}")] == [run["id"]]


@pytest.mark.parametrize("label", ["team", "Team:x", ":x", "a:" + "x" * 201, "a b:x"])
def test_refused_label_to_look_for(api, dataset, label):
    answer = api.call("list_runs", dataset=dataset.name, params={"label": label}, expect=422)
    assert answer.pointers == ["?label"]


# -- retry --

def calls_of(model_server, before=None):
    now = model_server.stats()["chat_requests"]
    return now - (before or 0)


def test_retry_makes_what_failed_and_nothing_else(modelled, model_server):
    api = modelled.api
    modelled.load(generate(60))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], max_failed=1)
    failed = stage_of(first, "captions")["failed"]
    assert 0 < failed < 60
    kept = {c["id"]: c for c in modelled.captions()}
    paid = first["usage"]["calls"]
    before = calls_of(model_server)
    modelled.load(generate(5, seed=99))
    model_server.control(faults=[])
    run = retry(api, first["id"]).json()
    assert run["id"] == first["id"] and run["state"] in ("queued", "running", "succeeded")
    assert run["retries"] == 1 and "result" not in run or run["state"] == "succeeded"
    done = modelled.wait(first["id"])
    stage = stage_of(done, "captions")
    assert (stage["total"], stage["done"], stage["failed"], stage["existing"]) == (60, 60, 0, 0)
    assert calls_of(model_server, before) == failed
    assert done["usage"]["calls"] == paid + failed
    now = {c["id"]: c for c in modelled.captions(run=first["id"])}
    assert len(now) == 60 and all(now[id] == c for id, c in kept.items())
    assert modelled.failures() == [] and modelled.result(first["id"])["failures"] == 0
    assert done["started_at"] == first["started_at"] and done["finished_at"] > first["finished_at"]
    assert done["progress"] == 1 and "retry" not in done["links"]
    assert retry(api, first["id"], expect=409).problem == "conflict"


def test_what_follows_from_a_retried_caption_is_made_too(modelled, model_server):
    modelled.load(generate(60))
    model_server.control(faults=[{**REFUSES[0], "first_per_text": 1}])
    first = modelled.run(max_failed=1, dialogues={"mix": EVERY_TASK})
    failed = stage_of(first, "captions")["failed"]
    assert failed > 0
    more = stage_of(first, "dialogues")["failed"]
    model_server.control(faults=[])
    before = model_server.stats()
    retry(modelled.api, first["id"])
    done = modelled.wait(first["id"])
    for name, total in (("captions", 60), ("dialogues", 180), ("representations", 60)):
        stage = stage_of(done, name)
        assert (stage["total"], stage["done"], stage["failed"], stage["existing"]) == (total, total, 0, 0)
    assert stage_of(done, "dialogues")["tasks"] == {t: {"asked": 60, "got": 60} for t in EVERY_TASK}
    assert calls_of(model_server, before["chat_requests"]) == failed + 3 * failed + more
    assert len(modelled.dialogues()) == 180 and len(modelled.vectors("none")) == 60
    moments = modelled.result(first["id"])["moments"]
    assert [m["count"] for m in moments] == [60 - failed, 60]
    assert len({t["id"] for t in modelled.result(first["id"])["transfers"]}) == 4
    again = modelled.run(max_failed=1, dialogues={"mix": EVERY_TASK})
    assert all(s["existing"] == s["total"] for s in again["stages"])
    assert [s["total"] for s in again["stages"]] == [60, 180, 60]


def test_retry_of_later_stages(modelled, model_server):
    modelled.load(generate(40))
    modelled.run(["captions"])
    model_server.control(faults=[{**REFUSES[0], "route": "chat"}])
    first = modelled.run(["dialogues", "representations"], max_failed=1, dialogues={"mix": EVERY_TASK})
    failed = modelled.failures()
    assert {f["stage"] for f in failed} == {"dialogues"}
    model_server.control(faults=[])
    before = model_server.stats()
    retry(modelled.api, first["id"])
    done = modelled.wait(first["id"])
    assert [(s["total"], s["done"]) for s in done["stages"]] == [(120, 120), (40, 40)]
    now = model_server.stats()
    assert now["chat_requests"] - before["chat_requests"] == len(failed)


def test_what_fails_again_is_a_failure_again(modelled, model_server):
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], state="failed", max_failed=0.01)
    failures = {f["seed_id"]: f for f in modelled.failures()}
    model_server.control(faults=[{**REFUSES[0], "status": 422}])
    retry(modelled.api, first["id"])
    again = modelled.wait(first["id"], "failed")
    assert {k: v for k, v in stage_of(again, "captions").items() if k not in ("usage", "filters")} == \
        {k: v for k, v in stage_of(first, "captions").items() if k not in ("usage", "filters")}
    now = modelled.failures()
    assert {f["seed_id"] for f in now} == set(failures)
    assert {f["reason"] for f in now} == {"http_422"}
    assert all(f["calls"] == failures[f["seed_id"]]["calls"] + 1 for f in now)
    assert again["usage"]["calls"] == first["usage"]["calls"] + len(now)
    assert again["error"]["type"] == "/problems/run-failed" and again["retries"] == 1
    model_server.control(faults=[])
    retry(modelled.api, first["id"])
    done = modelled.wait(first["id"])
    assert stage_of(done, "captions")["done"] == 40 and done["retries"] == 2 and "error" not in done


def test_retry_while_under_way_changes_nothing(modelled, model_server):
    api = modelled.api
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], max_failed=1)
    model_server.control(faults=WAITS)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        retry(Api(api.base), first["id"]).json())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a["retries"] for a in answers] == [1] * 6
    until(lambda: stage_of(get(api, first["id"]), "captions")["total"] == 40, "the retry to be planned")
    waiting = retry(api, first["id"]).json()
    assert waiting["retries"] == 1 and stage_of(waiting, "captions")["failed"] == 0
    assert modelled.failures() == []
    model_server.control(faults=[])
    assert stage_of(modelled.wait(first["id"]), "captions")["done"] == 40


def test_whoever_holds_an_old_task_holds_none_of_a_retry(modelled, modelled_server, model_server):
    """A retry opens the same ranges again: their tokens begin beyond all that were given out."""
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], max_failed=1)
    model_server.control(faults=WAITS)
    retry(modelled.api, first["id"])

    def tasks():
        return modelled_server.database.query(
            f"SELECT stage, token FROM tasks WHERE run_id = '{first['id']}'")

    until(lambda: any(task["stage"] == "captions" for task in tasks()), "the retry to be planned")
    assert all(task["token"] >= 1000000000 for task in tasks())
    model_server.control(faults=[])
    modelled.wait(first["id"])


def test_what_cannot_be_retried(modelled, model_server):
    api = modelled.api
    modelled.load(generate(10))
    model_server.control(faults=WAITS)
    run = modelled.start(["captions"])["id"]
    assert "has not ended" in retry(api, run, expect=409).json()["detail"]
    api.call("cancel_run", run=run)
    modelled.wait(run, "cancelled")
    assert "cancelled" in retry(api, run, expect=409).json()["detail"]
    model_server.control(faults=[])
    run = modelled.run(["captions"])["id"]
    assert "no failed items" in retry(api, run, expect=409).json()["detail"]
    retry(api, "0" * 32, expect=404)


def test_a_retry_queues_like_any_run(modelled, model_server):
    api = modelled.api
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], max_failed=1)
    model_server.control(faults=WAITS)
    second = modelled.start(["captions"], captions={"salt": "second"})["id"]
    until(lambda: get(api, second)["state"] == "running", "the second run to run")
    queued = retry(api, first["id"]).json()
    assert (queued["state"], queued["blocked_by"]) == ("queued", second)
    api.call("pause_run", run=first["id"])
    modelled.wait(first["id"], "paused")
    assert api.call("resume_run", run=first["id"]).json()["state"] == "queued"
    model_server.control(faults=[])
    assert stage_of(modelled.wait(first["id"]), "captions")["done"] == 40
    modelled.wait(second)


def test_a_cancelled_retry_keeps_what_it_had(modelled, model_server):
    api = modelled.api
    modelled.load(generate(40))
    model_server.control(faults=REFUSES)
    first = modelled.run(["captions"], max_failed=1)
    model_server.control(faults=WAITS)
    retry(api, first["id"])
    until(lambda: get(api, first["id"])["state"] == "running", "the retry to run")
    api.call("cancel_run", run=first["id"])
    done = modelled.wait(first["id"], "cancelled")
    assert stage_of(done, "captions")["done"] == stage_of(first, "captions")["done"]
    model_server.control(faults=[])
    assert stage_of(modelled.run(["captions"]), "captions")["existing"] == stage_of(first, "captions")["done"]


def test_duplicates_are_counted_once(modelled, model_server):
    """The pass over duplicates compares all that the run made, in a retry too."""
    texts = generate(40)
    modelled.load(texts)
    model_server.control(faults=[REFUSES[0]])
    first = modelled.run(["captions"], max_failed=1, captions={"filters": {"preset": "standard"}})
    model_server.control(faults=[])
    retry(modelled.api, first["id"])
    done = modelled.wait(first["id"])
    stage = stage_of(done, "captions")
    assert stage["done"] == 40
    assert stage["dropped"] == len(modelled.captions(outcome="dropped", run=first["id"]))
    assert {identity.seed_id(t) for t in texts} == {c["seed_id"] for c in
                                                    modelled.captions(run=first["id"], outcome="any")}
