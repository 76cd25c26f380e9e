"""One working request for every operation, as a starting point for what applies to all of them."""
import urllib.parse

import numpy

from support import images
from support.exporting import make
from support.tensors import pack_ids, write_safetensors


class Samples:
    """`world` is a dataset on which a run over all stages has succeeded."""

    def __init__(self, world, run):
        self.world, self.run = world, run
        self.seed = world.seeds(page_size=1)[0]["id"]
        self.caption = world.captions()[0]["id"]
        self.dialogue = world.dialogues()[0]["id"]
        self.transfer = world.result(run)["transfers"][0]["id"]
        self.key = world.api.call("create_key", json={"name": "sample", "scopes": ["read"]}).json()["id"]
        self.review = world.api.call("create_review", dataset=world.name, json={"sample": 3}).json()["id"]
        self.export = make(world, ["captions"]).id

    def variables(self, operation):
        values = {"dataset": self.world.name, "seed": self.seed, "caption": self.caption,
                  "dialogue": self.dialogue, "run": self.run, "review": self.review,
                  "prompt": "dense-v1", "provider": "offline", "encoder": "offline",
                  "transfer": self.transfer, "key": self.key, "problem": "validation", "file": "text_mean.npy",
                  "export": self.export, "name": "captions.jsonl"}
        return {name: values[name] for where, name in operation.parameters if where == "path"}

    def body(self, operation):
        """Keyword arguments of Api.call for the body."""
        bodies = {"put_dataset": {}, "resume_run": {},
                  "create_seeds": {"seeds": [{"text": "A seed that is there already."}]},
                  "expand_seeds": {"domain": "food", "labels": ["pad thai"], "per_label": 1},
                  "create_run": {"stages": ["captions"], "limit": 1},
                  "create_review": {"sample": 2, "seed": 5},
                  "create_export": {"formats": ["llava", "npy"], "allow_offline": True},
                  "lease_review_items": {"reviewer": "ann", "count": 2},
                  "give_verdicts": {"reviewer": "ann", "verdicts": [
                      {"caption_id": self.caption, "token": 1, "verdict": "skipped"}]},
                  "lookup_representations": {"ids": [self.caption]},
                  "create_prompt": {"name": "sample", "stage": "captions", "system": "Describe.",
                                    "template": "Caption: {{seed}}"},
                  "put_provider_limits": {},
                  "create_transfer": {"method": "none"},
                  "create_key": {"name": "sample", "scopes": ["read"], "expires_in": 3600},
                  "rotate_key": {},
                  "sign_url": {"url": f"/v1/datasets/{self.world.name}/representations.ids"},
                  "put_image_moments": {"label": "sample", "mean": [0.6] + [0] * 1279, "trace": 0.64,
                                        "count": 10},
                  "preview_prompt": {"seed": "A dog."},
                  "compute_representations": {"input": ["A dog."]},
                  "create_embeddings": {"input": ["A dog."]}}
        if operation.id in ("import_seeds", "import_captions"):
            return {"data": b"A seed that is there already.\n"}
        if operation.id == "import_embeddings":
            vectors = numpy.ones((1, 1280), "<f4")
            return {"data": write_safetensors({"ids": pack_ids([self.caption]), "vectors": vectors})}
        if operation.id == "import_image_moments":
            return {"data": images.npy(images.vectors(2))}
        return {"json": bodies[operation.id]} if operation.id in bodies else {}

    def query(self, operation):
        """The query parameters that the operation needs."""
        needed = {"compare_reports": {"a": self.world.name, "b": f"{self.world.name}@run:{self.run}"},
                  "import_captions": {"name": "sample"},
                  "import_embeddings": {"encoder": "offline"}}
        return needed.get(operation.id, {})

    def target(self, operation):
        """Path and query."""
        path = operation.template
        for name, value in self.variables(operation).items():
            path = path.replace("{" + name + "}", value)
        query = urllib.parse.urlencode(self.query(operation))
        return f"{path}?{query}" if query else path

    def arguments(self, operation, /, **query):
        return {**self.variables(operation), **self.body(operation),
                "params": {**self.query(operation), **query}}

    @staticmethod
    def names_a_thing(operation):
        return "{" in operation.template

    def absent(self, operation):
        """Variables that are well-formed, of which the last names nothing."""
        values = {"dataset": "there-is-no-such-dataset", "seed": "0" * 32,
                  "caption": f"{'0' * 32}-{'0' * 16}", "dialogue": f"{'0' * 32}-{'0' * 16}-{'0' * 8}",
                  "run": "0" * 32, "export": "0" * 32, "review": "0" * 32,
                  "prompt": "there-is-no-such-prompt", "provider": "there-is-no-such-provider",
                  "encoder": "there-is-no-such-encoder", "key": "0" * 12,
                  "problem": "there-is-no-such-problem", "transfer": "0" * 32, "file": "nothing.npy",
                  "name": "nothing.jsonl"}
        known = self.variables(operation)
        last = operation.template.split("{")[-1].split("}")[0]
        return {**known, last: values[last]}
