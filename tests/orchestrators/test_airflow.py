"""The DAGs of examples/orchestrators in a real Airflow, against a real server."""
import base64

import pytest

from airflow_home import VENV, Airflow
from support.seeds import generate
from support.wait import until

SENSOR_TRIGGER = "airflow.providers.http.triggers.http.HttpSensorTrigger"
SEEDS = [{"text": "Two dogs & a \"cat\" on the farmer's grass."}, {"text": "Ein Hund läuft über die Straße."},
         *({"text": text} for text in generate(3, seed=5))]


@pytest.fixture(scope="module")
def airflow(keyed_service, tmp_path_factory):
    assert (VENV / "bin/airflow").is_file(), "no Airflow: ./dev orchestrators airflow installs it"
    made = Airflow(tmp_path_factory.mktemp("airflow"), keyed_service)
    try:
        made.wait_ready("monoceros_poll", "monoceros_defer")
        yield made
    finally:
        made.stop()


@pytest.fixture
def start(airflow, name):
    """Triggers a DAG for a dataset of its own; the DAG run and the dataset's name."""
    def started(dag, provider="offline"):
        return airflow.trigger(dag, f"run+of:{name}", dataset=name, provider=provider, seeds=SEEDS), name
    return started


def check_result(dag_run, service, dataset):
    run = service.the_run(dataset)
    assert run["state"] == "succeeded"
    assert dag_run.returned("read_result") == {
        "run": run["id"], "state": "succeeded", "failures": 0, "done": {"captions": len(SEEDS)},
        "captions": run["links"]["captions"]}
    service.check_made(dataset, len(SEEDS))


def test_a_plain_sensor_polls_until_the_run_has_ended(start, service, held):
    dag_run, dataset = start("monoceros_poll", provider="llm")
    until(lambda: service.relay.seen("POST", "/runs"), "the run to be started")
    run = service.the_run(dataset)["id"]
    until(lambda: service.relay.seen("GET", run), "an answer to the sensor while the run goes on")
    assert dag_run.task("wait_for_run")["state"] == "running"
    held()
    dag_run.wait()
    check_result(dag_run, service, dataset)
    assert {call.query for call in service.relay.seen("GET", run)} == {"wait=25s"}


def test_a_deferrable_sensor_waits_in_the_triggerer(start, service, held):
    dag_run, dataset = start("monoceros_defer", provider="llm")
    task = until(lambda: (t := dag_run.task("wait_for_result"))["triggerer_job"] and t, "the triggerer to take over")
    assert task["state"] == "deferred" and task["trigger"]["classpath"] == SENSOR_TRIGGER
    until(lambda: len(service.relay.seen("GET", "/result")) > 1, "the triggerer to ask for the result")
    assert dag_run.task("wait_for_result")["state"] == "deferred"
    held()
    dag_run.wait()
    check_result(dag_run, service, dataset)
    # The worker, the triggerer as often as it takes and at last with success, and the task that reads.
    statuses = [call.status for call in service.relay.seen("GET", "/result")]
    assert statuses == [404] * (len(statuses) - 2) + [200, 200]
    assert "Pausing task as DEFERRED" in dag_run.log("wait_for_result")


def test_every_request_has_the_key_and_every_post_its_idempotency_key(start, service):
    dag_run, dataset = start("monoceros_poll")
    dag_run.wait()
    check_result(dag_run, service, dataset)
    basic = base64.b64encode(f"key:{service.key}".encode()).decode()
    assert {call.headers["Authorization"] for call in service.relay.calls} == {f"Basic {basic}"}
    for end, task in (("/seeds", "add_seeds"), ("/runs", "start_run")):
        call, = service.relay.seen("POST", end)
        assert call.headers["Idempotency-Key"] == f"run+of:{dataset}-{task}"


def test_a_task_whose_answer_was_lost_starts_no_second_run(start, service):
    service.relay.lose_answer("POST", "/runs")
    dag_run, dataset = start("monoceros_defer")
    dag_run.wait()
    assert dag_run.task("start_run")["try_number"] == 2
    service.check_sent_twice(dataset)
    assert dag_run.returned("read_result")["state"] == "succeeded"
    service.check_made(dataset, len(SEEDS))


def test_a_dag_run_that_is_cleared_finds_its_run_again(start, service):
    dag_run, dataset = start("monoceros_defer")
    dag_run.wait()
    dag_run.clear()
    dag_run.wait()
    assert dag_run.task("start_run")["try_number"] == 2
    service.check_sent_twice(dataset)
    service.check_made(dataset, len(SEEDS))


def test_a_sensor_outlasts_a_server_that_asks_to_wait(start, service):
    for status in (503, 429):
        service.relay.refuse("GET", "", status, Retry_After="1")
    dag_run, dataset = start("monoceros_poll")
    dag_run.wait()
    check_result(dag_run, service, dataset)
    assert dag_run.task("wait_for_run")["try_number"] == 1
    assert [call.status for call in service.relay.seen("GET", "")][:2] == [503, 429]


def test_what_is_refused_for_good_is_not_tried_again(start, service):
    service.relay.refuse("POST", "/seeds", 503, Retry_After="1")
    dag_run, dataset = start("monoceros_poll", provider="nobody")
    dag_run.wait("failed")
    assert dag_run.task("add_seeds")["try_number"] == 2
    assert dag_run.task("start_run")["try_number"] == 1
    assert "422" in (log := dag_run.log("start_run")) and "/captions/provider" in log
    assert service.runs(dataset) == []


@pytest.mark.parametrize("dag, task", [("monoceros_poll", "wait_for_run"), ("monoceros_defer", "read_result")])
def test_a_run_that_failed_fails_its_task_without_another_attempt(start, service, model_server, dag, task):
    model_server.control(faults=[{"kind": "status", "status": 400}])
    dag_run, dataset = start(dag, provider="llm")
    dag_run.wait("failed")
    assert service.the_run(dataset)["state"] == "failed"
    failed = dag_run.task(task)
    assert (failed["state"], failed["try_number"]) == ("failed", 1)
    assert "the run has failed" in dag_run.log(task)
