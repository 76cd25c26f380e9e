"""The job of examples/orchestrators by `dagster job execute`, against a real server."""
import contextlib
import json
import subprocess

import pytest

from support.seeds import generate
from support.server import ROOT, environment
from support.wait import PATIENCE, until

VENV = ROOT / ".local/orchestrators/dagster"
JOB = ROOT / "examples/orchestrators/dagster_job.py"
SEEDS = [{"text": text, "source": "orders"} for text in generate(5, seed=9)]


class Job:
    """One execution, in a home of Dagster's own."""

    def __init__(self, home, service, dataset, provider):
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="ascii")
        config = {"ops": {"add_seeds": {"config": {"dataset": dataset, "seeds": SEEDS}},
                          "start_run": {"config": {"provider": provider}}}}
        (home / "run.yaml").write_text(json.dumps(config), encoding="utf-8")
        self.log = home / "log"
        settings = {"DAGSTER_HOME": home, "NO_PROXY": "127.0.0.1", "MONOCEROS_URL": service.relay.base,
                    "MONOCEROS_API_KEY": service.key}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", VENV / "bin/dagster", "job", "execute", "-f", JOB, "-j",
                 "caption_seeds", "-c", home / "run.yaml"],
                env=environment(**settings), cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        """Its exit code and what it logged."""
        code = self.process.wait(timeout=PATIENCE)
        return code, self.log.read_text(encoding="utf-8")


@pytest.fixture
def start(service, name, tmp_path):
    assert (VENV / "bin/dagster").is_file(), "no Dagster: ./dev orchestrators dagster installs it"
    with contextlib.ExitStack() as stack:
        def started(provider="offline"):
            made = Job(tmp_path, service, name, provider)
            stack.callback(made.process.kill)
            return made
        yield started


def test_the_job_waits_for_its_run_and_says_what_it_made(start, service, name, held):
    made = start("llm")
    until(lambda: [c for c in service.relay.seen("GET", "") if c.query == "wait=25s"], "an answer while the run goes on")
    assert service.the_run(name)["state"] == "running"
    held()
    code, log = made.wait()
    assert code == 0, log
    run = service.the_run(name)
    assert run["state"] == "succeeded"
    service.check_made(name, len(SEEDS))
    assert f"Materialized value monoceros {name} captions" in log
    assert {call.headers["Authorization"] for call in service.relay.calls} == {f"Bearer {service.key}"}


def test_an_op_waits_as_long_as_the_server_says(start, service, name):
    service.relay.refuse("POST", "/seeds", 503, Retry_After="2")
    service.relay.refuse("POST", "/runs", 429, Retry_After="3")
    code, log = start().wait()
    assert code == 0, log
    for step, seconds in (("add_seeds", 2), ("start_run", 3)):
        assert f'"{step}" failed and has requested a retry in {seconds}.0 seconds' in log
    assert service.the_run(name)["state"] == "succeeded"


def test_an_op_whose_answer_was_lost_starts_no_second_run(start, service, name):
    service.relay.lose_answer("POST", "/runs")
    code, log = start().wait()
    assert code == 0, log
    service.check_sent_twice(name)
    service.check_made(name, len(SEEDS))


def test_a_run_that_failed_fails_the_job_without_another_attempt(start, service, name, model_server):
    model_server.control(faults=[{"kind": "status", "status": 400}])
    code, log = start("llm").wait()
    assert code != 0 and "the run is failed" in log
    assert "STEP_UP_FOR_RETRY" not in log
    assert service.the_run(name)["state"] == "failed"


def test_what_is_refused_for_good_is_not_tried_again(start, service, name):
    code, log = start("nobody").wait()
    assert code != 0 and "422" in log and "/captions/provider" in log
    assert len(service.relay.seen("POST", "/runs")) == 1 and service.runs(name) == []
