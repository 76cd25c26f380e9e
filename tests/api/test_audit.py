"""The audit log: who changed what, which keys were used, and nothing that anybody could use."""
import re
import subprocess
import time

import pytest
import requests

from conftest import unique_name
from support import keys
from support.client import CONTRACT, Api
from support.cluster import Cluster, Database, DatabaseError
from support.contract import load
from support.dataset import Dataset
from support.keys import SCOPES
from support.samples import Samples
from support.seeds import generate
from support.server import Server, run
from support.wait import until

DOCUMENT = load()


def scope_of(operation):
    return DOCUMENT["paths"][operation.template][operation.method.lower()].get("x-required-scope")


CHANGING = [o for o in CONTRACT.operations if o.method != "GET" and scope_of(o) not in (None, "read")]
READING = [o for o in CONTRACT.operations if o not in CHANGING and scope_of(o)]


class Audited:
    """A server that wants keys, something for every operation, and keys of all sorts."""

    def __init__(self, server):
        self.server = server
        self.key = keys.create(server, "admin")
        self.api = Api(server.base, self.key)
        world = Dataset(self.api, unique_name("audited"))
        world.load(generate(10))
        self.samples = Samples(world, world.run()["id"])

    def make(self, **body):
        return self.api.call("create_key", json={"name": "audited", "scopes": SCOPES, **body}).json()["key"]

    def entries(self, **filters):
        return self.api.items("/v1/audit", **filters)

    def of_request(self, answer):
        """The entry of one request, when it has been written."""
        id, found = answer.headers["X-Request-Id"], []
        until(lambda: found.extend(self.server.database.query(
            f"SELECT * FROM audit WHERE request_id = '{id}' AND operation <> 'use_key'")) or found,
              "the entry of a request")
        entry, = found
        return entry

    def settled(self):
        """When all that came before is written: rows are in the order in which requests ended."""
        self.of_request(self.api.call("cancel_run", run="0" * 32, expect=404))


@pytest.fixture(scope="module")
def audited(guarded_server):
    return Audited(guarded_server)


@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in CHANGING])
def test_every_change_has_its_row(audited, operation):
    arguments = audited.samples.arguments(operation)
    if operation.id in ("delete_dataset", "delete_export", "revoke_key"):  # others need them
        arguments.update(audited.samples.absent(operation))
    answer = audited.api.call(operation.id, expect=tuple(range(200, 500)), **arguments)
    entry = audited.of_request(answer)
    assert (entry["operation"], entry["status"], entry["source"]) == (operation.id, answer.status, "http")
    assert entry["outcome"] == ("done" if answer.status < 400 else "failed")
    assert (entry["key_id"], entry["owner"], entry["client"]) == (audited.key[5:17], "default", "127.0.0.1")
    path = operation.template
    for name, value in {k: v for k, v in arguments.items() if "{" + k + "}" in path}.items():
        path = path.replace("{" + name + "}", value)
    assert entry["resource"] == path and entry["location"] == answer.headers.get("Location")
    assert entry["count"] == 1 and entry["reason"] is None


@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in CHANGING])
def test_refused_changes(audited, operation):
    none_of_it = [s for s in ("read", "write", "run") if s != scope_of(operation)][0]
    weak = audited.make(scopes=[none_of_it])
    entry = audited.of_request(Api(audited.server.base, weak).call(
        operation.id, expect=403, **audited.samples.arguments(operation)))
    assert (entry["operation"], entry["outcome"], entry["status"]) == (operation.id, "refused", 403)
    assert entry["key_id"] == weak[5:17]


def test_what_only_reads_has_none(audited):
    for operation in READING:
        audited.api.call(operation.id, expect=tuple(range(200, 500)), **audited.samples.arguments(operation))
    audited.settled()
    assert not {e["operation"] for e in audited.entries()} & {o.id for o in READING}


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_keys_that_ended(audited, state):
    key = audited.make()
    if state == "revoked":
        audited.api.call("revoke_key", key=key[5:17])
    else:
        audited.server.database.execute("UPDATE keys SET expires_at = now() - interval '1 second' "
                                        f"WHERE key_id = '{key[5:17]}'")
    api = Api(audited.server.base, key)
    entry = audited.of_request(api.call("put_dataset", dataset="no", json={}, expect=401))
    assert (entry["outcome"], entry["status"], entry["key_id"]) == ("refused", 401, key[5:17])
    for _ in range(3):
        api.call("list_datasets", expect=401)
    audited.settled()
    used, = [e for e in audited.entries(key=key[5:17]) if e["operation"] == "use_key"]
    assert (used["outcome"], used["reason"], used["count"]) == ("refused", state, 1)


def test_somebody_tries_another_secret(audited):
    key = audited.make()
    for _ in range(2):
        Api(audited.server.base, keys.forged(id=key[5:17])).call("put_dataset", dataset="no", json={}, expect=401)
    audited.settled()
    entries = [e for e in audited.entries(key=key[5:17]) if e["operation"] != "create_key"]
    assert [(e["operation"], e["reason"], e["count"]) for e in entries] == [("use_key", "secret", 1)]
    assert entries[0]["client"] == "127.0.0.1" and entries[0]["request_id"]


def test_whoever_has_no_key_leaves_nothing(audited):
    audited.settled()
    before = audited.server.database.value("SELECT count(*) FROM audit WHERE operation <> 'use_key'")
    for key in (None, "nonsense", keys.forged()):
        Api(audited.server.base, key).call("put_dataset", dataset="no", json={}, expect=401)
    audited.settled()
    assert audited.server.database.value("SELECT count(*) FROM audit WHERE operation <> 'use_key'") == before + 1


def test_life_of_a_key(audited):
    old = audited.make()[5:17]
    new = audited.api.call("rotate_key", key=old, json={}).json()["id"]
    audited.api.call("revoke_key", key=new)
    audited.settled()
    assert [(e["operation"], e["location"]) for e in audited.entries(key=old)] == [
        ("rotate_key", f"/v1/keys/{new}"), ("create_key", f"/v1/keys/{old}")]
    assert [e["operation"] for e in audited.entries(key=new)] == ["revoke_key", "rotate_key"]


def test_the_command_line(audited):
    key = keys.create(audited.server, "read", owner="vision")[5:17]
    assert run("keys", "revoke", key, "--owner", "vision", **audited.server.settings).returncode == 0
    assert run("keys", "revoke", key, **audited.server.settings).returncode == 1  # of another owner
    other = Api(audited.server.base, keys.create(audited.server, "admin", owner="vision"))
    entries = other.items("/v1/audit", key=key)
    assert [(e["operation"], e["source"], e["outcome"]) for e in entries] == [
        ("revoke_key", "command", "done"), ("create_key", "command", "done")]
    assert entries[0]["resource"] == entries[1]["location"] == f"/v1/keys/{key}"
    audited.settled()
    assert not any(e["location"] == f"/v1/keys/{key}" for e in audited.entries() if "location" in e)


def test_pages_and_filters(audited):
    audited.settled()
    everything = audited.entries()
    assert everything == sorted(everything, key=lambda e: (e["at"], ), reverse=True)
    settled = {e["id"]: e for e in everything}
    paged = audited.entries(page_size=7, to=everything[0]["at"])
    assert len(paged) == len({e["id"] for e in paged}) and {e["id"] for e in paged} <= set(settled)
    assert len(paged) >= len([e for e in everything if e["at"] < everything[0]["at"]])
    first, last = everything[-1]["at"], everything[0]["at"]
    assert everything[-1] in audited.entries(**{"from": first}) and audited.entries(to=first) == []
    assert all(e["at"] >= last for e in audited.entries(**{"from": last}))
    assert {e["operation"] for e in audited.entries(operation="create_key")} == {"create_key"}
    assert {e["outcome"] for e in audited.entries(outcome="refused")} == {"refused"}
    assert audited.entries(operation="no_such_thing") == audited.entries(key="z" * 12) == []


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", ["yesterday", "2026-02-30T00:00:00Z", "2026-01-01"])
def test_times_that_are_none(audited, name, value):
    answer = audited.api.call("list_audit", params={name: value}, expect=(400, 422))
    assert answer.pointers == [f"?{name}"]


def test_no_secrets(new_server, model_server):
    """Neither those of keys, wherever somebody may have put them, nor those of providers."""
    server = new_server(MONOCEROS_AUTH="keys", MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m",
                        MONOCEROS_LLM_API_KEY="sk-canary-provider")
    world = Audited(server)
    made = world.make()
    for path in (f"/v1/keys/{made}", f"/v1/runs/{made}/cancel?key={made}", f"/v1/datasets/{made}"):
        requests.delete(server.base + path, headers={"X-API-Key": world.key}, timeout=60)
        requests.post(server.base + path, headers={"X-API-Key": made}, timeout=60)
    broken = keys.forged(id=made[5:17], secret="canary" * 7 + "x")
    Api(server.base, broken).call("create_key", json={"name": "x", "scopes": ["read"]}, expect=401)
    requests.post(server.base + f"/v1/datasets?X-API-Key={made}", headers={"X-API-Key": made}, timeout=60)
    world.settled()
    text = str(server.database.query("SELECT * FROM audit")) + str(world.entries())
    assert made[5:17] in text and "mono_" + made[5:17] in text
    for secret in (made[18:40], world.key[18:40], broken[18:40], "canary"):
        assert secret not in text
    hashes = server.database.query("SELECT encode(hash, 'hex') AS hash FROM keys")
    assert not any(row["hash"] in text for row in hashes)


def test_two_servers_write_one_log(new_server):
    one = new_server(MONOCEROS_AUTH="keys")
    other = new_server(database=one.database, MONOCEROS_AUTH="keys")
    world = Audited(one)
    asked = []
    for i in range(20):
        for server in (one, other):  # the same thing to both: each is a request of its own
            asked.append(Api(server.base, world.key).call("put_dataset", dataset=f"both-{i}", json={}))
    for answer in asked:
        world.of_request(answer)
    entries = world.entries(operation="put_dataset")
    ids = [answer.headers["X-Request-Id"] for answer in asked]
    assert sorted(e["request_id"] for e in entries if e["resource"].startswith("/v1/datasets/both-")) == sorted(ids)
    uses = [e for e in world.entries(key=world.key[5:17]) if e["operation"] == "use_key"]
    assert len({e["request_id"] for e in uses if "request_id" in e}) >= 2  # the first one of each server


def test_all_is_written_when_the_server_ends(new_server):
    server = new_server(MONOCEROS_AUTH="keys")
    key = keys.create(server, "admin")
    api = Api(server.base, key)
    answers = [api.call("put_dataset", dataset=f"last-{i}", json={}) for i in range(30)]
    server.stop()
    rows = server.database.query("SELECT request_id, operation, count FROM audit WHERE key_id IS NOT NULL")
    assert {r["request_id"] for r in rows if r["operation"] == "put_dataset"} == \
        {a.headers["X-Request-Id"] for a in answers}
    assert sum(r["count"] for r in rows if r["operation"] == "use_key") == 30


def test_without_keys_changes_are_noted_all_the_same(new_server):
    server = new_server()
    answer = Api(server.base).call("put_dataset", dataset="open", json={})
    server.stop()
    row, = server.database.query("SELECT * FROM audit")
    assert row["request_id"] == answer.headers["X-Request-Id"] and row["key_id"] is None
    assert (row["owner"], row["outcome"]) == ("default", "done")


class Held:
    """The table is locked until release(): nobody can write to it, and all else goes on."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            ["psql", "--no-psqlrc", "--quiet", database.url], stdin=subprocess.PIPE)
        self.process.stdin.write(b"BEGIN; LOCK TABLE audit;\n")
        self.process.stdin.flush()
        until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE relation = 'audit'::regclass AND granted "
                                     "AND mode = 'AccessExclusiveLock'") == 1, "the table to be locked")

    def release(self):
        self.process.communicate(b"ROLLBACK;\n")


def lost(server):
    text = requests.get(server.base + "/metrics", timeout=60).text
    found = re.search(r'^monoceros_audit_rows_total\{outcome="lost"\} (\d+)', text, re.M)
    return int(found.group(1)) if found else 0


def test_nobody_waits_for_the_log_and_what_is_lost_is_told(new_server):
    server = new_server()
    held = Held(server.database)
    session = requests.Session()
    try:
        for i in range(5000):
            assert session.post(f"{server.base}/v1/runs/{i:032x}/cancel", timeout=60).status_code == 404
        gone = lost(server)
        assert 0 < gone < 5000
    finally:
        held.release()
    until(lambda: server.database.value("SELECT count(*) FROM audit") + lost(server) == 5000,
          "the others to be written")
    assert lost(server) == gone
    until(lambda: f'"rows":{gone}'.encode() in server.log(), "the log to tell")
    assert b"audit_rows_lost" in server.log()


def test_rows_outlive_an_outage():
    cluster = Cluster()
    server = Server(Database(cluster))
    try:
        server.migrate()
        server.start()
        api = Api(server.base)
        cluster.stop()
        ids = {api.call("put_dataset", dataset="away", json={}, expect=503).headers["X-Request-Id"] for _ in range(3)}
        cluster.start()
        until(lambda: {r["request_id"] for r in server.database.query("SELECT request_id FROM audit")} == ids,
              "what happened meanwhile to be written")
        server.stop()
    finally:
        server.destroy()
        cluster.remove()


def test_a_server_that_ends_without_its_database():
    """What it could not write is told, and its end is not held up by it."""
    cluster = Cluster()
    server = Server(Database(cluster))
    try:
        server.migrate()
        server.start()
        cluster.stop()
        session = requests.Session()
        for i in range(600):  # more than one batch
            assert session.put(f"{server.base}/v1/datasets/away-{i}", json={}, timeout=60).status_code == 503
        server.stop()
        told = re.findall(r'"event":"audit_rows_lost".*"rows":(\d+)', server.log().decode())
        assert sum(map(int, told)) == 600
    finally:
        server.destroy()
        cluster.remove()


OLD = """INSERT INTO audit (audit_id, at, owner, source, operation, outcome)
         SELECT gen_random_uuid(), now() - make_interval(days => d), 'default', 'command', 'old', 'done'
         FROM generate_series(1, 100) d, generate_series(1, {each})"""


def test_old_rows_go(new_server):
    server = new_server(start=False, MONOCEROS_AUDIT_DAYS=30)
    server.migrate()
    server.database.execute(OLD.format(each=120))  # more than one portion
    server.start()
    count = "SELECT count(*) FROM audit WHERE operation = 'old'"
    until(lambda: server.database.value(count) == 29 * 120, "old rows to go")
    assert server.database.value("SELECT min(at) > now() - interval '30 days' FROM audit")


def test_the_service_removes_none_of_the_last_week(cluster):
    database = Database(cluster)
    done = run("migrate", MONOCEROS_DATABASE_URL=database.url, MONOCEROS_SERVICE_ROLE="monoceros_service")
    assert done.returncode == 0, done.stderr
    database.execute(OLD.format(each=1))
    for days in ("0", "-1", "NULL", "7"):
        cluster.psql(f"SELECT audit_sweep({days})", database.name, role="monoceros_service")
    assert database.value("SELECT count(*) FROM audit") == 6
    database.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    with pytest.raises(DatabaseError, match="permission denied"):
        cluster.psql("SELECT public.audit_sweep(7)", database.name, role="stranger")


def test_the_log_reads_its_index(cluster):
    database = Database(cluster)
    run("migrate", MONOCEROS_DATABASE_URL=database.url)
    database.execute(OLD.format(each=200) + "; ANALYZE audit")
    plan = database.execute("EXPLAIN SELECT * FROM audit WHERE owner = 'default' AND (at, audit_id) < "
                            "(now(), gen_random_uuid()) ORDER BY at DESC, audit_id DESC LIMIT 101")
    assert "audit_owner" in plan and "Sort" not in plan


def test_the_time_is_that_of_the_request(audited):
    before = time.time()
    answer = audited.api.call("put_dataset", dataset="when", json={})
    entry = audited.of_request(answer)
    at = audited.server.database.value(
        f"SELECT extract(epoch FROM at) FROM audit WHERE audit_id = '{entry['audit_id']}'")
    assert before - 1 < at < time.time() + 1
