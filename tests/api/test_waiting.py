"""Why a run does not get on: one field says it, whatever the cause."""
import pytest

from conftest import model_settings
from support.client import Api
from support.seeds import generate
from support.wait import until

WAITS = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]


def waiting(api, run):
    return api.call("get_run", run=run).json().get("waiting")


def follow(api, run, code):
    """Until the run says so; what it says."""
    found = []

    def says():
        found.append(waiting(api, run))
        return (found[-1] or {}).get("code") == code

    until(says, f"the run to be {code}")
    return found[-1]


def test_nothing_holds_up_what_has_ended(world):
    assert waiting(world.api, world.finished_run) is None


def test_paused_by_somebody_then_behind_another(modelled, model_server):
    api = modelled.api
    modelled.load(generate(5))
    model_server.control(faults=WAITS)
    first = modelled.start(["captions"])["id"]
    second = modelled.start(["captions"])
    assert second["waiting"] == {"code": "queued_behind", "run": first,
                                 "detail": second["waiting"]["detail"]}
    assert first in second["waiting"]["detail"]
    api.call("pause_run", run=first)
    paused = modelled.wait(first, "paused")
    assert paused["waiting"]["code"] == "paused_by_user" and paused["reason"] == "user"
    assert "is paused" in waiting(api, second["id"])["detail"]
    third = modelled.start(["captions"])["id"]
    assert waiting(api, third)["run"] == first
    listed = {r["id"]: r["waiting"]["code"] for r in api.items(modelled.path + "/runs")}
    assert listed == {first: "paused_by_user", second["id"]: "queued_behind", third: "queued_behind"}
    model_server.control(faults=[])
    for run in (third, second["id"], first):
        api.call("cancel_run", run=run)
        assert waiting(api, run) is None


def test_stopping(modelled, model_server):
    modelled.load(generate(5))
    model_server.control(delay_ms=1500)
    run = modelled.start(["captions"])["id"]
    until(lambda: model_server.stats()["chat_requests"] > 0, "calls to be under way")
    asked = modelled.api.call("pause_run", run=run).json()
    assert (asked["state"], asked["waiting"]["code"]) == ("running", "stopping")
    assert "paused" in asked["waiting"]["detail"]
    modelled.wait(run, "paused")
    modelled.api.call("cancel_run", run=run)


def test_paused_by_failures(untaught, model_server):
    untaught.load(generate(200))
    model_server.control(faults=[{"kind": "status", "status": 400, "message": "no"}])
    paused = untaught.wait(untaught.start(["captions"])["id"], "paused")
    assert paused["waiting"]["code"] == "too_many_failures"
    assert paused["waiting"]["detail"] == paused["reason_detail"]
    untaught.api.call("cancel_run", run=paused["id"])


def test_paused_by_the_provider(untaught, model_server):
    untaught.load(generate(5))
    untaught.run(["captions"])
    model_server.control(faults=[{"kind": "status", "status": 401, "message": "bad key"}])
    paused = untaught.wait(untaught.start(["captions"], captions={"salt": "x"})["id"], "paused")
    assert paused["waiting"]["code"] == "provider_stopped" and "bad key" in paused["waiting"]["detail"]
    untaught.api.call("cancel_run", run=paused["id"])


def test_budget(modelled):
    modelled.load(generate(20))
    paused = modelled.wait(modelled.start(["captions"], budget={"tokens": 1})["id"], "paused")
    assert paused["waiting"]["code"] == "budget_reached"
    modelled.api.call("cancel_run", run=paused["id"])


@pytest.mark.parametrize("stages, about", [(["captions"], "llm"), (["representations"], "embeddings")])
def test_throttled(untaught, model_server, stages, about):
    untaught.load(generate(20))
    if stages != ["captions"]:
        untaught.run(["captions"])
        untaught.run(["representations"])
        untaught.load(generate(20, seed=9))
        untaught.run(["captions"])
    else:
        untaught.run(["captions"], limit=1)
    model_server.control(faults=WAITS)
    run = untaught.start(stages)["id"]
    said = follow(untaught.api, run, "provider_throttling")
    assert said["provider"] == about and about in said["detail"] and "429" in said["detail"]
    model_server.control(faults=[])
    assert "waiting" not in untaught.wait(run)
    untaught.run(stages)


def test_unreachable(untaught, model_server):
    """Told while it lasts, by the run that it holds up alone."""
    untaught.load(generate(20))
    untaught.run(["captions"], limit=1)
    model_server.control(faults=[{"kind": "reset"}])
    run = untaught.start(["captions"])["id"]
    offline = untaught.start(["dialogues"], dialogues={"provider": "offline"})["id"]
    said = follow(untaught.api, run, "provider_unreachable")
    assert said["provider"] == "llm" and "out of reach for" in said["detail"]
    assert waiting(untaught.api, offline) is None
    model_server.control(faults=[])
    untaught.wait(run)
    untaught.wait(offline)


def test_a_server_that_takes_fewer_at_a_time(untaught, model_server):
    untaught.load(generate(300))
    untaught.run(["captions"], limit=1)
    model_server.control(capacity=2, delay_ms=100)
    run = untaught.start(["captions"])["id"]
    found = {}

    def says():
        found.update(waiting(untaught.api, run) or {})
        return "at a time" in found.get("detail", "")

    until(says, "the limit to be found")
    assert found["code"] == "provider_throttling" and found["provider"] == "llm"
    model_server.control(capacity=None, delay_ms=0)
    untaught.api.call("cancel_run", run=run)
    untaught.wait(run, "cancelled")


def test_at_the_limit_of_an_operator(untaught):
    api = untaught.api
    untaught.load(generate(200))
    api.call("put_provider_limits", provider="llm", json={"rpm": 60})
    until(lambda: "rpm" in api.call("get_provider", provider="llm").json()["limits"], "the limit to be in force")
    run = untaught.start(["captions"])["id"]
    said = follow(api, run, "provider_limit")
    assert said["provider"] == "llm" and "requests a minute" in said["detail"]
    api.call("cancel_run", run=run)
    untaught.wait(run, "cancelled")


def test_nobody_works(new_server, new_dataset, model_server):
    server = new_server(**model_settings(model_server))
    dataset = new_dataset(Api(server.base))
    dataset.load(generate(5))
    model_server.control(faults=WAITS)
    run = dataset.start(["captions"])["id"]
    until(lambda: dataset.api.call("get_run", run=run).json()["state"] == "running", "the run to begin")

    def nobody():  # the process says again and again that it is there
        server.database.execute("UPDATE replicas SET seen_at = now() - interval '1 minute'")
        return (waiting(dataset.api, run) or {}).get("code") == "no_worker"

    until(nobody, "the run to miss its workers")
    model_server.control(faults=[])
    dataset.wait(run)


def test_comparing_duplicates(dataset, database):
    dataset.load(generate(3))
    run = dataset.run(["captions"])["id"]
    number = database.execute(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    database.execute(f"""
        INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state, token, lease_until)
        VALUES ({number} * 65536, '{run}', 'duplicates', '{"0" * 32}', '{"f" * 32}', {number}, now(), 'leased', 1,
                now() + interval '1 hour');
        UPDATE runs SET state = 'running' WHERE run_id = '{run}'""")
    assert waiting(dataset.api, run)["code"] == "comparing_duplicates"
    database.execute(f"""UPDATE runs SET state = 'succeeded' WHERE run_id = '{run}';
                         DELETE FROM tasks WHERE run_id = '{run}'""")
