"""The examples of the document as requests that run: a server that has what they name."""
import copy

import numpy

from support.client import CONTRACT
from support.dataset import EVERY_TASK, FINAL, Dataset
from support.exporting import make
from support.exports import Export
from support.images import npy
from support.placeholders import NUMBERS_OF_MOMENTS, Placeholders
from support.seeds import generate
from support.tensors import pack_ids, write_safetensors


def example_of(operation_id):
    return copy.deepcopy(CONTRACT.by_id[operation_id].example)


class Examples:
    """Makes the dataset of the document, by its own examples as far as they go. `models` is the server
    behind the provider `llm`, which fails now and then."""

    def __init__(self, api, models, database):
        self.api = api
        self.dataset = Dataset(api, "streets", 16, description="Street scenes")
        api.call("create_seeds", dataset="streets", json=example_of("create_seeds"))
        self.dataset.load(generate(30, seed=7))
        # Another mix than the example's, so that each caption has a dialogue.
        run = self.dataset.run(**{**example_of("create_run"), "dialogues": {"mix": EVERY_TASK}})
        self.dataset.load_captions(["A man in a green coat waits at a bus stop in the rain."], "sharegpt4v")
        self.real = self._named(run)
        self.real["export"] = make(self.dataset, ["llava"], allow_offline=True).id
        self.open_export = Export(database, "streets", {}, state="queued").id
        self.placeholders = Placeholders(self.real)
        for label in ("coco", "street-photos"):
            self._image_moments(label)
        models.control(faults=[{"kind": "status", "status": 400, "message": "no", "hash_share": 0.25}])
        self.failed = self.dataset.wait(self._start("failed", max_failed=1))["id"]
        models.control(faults=[])
        # One run waits for more tokens, and another one behind it.
        self.paused = self.dataset.wait(self._start("a", budget={"tokens": 1}), "paused")["id"]
        self.queued = self._start("b", budget={"tokens": 1})
        self.revoked = self._key("old")

    def _named(self, run):
        captions = self.dataset.captions(run=run["id"])
        result = self.dataset.result(run["id"])
        api = self.api
        return {"run": run["id"], "recipe": captions[0]["recipe"], "seed": captions[0]["seed_id"],
                "caption": captions[0]["id"], "dialogue": self.dataset.dialogues()[0]["id"],
                "transfer": result["transfers"][0]["id"], "key": self._key("trainer"),
                "moments": result["moments"][0]["id"],
                "review": api.call("create_review", dataset="streets", json={"sample": 20}).json()["id"]}

    def settle(self):
        """Waits until no run of the dataset goes on."""
        for run in self.api.items("/v1/datasets/streets/runs"):
            self.dataset.wait(run["id"], run["state"] if run["state"] in FINAL else "succeeded")

    def _key(self, name):
        return self.api.call("create_key", json={"name": name, "scopes": ["read"]}).json()["id"]

    def _image_moments(self, label):
        body = {**example_of("put_image_moments"), "label": label}
        self.api.call("put_image_moments", encoder="offline", json=self.placeholders.body(body))

    def _start(self, salt, **settings):
        return self.dataset.start(["captions"], captions={"provider": "llm", "salt": salt}, **settings)["id"]

    # -- what the document says, with real ids --

    def parameters(self, operation, where):
        """Those of the query that an example is given for, and all of the path."""
        given = {name: p for (place, name), p in operation.parameters.items() if place == where}
        return {name: self.placeholders.value(name, p["example"]) for name, p in given.items()
                if "example" in p}

    def arguments(self, operation):
        """Keyword arguments of Api.call: the example of the document."""
        arguments = {**self.parameters(operation, "path"), **self.body(operation)}
        query = self.parameters(operation, "query")
        query.pop("page_token", None)  # it belongs to the page before
        if operation.id in ("pause_run", "resume_run", "cancel_run"):
            arguments["run"] = self.queued if operation.id == "cancel_run" else self.paused
        if operation.id == "retry_run":
            arguments["run"] = self.failed
        if operation.id == "cancel_export":
            arguments["export"] = self.open_export
        if operation.id == "revoke_key":
            arguments["key"] = self.revoked
        return {**arguments, "params": query}

    def body(self, operation):
        if operation.body is None:
            return {}
        if operation.id == "import_embeddings":
            return {"data": self.embeddings()}
        if operation.id == "import_image_moments":
            return {"data": npy(numpy.eye(2, NUMBERS_OF_MOMENTS))}
        if operation.body_type == "application/octet-stream":
            return {"data": operation.example.encode()}
        body = self.placeholders.body(operation.example)
        if operation.id == "give_verdicts":
            lease = self.api.call("lease_review_items", review=self.real["review"],
                                  json={"reviewer": body["reviewer"], "count": 1}).json()["items"][0]
            body["verdicts"][0].update(caption_id=lease["caption"]["id"], token=lease["token"])
        return {"json": body}

    def embeddings(self):
        vectors = numpy.full((1, NUMBERS_OF_MOMENTS), NUMBERS_OF_MOMENTS**-0.5, "<f4")
        return write_safetensors({"ids": pack_ids([self.real["caption"]]), "vectors": vectors})
