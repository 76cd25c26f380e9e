"""Idempotency-Key: whatever is sent again is made once, and answered as the first time."""
import concurrent.futures
import itertools
import uuid

import pytest

from conftest import replicas
from support import keys
from support.client import Api
from support.dataset import Dataset
from support.lock import Lock
from support.statements import Statements
from support.wait import until

LATER = ("UPDATE idempotency SET created_at = created_at - interval '{0}',"
         " attempted_at = attempted_at - interval '{0}' WHERE key = '{1}'")


@pytest.fixture
def key():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def one(cluster):
    """Two replicas on one database, without keys."""
    with replicas(cluster) as made:
        yield made


def post(api, operation, key, body, **arguments):
    return api.call(operation, json=body, headers={"Idempotency-Key": key}, **arguments)


def is_replay(answer):
    return answer.headers.get("Idempotency-Replayed") == "true"


RUN = {"stages": ["captions"], "limit": 1}


def test_a_run_is_started_once(dataset, key):
    dataset.add(["A dog."])
    first = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    assert not is_replay(first)
    dataset.wait(first.json()["id"])
    for _ in range(3):
        again = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
        assert is_replay(again) and again.content == first.content
        for header in ("Location", "Retry-After", "Content-Type"):
            assert again.headers[header] == first.headers[header]
    assert len(dataset.api.items(dataset.path + "/runs")) == 1
    other = post(dataset.api, "create_run", key + "-2", RUN, dataset=dataset.name)
    assert other.json()["id"] != first.json()["id"] and not is_replay(other)


def test_seeds_are_counted_as_the_first_time(dataset, key):
    body = {"seeds": [{"text": "A dog."}, {"text": "A cat."}]}
    first = post(dataset.api, "create_seeds", key, body, dataset=dataset.name)
    again = post(dataset.api, "create_seeds", key, body, dataset=dataset.name)
    assert again.content == first.content and first.json()["new"] == 2 and is_replay(again)
    assert post(dataset.api, "create_seeds", key + "-2", body, dataset=dataset.name).json()["new"] == 0


def test_a_key_is_shown_once(api, database, key):
    body = {"name": "once", "scopes": ["read"]}
    first = post(api, "create_key", key, body)
    shown = first.json()
    for _ in range(2):
        again = post(api, "create_key", key, body)
        replayed = again.json()
        assert is_replay(again) and again.headers["Location"] == first.headers["Location"]
        assert replayed.pop("key_withheld") is True
        assert replayed == {name: value for name, value in shown.items() if name != "key"}
        database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")  # the second time without
    assert shown["key"][18:] not in str(database.query("SELECT * FROM idempotency"))
    assert len([k for k in api.items("/v1/keys") if k["name"] == "once"]) == 1


def test_another_body_is_refused(dataset, key):
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    refused = post(dataset.api, "create_run", key, {**RUN, "limit": 2}, dataset=dataset.name, expect=422)
    assert refused.problem == "idempotency-key-reused"
    assert len(dataset.api.items(dataset.path + "/runs")) == 1


@pytest.mark.parametrize("bad", ["", "a b", "x" * 256, "é", "a\tb", '"a b"'])
def test_what_is_no_key(dataset, bad):
    headers = [("Idempotency-Key", bad.encode()), ("Content-Type", "application/json")]
    answer = dataset.api.raw("POST", dataset.path + "/runs", b'{"stages":["captions"]}', headers, expect=400)
    assert answer.problem == "malformed-request"
    assert dataset.api.items(dataset.path + "/runs") == []


def test_two_keys_are_refused(dataset):
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a"), ("Content-Type", "application/json")]
    dataset.api.raw("POST", dataset.path + "/runs", b'{"stages":["captions"]}', headers, expect=400)


@pytest.mark.parametrize("good", ["x", "~!@#$%^&*()|\\'\"", "x" * 255])
def test_what_is_a_key(dataset, good):
    first = post(dataset.api, "create_run", good, RUN, dataset=dataset.name)
    assert post(dataset.api, "create_run", good, RUN, dataset=dataset.name).content == first.content


def test_refusals_are_not_kept(dataset, database, key):
    """Nothing was done, so that the key serves the corrected request, or a later one."""
    body = {"stages": ["captions"], "captions": {"provider": "none"}}
    for _ in range(2):
        refused = post(dataset.api, "create_run", key, body, dataset=dataset.name, expect=422)
        assert refused.problem == "validation" and not is_replay(refused)
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    assert database.query(f"SELECT status FROM idempotency WHERE key = '{key}'") == [{"status": 202}]


def test_no_dataset(dataset, database, key):
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name + "-2", expect=404)
    assert database.query(f"SELECT 1 FROM idempotency WHERE key = '{key}'") == []
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name)


def test_a_dataset_of_the_same_name_is_another_one(dataset, key):
    first = post(dataset.api, "create_seeds", key, {"seeds": [{"text": "A dog."}]}, dataset=dataset.name)
    dataset.api.call("delete_dataset", dataset=dataset.name)
    dataset.api.call("put_dataset", dataset=dataset.name, json={})
    again = post(dataset.api, "create_seeds", key, {"seeds": [{"text": "A dog."}]}, dataset=dataset.name)
    assert first.json()["new"] == again.json()["new"] == 1 and not is_replay(again)


def test_other_paths_are_others(dataset, new_dataset, key):
    other = new_dataset(dataset.api)
    first = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    second = post(dataset.api, "create_run", key, RUN, dataset=other.name)
    assert first.json()["id"] != second.json()["id"] and not is_replay(second)


def test_what_is_idempotent_by_nature_ignores_it(dataset, database):
    headers = {"Idempotency-Key": "not a key"}
    dataset.api.call("import_seeds", dataset=dataset.name, data=b"A dog.\n", headers=headers)
    dataset.api.call("create_embeddings", json={"input": ["A dog."]}, headers=headers)
    dataset.api.call("put_dataset", dataset=dataset.name, json={}, headers=headers)
    assert database.query("SELECT 1 FROM idempotency WHERE key = 'not a key'") == []


# -- when the record of the answer is not there --

def test_lost_between_execution_and_record(dataset, database, key):
    dataset.add(["A dog."])
    first = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
    again = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    assert again.json()["id"] == first.json()["id"] and is_replay(again)
    assert again.headers["Location"] == first.headers["Location"]
    assert len(dataset.api.items(dataset.path + "/runs")) == 1


def test_a_lost_attempt_blocks_for_a_minute(dataset, database, key):
    first = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    database.execute("UPDATE idempotency SET status = NULL, body = NULL, token = 'gone', attempted_at = now()"
                     f" WHERE key = '{key}'")
    busy = post(dataset.api, "create_run", key, RUN, dataset=dataset.name, expect=409)
    assert busy.problem == "idempotency-in-flight" and 1 <= int(busy.headers["Retry-After"]) <= 60
    database.execute(LATER.format("60 seconds", key))
    post(dataset.api, "create_run", key, {**RUN, "limit": 3}, dataset=dataset.name, expect=422)
    again = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("operation, body", [
    ("create_run", RUN), ("create_seeds", {"seeds": [{"text": "A dog."}]}),
    ("create_key", {"name": "busy", "scopes": ["read"]})])
def test_every_operation_in_flight(dataset, database, key, operation, body):
    where = {} if operation == "create_key" else {"dataset": dataset.name}
    first = post(dataset.api, operation, key, body, **where)
    database.execute(f"UPDATE idempotency SET status = NULL, body = NULL, attempted_at = now() WHERE key = '{key}'")
    busy = post(dataset.api, operation, key, body, expect=409, **where)
    assert busy.problem == "idempotency-in-flight" and int(busy.headers["Retry-After"]) >= 1
    database.execute(LATER.format("60 seconds", key))
    again = post(dataset.api, operation, key, body, **where)
    assert again.status == first.status and again.headers.get("Location") == first.headers.get("Location")
    assert post(dataset.api, operation, key, body, **where).content == again.content


def test_a_killed_server(new_server, key):
    """It dies in the middle of the request; the next one makes what the first did not, or finds it."""
    server = new_server()
    dataset = Dataset(Api(server.base), "killed")
    with Lock(server.database, "runs"), concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: post(dataset.api, "create_run", key, RUN, dataset=dataset.name))
        until(lambda: server.database.query("SELECT 1 FROM idempotency"), "the key to be claimed")
        other = Api(server.base)
        busy = post(other, "create_run", key, RUN, dataset=dataset.name, expect=409)
        assert busy.problem == "idempotency-in-flight"
        server.kill()
        assert first.exception() is not None
    server.start()
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name, expect=409)
    server.database.execute(LATER.format("60 seconds", key))
    made = post(dataset.api, "create_run", key, RUN, dataset=dataset.name).json()["id"]
    server.stop()
    server.start()
    assert post(dataset.api, "create_run", key, RUN, dataset=dataset.name).json()["id"] == made
    assert [r["id"] for r in dataset.api.items(dataset.path + "/runs")] == [made]


def test_two_replicas_at_once(one, key):
    apis = [Api(server.base) for server in one]
    dataset = Dataset(apis[0], "at-once")

    def start(n, name):
        answer = post(apis[n % 2], "create_run", name, RUN, dataset=dataset.name, expect=(202, 409))
        if answer.status == 409:
            assert answer.problem == "idempotency-in-flight"
            return None
        return answer.json()["id"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for attempt in range(10):
            name = f"{key}-{attempt}"
            ids = set(pool.map(start, range(16), itertools.repeat(name))) - {None}
            assert len(ids) == 1
            assert {start(n, name) for n in (0, 1)} == ids
    assert len(apis[0].items(dataset.path + "/runs")) == 10


def test_a_lost_claim_on_two_replicas_at_once(one, key):
    """Both execute: the second one, taking over, finds what the first one makes."""
    apis = [Api(server.base) for server in one]
    dataset = Dataset(apis[0], "taken-over")
    with Lock(one[0].database, "runs") as lock, concurrent.futures.ThreadPoolExecutor() as pool:
        def start(api):
            return pool.submit(lambda: post(api, "create_run", key, RUN, dataset=dataset.name))
        first = start(apis[0])
        until(lambda: one[0].database.query(f"SELECT 1 FROM idempotency WHERE key = '{key}'"), "the claim")
        one[0].database.execute(LATER.format("60 seconds", key))
        token = one[0].database.query(f"SELECT token FROM idempotency WHERE key = '{key}'")
        second = start(apis[1])
        until(lambda: one[0].database.query(f"SELECT token FROM idempotency WHERE key = '{key}'") != token,
              "the second claim")
        lock.release()
        assert first.result().json()["id"] == second.result().json()["id"]
    assert len(apis[0].items(dataset.path + "/runs")) == 1


def test_an_answer_that_was_too_long_is_made_again(dataset, database, key):
    first = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    database.execute(f"UPDATE idempotency SET body = NULL WHERE key = '{key}'")
    post(dataset.api, "create_run", key, {**RUN, "limit": 2}, dataset=dataset.name, expect=422)
    again = post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    assert again.json()["id"] == first.json()["id"] and is_replay(again)
    assert database.value(f"SELECT body IS NOT NULL FROM idempotency WHERE key = '{key}'")


# -- time --

@pytest.mark.parametrize("operation", ["create_run", "create_key"])
def test_a_day_later(dataset, database, key, operation):
    """The key is free, whether the sweep has come by or not, and makes something new."""
    body = RUN if operation == "create_run" else {"name": "day", "scopes": ["read"]}
    where = {"dataset": dataset.name} if operation == "create_run" else {}
    first = post(dataset.api, operation, key, body, **where).json()["id"]
    table, column = {"create_run": ("runs", "run_id"), "create_key": ("keys", "key_id")}[operation]
    database.execute(LATER.format("23 hours 59 minutes", key))
    assert post(dataset.api, operation, key, body, **where).json()["id"] == first
    # What was made under the key would be of another day.
    database.execute(f"UPDATE {table} SET {column} = '{_other(operation)}',"
                     f" created_at = created_at - interval '24 hours' WHERE {column} = '{first}'")
    database.execute(LATER.format("1 minute", key))
    again = post(dataset.api, operation, key, body, **where)
    assert not is_replay(again)


def _other(operation):
    return uuid.uuid4().hex if operation == "create_run" else uuid.uuid4().hex[:12]


def test_yesterdays_id_is_found(one, key):
    """At midnight, when the record is lost: what is younger than a day is found by yesterday's id."""
    api, database = Api(one[0].base), one[0].database
    dataset = Dataset(api, "midnight")
    first = post(api, "create_run", key, RUN, dataset=dataset.name).json()["id"]
    digest = database.value(f"SELECT encode(request, 'hex') FROM idempotency WHERE key = '{key}'")
    database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
    claim = Statements(database).run("idempotency_claim", ["default"], f"/v1/datasets/{dataset.name}/runs",
                                     key, bytes.fromhex(digest), "test", dataset.name)[0]
    assert claim[0] == "claimed" and claim[6][:32] == first
    yesterday = claim[7][:32]
    for age, found in (("23 hours", True), ("25 hours", False)):
        database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
        database.execute(f"DELETE FROM runs WHERE run_id = '{first}'")
        post(api, "create_run", key, RUN, dataset=dataset.name)
        database.execute(f"DELETE FROM runs WHERE run_id = '{yesterday}'")
        database.execute(f"UPDATE runs SET run_id = '{yesterday}', created_at = now() - interval '{age}'"
                         f" WHERE run_id = '{first}'")
        database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
        again = post(api, "create_run", key, RUN, dataset=dataset.name)
        assert (again.json()["id"] == yesterday) == found == is_replay(again)


def test_old_ones_are_swept(dataset, database, key):
    post(dataset.api, "create_run", key, RUN, dataset=dataset.name)
    post(dataset.api, "create_run", key + "-2", RUN, dataset=dataset.name)
    database.execute(LATER.format("24 hours", key))
    until(lambda: not database.query(f"SELECT 1 FROM idempotency WHERE key = '{key}'"), "the sweep")
    assert database.query(f"SELECT 1 FROM idempotency WHERE key = '{key}-2'")


# -- whose --

def test_owners_do_not_meet(guarded_server, key):
    body = {"name": "whose", "scopes": ["read"]}
    mine = Api(guarded_server.base, keys.create(guarded_server, "admin"))
    also_mine = Api(guarded_server.base, keys.create(guarded_server, "admin"))
    other = Api(guarded_server.base, keys.create(guarded_server, "admin", owner="another"))
    first = post(mine, "create_key", key, body).json()["id"]
    assert post(also_mine, "create_key", key, body).json()["id"] == first
    theirs = post(other, "create_key", key, {**body, "name": "theirs"})
    assert theirs.json()["id"] != first and not is_replay(theirs)
    guarded_server.database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
    assert post(other, "create_key", key, body).json()["id"] not in (first, theirs.json()["id"])


def test_a_limited_key_learns_nothing(guarded_server, key):
    mine = Api(guarded_server.base, keys.create(guarded_server, "admin"))
    dataset = Dataset(mine, "hidden")
    post(mine, "create_run", key, RUN, dataset=dataset.name)
    limited = Api(guarded_server.base, keys.create(guarded_server, "run", datasets="elsewhere"))
    assert post(limited, "create_run", key, RUN, dataset=dataset.name, expect=404).problem == "not-found"


def test_requests_without_the_header_claim_nothing(one):
    database, api = one[0].database, Api(one[0].base)
    dataset = Dataset(api, "plain")
    dataset.add(["A dog."])
    assert not database.query("SELECT 1 FROM idempotency i JOIN datasets d ON d.number = i.dataset"
                              " WHERE d.name = 'plain'")
