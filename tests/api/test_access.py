"""Who may do what: every operation with every kind of key. What somebody may not see is, to the last
byte, what is not there."""
import json

import pytest

from conftest import unique_name
from support import keys
from support.client import CONTRACT, Api
from support.contract import load
from support.dataset import EVERY_TASK, Dataset
from support.keys import SCOPES
from support.samples import Samples
from support.seeds import generate

DOCUMENT = load()
# Done to something that is not there, so that what others need stays.
DESTRUCTIVE = {"delete_dataset", "delete_export", "revoke_key", "pause_run", "cancel_run", "cancel_export"}
OWNED = {"dataset", "run", "review", "key"}


def scope_of(operation):
    return DOCUMENT["paths"][operation.template][operation.method.lower()].get("x-required-scope")


GUARDED = [pytest.param(o, id=o.id) for o in CONTRACT.operations if scope_of(o)]
PUBLIC = [pytest.param(o, id=o.id) for o in CONTRACT.operations if not scope_of(o)]
OF_SOMEBODY = [o for o in CONTRACT.operations
               if o.template.split("{")[-1].split("}")[0] in OWNED or "{dataset}" in o.template]


class Guarded:
    """A server that wants keys, a dataset that went through everything, and all sorts of keys."""

    def __init__(self, server):
        self.server = server
        self.key = keys.create(server, "admin")
        self.api = Api(server.base, self.key)
        world = Dataset(self.api, unique_name("guarded"))
        world.load(generate(20))
        self.samples = Samples(world, world.run(dialogues={"mix": EVERY_TASK})["id"])
        self.by_scope = {scope: self.make(scopes=[scope]) for scope in SCOPES}
        self.revoked = self.make(scopes=SCOPES)
        self.api.call("revoke_key", key=self.revoked[5:17])
        self.expired = self.make(scopes=SCOPES)
        server.database.execute("UPDATE keys SET expires_at = now() - interval '1 second'"
                                f" WHERE key_id = '{self.expired[5:17]}'")
        self.of_another = keys.create(server, "admin", owner="another")
        self.limited = self.make(scopes=SCOPES[:4], datasets=["elsewhere"])

    def make(self, **body):
        return self.api.call("create_key", json={"name": "matrix", **body}).json()["key"]

    def arguments(self, operation):
        arguments = self.samples.arguments(operation)
        if operation.id in DESTRUCTIVE:
            arguments.update(self.samples.absent(operation))
        return arguments


@pytest.fixture(scope="module")
def guarded(guarded_server):
    return Guarded(guarded_server)


def words(answer):
    """What an answer says, without what is different each time."""
    return {**answer.json(), "request_id": None, "instance": None}


@pytest.mark.parametrize("operation", PUBLIC)
def test_without_a_key_where_none_is_needed(guarded, operation):
    for key in (None, "nonsense"):
        Api(guarded.server.base, key).call(operation.id, **guarded.arguments(operation))


@pytest.mark.parametrize("operation", GUARDED)
def test_without_a_good_key(guarded, operation):
    """Nothing but 401, and the same for each kind of bad key whatever the operation."""
    key = guarded.by_scope["admin"]
    arguments = guarded.arguments(operation)
    said = set()
    for bad in (None, "", "nonsense", key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), keys.forged(),
                keys.forged(id=key[5:17]), guarded.revoked, guarded.expired):
        answer = Api(guarded.server.base, bad).call(operation.id, expect=401, **arguments)
        assert answer.problem == "unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        said.add(json.dumps(words(answer)))
    assert len(said) == 5  # none, no key, unknown, revoked, expired


@pytest.mark.parametrize("operation", GUARDED)
def test_each_scope(guarded, operation):
    for scope, key in guarded.by_scope.items():
        api = Api(guarded.server.base, key)
        if scope in (scope_of(operation), "admin"):
            answer = api.call(operation.id, expect=tuple(range(200, 500)), **guarded.arguments(operation))
            assert answer.status in (404, 409) if operation.id in DESTRUCTIVE | {"resume_run", "retry_run"} \
                else answer.status < 300, (scope, answer)
        else:
            answer = api.call(operation.id, expect=403, **guarded.arguments(operation))
            assert answer.problem == "forbidden" and scope_of(operation) in answer.json()["detail"]


@pytest.mark.parametrize("operation, whose", [
    pytest.param(operation, whose, id=f"{operation.id}-{whose}") for operation in OF_SOMEBODY
    for whose in ("of_another", "limited") if (whose, scope_of(operation)) != ("limited", "admin")])
def test_what_is_not_yours_is_not_there(guarded, operation, whose):
    api = Api(guarded.server.base, getattr(guarded, whose))
    body, query = guarded.samples.body(operation), guarded.samples.query(operation)
    theirs, nowhere = guarded.samples.variables(operation), guarded.samples.absent(operation)
    if operation.id == "put_dataset" and whose == "of_another":
        api.call("put_dataset", json={}, **theirs)  # their own, of the same name
        api.call("delete_dataset", **theirs)
        return
    answer = api.call(operation.id, expect=404, params=query, **body, **theirs)
    if "{dataset}" in operation.template:
        nowhere = {**theirs, "dataset": "there-is-no-such-dataset"}
    absent = api.call(operation.id, expect=404, params=query, **body, **nowhere)
    same = json.dumps(words(answer)).replace(guarded.samples.world.name, "there-is-no-such-dataset")
    assert same == json.dumps(words(absent))
    assert {k: v for k, v in answer.headers.items() if k.lower() in ("content-type", "cache-control")} == \
        {k: v for k, v in absent.headers.items() if k.lower() in ("content-type", "cache-control")}


@pytest.mark.parametrize("whose", ["of_another", "limited"])
def test_datasets_that_a_body_or_a_query_names(guarded, whose):
    api, name = Api(guarded.server.base, getattr(guarded, whose)), guarded.samples.world.name
    api.call("compute_representations", json={"input": ["A dog."], "dataset": name}, expect=404)
    api.call("preview_prompt", prompt="dense-v1", expect=404,
             json={"dataset": name, "seed_id": guarded.samples.seed})
    api.call("compare_reports", params={"a": name, "b": name}, expect=404)


def test_lists_show_what_one_may_see(guarded):
    name = guarded.samples.world.name
    guarded.api.call("create_prompt", json={"name": "mine", "stage": "captions", "system": "Describe.",
                                            "template": "Caption: {{seed}}"})
    other = Api(guarded.server.base, guarded.of_another)
    for api, datasets, prompts in ((guarded.api, {name}, {"mine"}),
                                   (Api(guarded.server.base, guarded.limited), set(), {"mine"}),
                                   (other, set(), set())):
        assert {d["name"] for d in api.items("/v1/datasets")} & {name} == datasets
        assert {p["name"] for p in api.items("/v1/prompts") if not p["built_in"]} & {"mine"} == prompts
    assert {k["owner"] for k in other.items("/v1/keys")} == {"another"}
    other.call("get_prompt", prompt="mine", expect=404)


def test_a_key_of_one_dataset(guarded):
    """It creates, fills and reads its dataset, and sees no other."""
    name = unique_name("only")
    api = Api(guarded.server.base, guarded.make(scopes=SCOPES[:4], datasets=[name]))
    dataset = Dataset(api, name)
    dataset.load(generate(10))
    run = dataset.run()
    assert len(dataset.captions()) == 10 and dataset.result(run["id"])["run"] == run["id"]
    assert [d["name"] for d in api.items("/v1/datasets")] == [name]
    api.call("put_dataset", dataset=name + "-2", json={}, expect=404)
    guarded.api.call("get_dataset", dataset=name + "-2", expect=404)
    api.call("cancel_run", run=guarded.samples.run, expect=404)
