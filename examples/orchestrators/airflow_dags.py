"""Captions of new seeds, made by Monoceros as part of an Airflow pipeline: the same work as two DAGs.

monoceros_poll    waits with a plain sensor, which asks for the run and looks at its `state`. Each request
                  is answered as soon as the run has ended, and after 25 s otherwise.
monoceros_defer   waits in the triggerer, without a worker: the result is 404 until there is one.

Both need the Airflow connection `monoceros`: README.md beside this file says how to make it. Seeds, dataset
and provider are parameters of the DAG run. The keys that go along as Idempotency-Key are those of the DAG
run: a task that is tried again, or cleared, asks for the run that it has already started.
"""
from datetime import timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowFailException

CONNECTION = "monoceros"
# A long poll of 25 s, and time for the answer.
PATIENT = {"timeout": 40}
PARAMS = {
    "dataset": Param("street-scenes", type="string", pattern="^[a-z0-9][a-z0-9-]{0,62}$"),
    "seeds": Param([{"text": "A red bicycle leans against a white wall."}], type="array", minItems=1,
                   maxItems=1000),
    "provider": Param("offline", type="string"),
}
# Longer than the minute for which a request that was lost may be thought to be under way.
DEFAULTS = {"retries": 8, "retry_delay": timedelta(seconds=10), "http_conn_id": CONNECTION}


def succeeded(response):
    """Of a run or its result. A sensor asks again on False, and another attempt would not help one that failed."""
    run = response.json()
    if run["state"] == "failed":
        raise AirflowFailException(f"the run has failed: {run['stages']}")
    if run["state"] == "cancelled":
        raise AirflowFailException("the run was cancelled")
    if run["state"] == "paused":
        print(f"the run is paused ({run['reason']}) until somebody resumes it")
    return run["state"] == "succeeded"


def summary(response):
    """What the tasks that follow need of the result; the whole of it is too much for an XCom."""
    result = response.json()
    return {"run": result["run"], "state": result["state"], "failures": result["failures"],
            "done": {stage["name"]: stage["done"] for stage in result["stages"]},
            "captions": result["links"]["captions"]}


def accepted(response):
    """Of a request that changes something. Another attempt is for what passes: 409 is the first attempt, under
    way still."""
    if response.ok:
        return True
    if response.status_code in (409, 429) or response.status_code >= 500:
        print(response.text)
        return False
    raise AirflowFailException(f"{response.status_code} {response.text}")


def change(task_id, method, path, body, **arguments):
    return HttpOperator(
        task_id=task_id,
        method=method,
        endpoint="v1/datasets/{{ params.dataset }}" + path,
        headers={"Content-Type": "application/json", "Idempotency-Key": "{{ run_id }}-{{ task.task_id }}"},
        data=body,
        extra_options={"check_response": False},
        response_check=accepted,
        **arguments,
    )


def until_started():
    """The tasks before the wait; the last one, which answers the id of the run."""
    put_dataset = change("put_dataset", "PUT", "", "{}")
    add_seeds = change("add_seeds", "POST", "/seeds", "{{ {'seeds': params.seeds} | tojson }}",
                       response_filter=lambda response: response.json()["new"])
    start_run = change("start_run", "POST", "/runs",
                       "{{ {'stages': ['captions'], 'captions': {'provider': params.provider}} | tojson }}",
                       response_filter=lambda response: response.json()["id"])
    put_dataset >> add_seeds >> start_run
    return start_run


def read_result():
    return HttpOperator(
        task_id="read_result",
        method="GET",
        endpoint="v1/runs/{{ ti.xcom_pull(task_ids='start_run') }}/result",
        response_check=succeeded,
        response_filter=summary,
    )


with DAG("monoceros_poll", schedule=None, params=PARAMS, default_args=DEFAULTS, tags=["monoceros"]):
    wait = HttpSensor(
        task_id="wait_for_run",
        endpoint="v1/runs/{{ ti.xcom_pull(task_ids='start_run') }}",
        request_params={"wait": "25s"},
        extra_options=PATIENT,
        response_check=succeeded,
        # Not 404: a run that is not there will not come.
        response_error_codes_allowlist=["429", "503"],
        poke_interval=5,
        timeout=timedelta(hours=6).total_seconds(),
    )
    until_started() >> wait >> read_result()

with DAG("monoceros_defer", schedule=None, params=PARAMS, default_args=DEFAULTS, tags=["monoceros"]):
    # With a response_check it would not defer: what the run came to is for the next task.
    wait = HttpSensor(
        task_id="wait_for_result",
        endpoint="v1/runs/{{ ti.xcom_pull(task_ids='start_run') }}/result",
        deferrable=True,
        poke_interval=15,
        timeout=timedelta(hours=6).total_seconds(),
    )
    until_started() >> wait >> read_result()
