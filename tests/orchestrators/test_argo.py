"""The template of examples/orchestrators held against Argo Workflows, and carried out by its code."""
import json
import subprocess

import jsonschema
import pytest
import yaml

from support.seeds import generate
from support.server import ROOT, environment
from support.wait import PATIENCE, until

FOLDER = ROOT / ".local/orchestrators/argo"
SCHEMA = FOLDER / "module/api/jsonschema/schema.json"
CHECK = FOLDER / "check"
TEMPLATE = ROOT / "examples/orchestrators/argo_template.yaml"
KIND = "io.argoproj.workflow.v1alpha1.WorkflowTemplate"
SEEDS = [{"text": text} for text in ["Two dogs & a \"cat\" on the farmer's grass.", *generate(4, seed=11)]]


@pytest.fixture(scope="module")
def schema():
    if not SCHEMA.is_file():
        pytest.skip("no schema of Argo: the Go module github.com/argoproj/argo-workflows/v4 cannot be had")
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]
    return jsonschema.Draft202012Validator({**definitions[KIND], "definitions": definitions})


def check(path, *parameters, **settings):
    if not CHECK.is_file():
        pytest.skip(f"tests/orchestrators/argo does not compile here: see {FOLDER / 'go.log'}")
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", CHECK, path, *parameters],
                            env=environment(NO_PROXY="127.0.0.1", **settings), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_template_fits_the_schema(schema):
    assert [f"{e.json_path}: {e.message}" for e in schema.iter_errors(yaml.safe_load(TEMPLATE.read_text()))] == []


def test_the_schema_refuses_what_is_wrong(schema):
    template = yaml.safe_load(TEMPLATE.read_text())
    del template["spec"]["templates"][1]["http"]["url"]
    template["spec"]["templates"][-1]["retryStrategy"]["limit"] = 5
    assert len(list(schema.iter_errors(template))) == 2


def test_argo_takes_the_template():
    said, _ = check(TEMPLATE).communicate(timeout=PATIENCE)
    assert said == ""


@pytest.mark.parametrize("right, wrong, said", [
    ("successCondition:", "succesCondition:", 'unknown field "spec.templates[4].http.succesCondition"'),
    ("template: add-seeds", "template: add-seed", "template name 'add-seed' undefined"),
    ("{{inputs.parameters.run}}", "{{inputs.parameters.ran}}", "failed to resolve {{inputs.parameters.ran}}"),
])
def test_argo_refuses_what_is_wrong(tmp_path, right, wrong, said):
    text = TEMPLATE.read_text()
    assert right in text
    (tmp_path / "template.yaml").write_text(text.replace(right, wrong))
    process = check(tmp_path / "template.yaml")
    assert said in process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1


@pytest.fixture
def start(service, name):
    made = []

    def started(provider="offline"):
        values = {"url": service.relay.base, "dataset": name, "provider": provider, "seeds": json.dumps(SEEDS)}
        made.append(check(TEMPLATE, *(f"{n}={v}" for n, v in values.items()), API_KEY=service.key))
        return made[-1]
    yield started
    for process in made:
        process.kill()
        process.communicate()


def finished(process, code=0):
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, said
    return said


def test_the_steps_wait_for_their_run(start, service, name, held):
    process = start("llm")
    until(lambda: [c for c in service.relay.seen("GET", "") if c.query == "wait=25s"], "an answer while the run goes on")
    assert service.the_run(name)["state"] == "running"
    held()
    said = finished(process)
    assert "wait-for-run: again after 200" in said
    run = service.the_run(name)
    assert run["state"] == "succeeded"
    service.check_made(name, len(SEEDS))
    result = json.loads(said.rpartition("read-result: ")[2])
    assert result["run"] == run["id"] and result["stages"][0]["done"] == len(SEEDS)
    assert {call.headers["X-Api-Key"] for call in service.relay.calls} == {service.key}


def test_a_step_whose_answer_was_lost_starts_no_second_run(start, service, name):
    service.relay.lose_answer("POST", "/runs")
    finished(start())
    service.check_sent_twice(name)
    service.check_made(name, len(SEEDS))


def test_a_run_that_failed_fails_the_workflow(start, service, name, model_server):
    model_server.control(faults=[{"kind": "status", "status": 400}])
    said = finished(start("llm"), code=1)
    assert "step read-result" in said and "read-result: again" not in said
    assert service.the_run(name)["state"] == "failed"
