"""Captions of new seeds, made by Monoceros as a Dagster job.

MONOCEROS_URL and MONOCEROS_API_KEY say where the server is and who asks; README.md beside this file shows the
configuration of a run. The keys that go along as Idempotency-Key come from the id of the Dagster run: an op that
is tried again, or executed again from a failure, asks for the run that it has already started.
"""
import time

import requests
from dagster import (AssetMaterialization, Config, ConfigurableResource, Definitions, EnvVar, Failure,
                     OpExecutionContext, RetryRequested, in_process_executor, job, op)

RETRIES = 8
# Where no Retry-After says how long: a broken connection, or the answer of a proxy.
PAUSE_S = 5
MAY_PASS = {502, 503, 504}


class Monoceros(ConfigurableResource):
    url: str
    key: str

    def request(self, context: OpExecutionContext, method: str, path: str, **arguments) -> dict:
        """The JSON of the answer. What may pass is tried again by Dagster, when the server says."""
        origin = context.run.root_run_id or context.run.run_id
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"{origin}-{context.op_def.name}"}
        try:
            answer = requests.request(method, self.url + path, headers=headers, timeout=40, **arguments)
        except requests.RequestException as error:
            raise RetryRequested(RETRIES, PAUSE_S) from error
        if not answer.ok and (answer.status_code in MAY_PASS or "Retry-After" in answer.headers):
            raise RetryRequested(RETRIES, float(answer.headers.get("Retry-After", PAUSE_S)))
        if not answer.ok:
            raise Failure(f"{method} {path}: {answer.status_code} {answer.text}", allow_retries=False)
        return answer.json()


class Seeds(Config):
    dataset: str
    seeds: list[dict]


class Captions(Config):
    provider: str = "offline"


@op
def add_seeds(context: OpExecutionContext, config: Seeds, monoceros: Monoceros) -> str:
    path = f"/v1/datasets/{config.dataset}"
    monoceros.request(context, "PUT", path)
    counts = monoceros.request(context, "POST", path + "/seeds", json={"seeds": config.seeds})
    context.log.info(f"{counts['new']} seeds are new, {counts['duplicate']} were there")
    return path


@op
def start_run(context: OpExecutionContext, config: Captions, monoceros: Monoceros, dataset: str) -> str:
    body = {"stages": ["captions"], "captions": {"provider": config.provider}}
    return monoceros.request(context, "POST", dataset + "/runs", json=body)["links"]["self"]


@op
def wait_for_run(context: OpExecutionContext, monoceros: Monoceros, run: str) -> dict:
    """The result of the run. Asking costs one request in 25 s while the run goes on."""
    while True:
        found = monoceros.request(context, "GET", run, params={"wait": "25s"})
        if found["state"] == "succeeded":
            break
        if found["state"] in ("failed", "cancelled"):
            raise Failure(f"the run is {found['state']}: {found.get('reason_detail', found['stages'])}",
                          allow_retries=False)
        if found["state"] == "paused":
            context.log.warning(f"the run is paused ({found['reason']}) until somebody resumes it")
            time.sleep(PAUSE_S)
    result = monoceros.request(context, "GET", found["links"]["result"])
    context.log_event(AssetMaterialization(
        ["monoceros", found["dataset"], "captions"],
        metadata={"run": result["run"], "done": result["stages"][0]["done"], "failures": result["failures"],
                  "captions": monoceros.url + result["links"]["captions"]}))
    return result


@job(executor_def=in_process_executor)
def caption_seeds():
    wait_for_run(start_run(add_seeds()))


defs = Definitions(
    jobs=[caption_seeds],
    resources={"monoceros": Monoceros(url=EnvVar("MONOCEROS_URL"), key=EnvVar("MONOCEROS_API_KEY"))})
