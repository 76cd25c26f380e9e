"""Limits of keys: requests, seeds and runs; and of bad keys."""
import concurrent.futures
import re
import socket

import pytest
import requests

from conftest import replicas, unique_name
from support import keys
from support.client import CONTRACT, Api
from support.contract import load
from support.dataset import Dataset
from support.keys import SCOPES
from support.lock import Lock
from support.samples import Samples
from support.seeds import generate
from support.server import run, sanitized
from support.wait import until

DOCUMENT = load()
GUARDED = [pytest.param(o, id=o.id) for o in CONTRACT.operations
           if DOCUMENT["paths"][o.template][o.method.lower()].get("x-required-scope")]
POLICY = re.compile(r'^"requests";q=(\d+);w=60$')
LEFT = re.compile(r'^"requests";r=(\d+);t=(\d+)$')


@pytest.fixture(scope="module")
def servers(cluster):
    """Two replicas on one database."""
    with replicas(cluster, MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=0) as made:
        yield made


@pytest.fixture(scope="module")
def server(guarded_server):
    return guarded_server


@pytest.fixture(scope="module")
def root(server):
    return Api(server.base, keys.create(server, "admin"))


@pytest.fixture(scope="module")
def samples(root, server):
    world = Dataset(root, unique_name("limits"))
    world.load(generate(10))
    return Samples(world, world.run(dialogues={"mix": {"question_answering": 1}})["id"])


def limited(api, scopes=("read",), **limits):
    return api.call("create_key", json={"name": "limited", "scopes": list(scopes), "limits": limits}).json()


def exhaust(api, operation="list_datasets", **arguments):
    """Asks until it is too much; the last answer."""
    while True:
        answer = api.call(operation, expect=(200, 429), **arguments)
        if answer.status == 429:
            return answer


# -- requests --

def test_headers_count_down(server, root):
    api = Api(server.base, limited(root, requests_per_minute=600)["key"])
    left = []
    for path, status in (("/v1/datasets", 200), ("/v1/datasets/none", 404), ("/v1/datasets?x=1", 400)):
        answer = api.get(path, expect=status)
        if status == 400:  # found before it is asked whose the request is
            assert "RateLimit" not in answer.headers
            continue
        assert POLICY.match(answer.headers["RateLimit-Policy"]).group(1) == "600"
        left.append(tuple(map(int, LEFT.match(answer.headers["RateLimit"]).groups())))
    assert left[0][0] == 599 and left[0][1] == 1
    assert left[1][0] in (598, 599)
    forbidden = api.call("list_keys", expect=403)
    assert POLICY.match(forbidden.headers["RateLimit-Policy"])
    assert "RateLimit" not in root.call("list_datasets").headers


def test_requests_that_are_too_many(server, root):
    key = limited(root, requests_per_minute=3)["key"]
    api = Api(server.base, key)
    answer = exhaust(api)
    assert answer.problem == "rate-limited" and "requests_per_minute" in answer.json()["detail"]
    wait = int(answer.headers["Retry-After"])
    assert 1 <= wait <= 20
    assert LEFT.match(answer.headers["RateLimit"]).groups() == ("0", str(wait))
    root.call("list_datasets")  # others are not held up
    other = Api(server.base, limited(root, requests_per_minute=3)["key"])
    other.call("list_datasets")


def test_a_bucket_fills_again(server, root):
    api = Api(server.base, limited(root, requests_per_minute=600)["key"])
    exhaust(api)
    until(lambda: api.call("list_datasets", expect=(200, 429)).status == 200, "a token")


@pytest.mark.parametrize("operation", GUARDED)
def test_every_operation(server, root, samples, operation):
    key = limited(root, SCOPES, requests_per_minute=1)
    api = Api(server.base, key["key"])
    before = root.call("get_dataset", dataset=samples.world.name).content
    exhaust(api)
    answer = None
    for _ in range(3):  # a minute may have passed
        arguments = {**samples.arguments(operation), **samples.absent(operation)} \
            if "{" in operation.template else samples.arguments(operation)
        answer = api.call(operation.id, expect=tuple(range(200, 500)), **arguments)
        if answer.status == 429:
            break
    assert answer.status == 429 and answer.problem == "rate-limited" and int(answer.headers["Retry-After"]) > 0
    assert root.call("get_dataset", dataset=samples.world.name).content == before


def test_replicas_share_a_limit(servers):
    """Each has its half once they know of each other."""
    root = Api(servers[0].base, keys.create(servers[0], "admin"))

    def most(server):
        api = Api(server.base, limited(root, requests_per_minute=100)["key"])
        answer = api.call("list_datasets")
        assert POLICY.match(answer.headers["RateLimit-Policy"]).group(1) == "100"
        return int(LEFT.match(answer.headers["RateLimit"]).group(1))

    for server in servers:
        until(lambda s=server: most(s) == 49, "the replicas to know of each other")


def test_defaults(new_server):
    """Of the configuration, unless the key says otherwise; 0 is no limit."""
    server = new_server(MONOCEROS_AUTH="keys", MONOCEROS_KEY_REQUESTS_PER_MINUTE=30,
                        MONOCEROS_KEY_SEEDS_PER_DAY=2, MONOCEROS_KEY_RUNS_IN_FLIGHT=1)
    root = Api(server.base, keys.create(server, "admin", **{"requests-per-minute": "0", "seeds-per-day": "0",
                                                            "runs-in-flight": "0"}))
    assert "RateLimit" not in root.call("list_datasets").headers
    plain = root.call("create_key", json={"name": "plain", "scopes": SCOPES}).json()
    assert "limits" not in plain
    api = Api(server.base, plain["key"])
    assert api.call("list_datasets").headers["RateLimit-Policy"] == '"requests";q=30;w=60'
    Dataset(api, "defaults")
    api.call("create_seeds", dataset="defaults", json=seeds(3), expect=429)
    api.call("create_seeds", dataset="defaults", json=seeds(2))
    root.call("create_seeds", dataset="defaults", json=seeds(5))
    own = Api(server.base, limited(root, SCOPES, requests_per_minute=7)["key"])
    assert own.call("list_datasets").headers["RateLimit-Policy"] == '"requests";q=7;w=60'


# -- seeds --

def seeds(n, start=0):
    return {"seeds": [{"text": f"Seed number {start + i}."} for i in range(n)]}


def test_seeds_in_a_day(servers):
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    dataset = Dataset(root, unique_name("seeds"))
    key = limited(root, ["write"], seeds_per_day=10)
    one, two = (Api(server.base, key["key"]) for server in servers)

    def put(api, n, start=0, expect=200):
        return api.call("create_seeds", dataset=dataset.name, json=seeds(n, start), expect=expect)

    assert put(one, 6).json()["new"] == 6
    assert put(two, 6).json()["new"] == 0  # which do not count
    refused = put(two, 5, 100, 429)
    assert refused.problem == "rate-limited" and "seeds_per_day" in refused.json()["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 86400
    assert len(dataset.seeds()) == 6  # all or nothing
    put(two, 4, 100)
    put(one, 1, 200, 429)
    put(one, 10 - 4)  # those that are there
    root.call("create_seeds", dataset=dataset.name, json=seeds(50, 1000))
    servers[0].database.execute(f"UPDATE key_seeds SET day = day - 1 WHERE key_id = '{key['id']}'")
    put(two, 10, 300)


def test_seeds_of_imports(servers):
    """What came before the limit stays and is counted, as with a stream that breaks."""
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    dataset = Dataset(root, unique_name("imports"))
    api = Api(servers[0].base, limited(root, ["write"], seeds_per_day=1500)["key"])
    lines = "".join(f"Imported seed {i}.\n" for i in range(2500)).encode()
    refused = api.call("import_seeds", dataset=dataset.name, data=lines, expect=429)
    counts = refused.json()["counts"]
    assert refused.problem == "rate-limited" and counts["new"] == len(dataset.seeds()) == 1000
    captions = "".join(f'{{"seed":"Seed {i} of a caption.","text":"A caption, number {i}."}}\n' for i in range(600))
    api.call("import_captions", dataset=dataset.name, data=captions.encode(), params={"name": "x"}, expect=429)
    labels = {"domain": "food", "labels": [f"dish {i}" for i in range(600)], "per_label": 1}
    api.call("expand_seeds", dataset=dataset.name, json=labels, expect=429)
    assert len(dataset.seeds()) == 1000


def test_seeds_on_two_replicas_at_once(servers):
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    dataset = Dataset(root, unique_name("seeds-at-once"))
    key = limited(root, ["write"], seeds_per_day=20)["key"]

    def put(i):
        return Api(servers[i % 2].base, key).call("create_seeds", dataset=dataset.name, json=seeds(3, 3 * i),
                                                  expect=(200, 429)).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(24)))
    assert answers.count(200) == 6 and len(dataset.seeds()) == 18


def test_old_days_are_swept(servers):
    database = servers[0].database
    database.execute("INSERT INTO key_seeds VALUES ('old', now()::date - 5, 1, 1), ('new', now()::date, 1, 1)")
    until(lambda: not database.query("SELECT 1 FROM key_seeds WHERE key_id = 'old'"), "the sweep")
    assert database.query("SELECT 1 FROM key_seeds WHERE key_id = 'new'")


# -- runs --

def test_runs_in_flight(servers):
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    names = [Dataset(root, unique_name("runs")).name for _ in range(3)]
    key = limited(root, ["run"], runs_in_flight=2)["key"]
    apis = [Api(server.base, key) for server in servers]

    def start(i, expect=202):
        return apis[i % 2].call("create_run", dataset=names[i], json={"stages": ["captions"]}, expect=expect)

    with Lock(servers[0].database, "tickers"):  # nothing begins or ends
        first, _ = start(0).json()["id"], start(1)
        before = root.call("get_dataset", dataset=names[2]).content
        refused = start(2, 429)
        assert root.call("get_dataset", dataset=names[2]).content == before
        assert refused.problem == "rate-limited" and "runs_in_flight" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
        root.call("create_run", dataset=names[2], json={"stages": ["captions"]})
        again = apis[0].call("create_run", dataset="none", json={"stages": ["captions"]}, expect=404)
        assert again.problem == "not-found"
        apis[0].call("pause_run", run=first)
        start(2, 429)
        apis[1].call("cancel_run", run=first)
        start(2)
        start(0, 429)


def test_runs_on_two_replicas_at_once(servers):
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    names = [Dataset(root, unique_name("runs-at-once")).name for _ in range(12)]
    key = limited(root, ["run"], runs_in_flight=5)["key"]

    def start(i):
        return Api(servers[i % 2].base, key).call("create_run", dataset=names[i], json={"stages": ["captions"]},
                                                  expect=(202, 429)).status

    with Lock(servers[0].database, "tickers"), concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert list(pool.map(start, range(12))).count(202) == 5


def test_a_replayed_run_takes_no_slot(servers):
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    name = Dataset(root, unique_name("replayed")).name
    api = Api(servers[0].base, limited(root, ["run"], runs_in_flight=1)["key"])
    body, headers = {"stages": ["captions"]}, {"Idempotency-Key": "slot"}
    with Lock(servers[0].database, "tickers"):
        first = api.call("create_run", dataset=name, json=body, headers=headers).json()["id"]
        servers[0].database.execute("DELETE FROM idempotency WHERE key = 'slot'")
        assert api.call("create_run", dataset=name, json=body, headers=headers).json()["id"] == first
        refused = api.call("create_run", dataset=name, json=body, headers={"Idempotency-Key": "two"}, expect=429)
        assert refused.problem == "rate-limited"
        api.call("cancel_run", run=first)
        api.call("create_run", dataset=name, json=body, headers={"Idempotency-Key": "two"})


def test_a_retried_run_takes_nobodys_slot(servers):
    """It ended, another one took its slot, and what failed in it is put back."""
    root = Api(servers[0].base, keys.create(servers[0], "admin"))
    first, second, third = (Dataset(root, unique_name("retried")) for _ in range(3))
    first.load(generate(5))
    key = limited(root, ["run"], runs_in_flight=1)["key"]
    api = Api(servers[0].base, key)
    run = api.call("create_run", dataset=first.name, json={"stages": ["captions"]}).json()["id"]
    first.wait(run)
    servers[0].database.execute(
        "INSERT INTO failures (shard_id, run_id, stage, seed_id, item, reason, detail)"
        f" SELECT shard_id, '{run}', 'captions', seed_id, '0', 'timeout', '' FROM seeds s"
        f" JOIN datasets d ON d.name = '{first.name}' AND s.shard_id / 65536 = d.number LIMIT 1")
    with Lock(servers[0].database, "tickers"):
        api.call("create_run", dataset=second.name, json={"stages": ["captions"]})
        # Past the judge of answers: the failure was never counted.
        retried = requests.post(f"{servers[0].base}/v1/runs/{run}/retry", timeout=60,
                                headers={"Authorization": f"Bearer {key}"})
        assert retried.json()["state"] == "queued", retried.text
        api.call("create_run", dataset=third.name, json={"stages": ["captions"]}, expect=429)


# -- keys --

def test_limits_of_a_key(root):
    made = limited(root, requests_per_minute=5, runs_in_flight=0)
    assert made["limits"] == {"requests_per_minute": 5, "runs_in_flight": 0}
    assert root.call("get_key", key=made["id"]).json()["limits"] == made["limits"]
    assert root.call("rotate_key", key=made["id"]).json()["limits"] == made["limits"]


@pytest.mark.parametrize("limits, pointer", [
    ({"requests_per_minute": -1}, "/limits/requests_per_minute"),
    ({"requests_per_minute": 1000001}, "/limits/requests_per_minute"),
    ({"seeds_per_day": "many"}, "/limits/seeds_per_day"), ({"runs_in_flight": 1001}, "/limits/runs_in_flight"),
    ({"tokens": 1}, "/limits/tokens")])
def test_bad_limits(root, limits, pointer):
    body = {"name": "bad", "scopes": ["read"], "limits": limits}
    assert root.call("create_key", json=body, expect=422).pointers == [pointer]


def test_limits_by_command_line(server, root):
    flags = {"requests-per-minute": 9, "seeds-per-day": 8, "runs-in-flight": 7}
    key = keys.create(server, "read", **{name: str(value) for name, value in flags.items()})
    assert root.call("get_key", key=key[5:17]).json()["limits"] == \
        {name.replace("-", "_"): value for name, value in flags.items()}
    for flag, bad in (("--requests-per-minute", "-1"), ("--seeds-per-day", "x"), ("--runs-in-flight", "1001")):
        done = run("keys", "create", "--name", "x", "--scopes", "read", flag, bad, **server.settings)
        assert done.returncode == 1 and flag.encode() in done.stderr and done.stdout == b""


# -- bad keys --

@pytest.fixture
def careful(new_server):
    server = new_server(MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=5)
    return server, keys.create(server, "read"), keys.create(server, "read")


def test_bad_keys(careful):
    server, good, unseen = careful
    Api(server.base, good).call("list_datasets")
    asked = [exhaust_bad(Api(server.base, bad)) for bad in
             (keys.forged(), keys.forged(id=good[5:17]), "nonsense")]
    for answer in asked:
        assert answer.problem == "rate-limited" and int(answer.headers["Retry-After"]) >= 1
        assert "RateLimit" not in answer.headers
    assert Api(server.base).call("list_datasets", expect=401)  # no guess
    Api(server.base, good).call("list_datasets")  # good before, good still
    # Guesses keep the bucket empty, so that nobody finds out a new one meanwhile.
    exhaust_bad(Api(server.base, keys.forged()))
    assert Api(server.base, unseen).call("list_datasets", expect=(200, 429))
    until(lambda: Api(server.base, unseen).call("list_datasets", expect=(200, 429)).status == 200, "the bucket")


def exhaust_bad(api):
    while True:
        answer = api.call("list_datasets", expect=(401, 429))
        if answer.status == 429:
            return answer


def test_bad_keys_of_other_addresses(careful):
    """Loopback has many addresses."""
    server, _, unseen = careful
    exhaust_bad(Api(server.base, keys.forged()))
    with socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /v1/datasets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: "
                  + unseen.encode() + b"\r\n\r\n")
        assert s.makefile("rb").readline().split()[1] == b"200"


def test_any_number_of_addresses(new_server):
    """Buckets are of a bounded number; more addresses than that are still told apart."""
    server = new_server(MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=1)
    before = server.resident_bytes()
    for i in range(6000):
        with socket.create_connection(("127.0.0.1", server.port),
                                      source_address=(f"127.1.{i // 250}.{i % 250 + 1}", 0)) as s:
            s.sendall(b"GET /v1/datasets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: bad\r\n\r\n")
            assert s.makefile("rb").readline().split()[1] == b"401", i
    assert sanitized() or server.resident_bytes() - before < 16 << 20


def test_seen_by_pages_of_other_origins(new_server):
    server = new_server(MONOCEROS_AUTH="keys", MONOCEROS_CORS_ORIGINS="https://console.example")
    key = keys.create(server, "read", **{"requests-per-minute": "5"})
    answer = requests.get(server.base + "/v1/datasets", timeout=30,
                          headers={"Authorization": f"Bearer {key}", "Origin": "https://console.example"})
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"RateLimit", "RateLimit-Policy", "Retry-After", "Idempotency-Replayed"} <= exposed
    assert "RateLimit" in answer.headers
