"""A dataset as the tests use one."""
import base64
import json
import time

import numpy

from support.wait import PATIENCE

FINAL = {"succeeded", "failed", "cancelled"}
ALL_STAGES = ["captions", "dialogues", "representations"]
EVERY_TASK = {"multiple_choice": 1, "question_answering": 1, "complex_reasoning": 1}


class Dataset:
    def __init__(self, api, name, shards=4, **settings):
        self.api, self.name, self.shards = api, name, shards
        self.path = f"/v1/datasets/{name}"
        api.call("put_dataset", dataset=name, json={"shards": shards, **settings})

    # -- seeds --

    def add(self, seeds):
        """Posts texts or whole seeds; the answer."""
        seeds = [{"text": s} if isinstance(s, str) else s for s in seeds]
        return self.api.call("create_seeds", dataset=self.name, json={"seeds": seeds}).json()

    def load(self, data, expect=200, params=None, **headers):
        """Imports bytes, or lines of text."""
        if not isinstance(data, bytes):
            data = "".join(line + "\n" for line in data).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.call("import_seeds", dataset=self.name, data=data, headers=headers,
                             params=params, expect=expect)

    def load_captions(self, lines, name="import", expect=200, params=None, **headers):
        """Imports captions: bytes, or lines that are texts or objects."""
        if not isinstance(lines, bytes):
            lines = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                            for line in lines).encode()
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.api.call("import_captions", dataset=self.name, data=lines, headers=headers,
                             params={"name": name, **(params or {})}, expect=expect)

    # -- runs --

    def start(self, stages=None, **body):
        return self.api.call("create_run", dataset=self.name,
                             json={"stages": stages or ALL_STAGES, **body}).json()

    def run(self, stages=None, state="succeeded", **body):
        """Starts a run and waits for its end; the run."""
        return self.wait(self.start(stages, **body)["id"], state)

    def wait(self, run, state="succeeded"):
        """Waits until the run is final or paused and holds it to the state."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.api.call("get_run", run=run, params={"wait": "20s"}).json()
            if answer["state"] in FINAL or answer["state"] == "paused":
                break
            assert time.monotonic() < deadline, f"the run does not end: {answer}"
        assert answer["state"] == state, answer
        if state in FINAL:
            check_counts(answer)
        return answer

    def result(self, run):
        return self.api.call("get_run_result", run=run).json()

    # -- what was made --

    def seeds(self, **params):
        return self.api.items(self.path + "/seeds", **params)

    def captions(self, **params):
        return self.api.items(self.path + "/captions", **params)

    def dialogues(self, **params):
        return self.api.items(self.path + "/dialogues", **params)

    def failures(self, **params):
        return self.api.items(self.path + "/failures", **params)

    def vectors(self, transfer="none", **params):
        """Representations as {id: float64 vector}."""
        items = self.api.items(self.path + "/representations", page_size=500, transfer=transfer,
                               encoding_format="base64", **params)
        return {item["id"]: decode_vector(item["vector_base64"]) for item in items}


def decode_vector(text):
    return numpy.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(numpy.float64)


def check_counts(run):
    """What always holds for a run that has ended by itself."""
    for stage in run["stages"]:
        assert stage["dropped"] <= stage["done"], stage
        if run["state"] != "cancelled":
            assert stage["done"] + stage["failed"] + stage["existing"] == stage["total"], stage


def stage_of(run, name):
    stage, = [s for s in run["stages"] if s["name"] == name]
    return stage
