"""Keys: their form, their life, and that nobody ever sees one again."""
import base64
import re
import subprocess
import time

import pytest
import requests

from support import keys
from support.client import Api
from support.dataset import Dataset
from support.keys import SCOPES
from support.server import run
from support.wait import PATIENCE, until

FORM = re.compile(r"^mono_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$")


@pytest.fixture(scope="module")
def server(guarded_server):
    return guarded_server


@pytest.fixture(scope="module")
def root(server):
    return keys.create(server, "admin")


@pytest.fixture
def api(server, root):
    return Api(server.base, root)


def status(server, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(server.base + "/v1/datasets", headers=headers, timeout=30).status_code


def test_form_and_checksum(server, api):
    made = api.call("create_key", json={"name": "form", "scopes": ["read"]})
    key = made.json()["key"]
    assert FORM.match(key) and key[-6:] == keys.checksum(key[:-6])
    assert key[5:17] == made.json()["id"] and made.headers["Location"] == f"/v1/keys/{key[5:17]}"
    assert status(server, Authorization=f"Bearer {key}") == 200


def test_no_two_are_alike(server):
    made = {keys.create(server, "read") for _ in range(20)}
    assert len({key[18:] for key in made}) == len({key[5:17] for key in made}) == 20


def test_ways_to_send_one(server, root):
    def basic(text):
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert status(server, Authorization=f"bearer   {root} ") == 200
    assert status(server, X_API_Key=root) == 200
    assert status(server, Authorization=basic(f"anybody:{root}")) == 200
    assert status(server, Authorization=basic(f"{root}:")) == 200
    for bad in (root, f"Token {root}", "Bearer", f"Bearer {root} {root}", basic(root), basic(f"{root}:x"),
                "Basic !", basic(":"), "Basic " + "A" * 4000, f"Bearer {root.lower()}"):
        assert status(server, Authorization=bad) == 401, bad
    assert status(server, Authorization=f"Bearer {root}", X_API_Key=root) == 401
    assert status(server, X_API_Key="") == 401


def test_two_authorizations_are_refused(server, root):
    answer = Api(server.base).raw("GET", "/v1/datasets", headers=[("Authorization", f"Bearer {root}")] * 2)
    assert answer.status == 400


def test_curl_with_a_key_in_the_url(server, root):
    """As tools can that take nothing but a URL."""
    host = server.base.removeprefix("http://")
    for url in (f"http://key:{root}@{host}/v1/datasets", f"http://{root}@{host}/v1/datasets"):
        done = subprocess.run(["curl", "-sf", url], stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0 and done.stdout == b'{"items":[]}'


def test_life_of_a_key(server, api):
    made = api.call("create_key", json={"name": "life", "scopes": ["write", "read", "read"],
                                        "datasets": ["one", "null"], "expires_in": 3600}).json()
    id, key = made["id"], made.pop("key")
    assert made["state"] == "active" and made["owner"] == "default" and made["datasets"] == ["one", "null"]
    assert api.call("get_key", key=id).json() == made
    assert status(server, X_API_Key=key) == 200
    used = api.call("get_key", key=id).json()
    assert used["last_used_at"] >= made["created_at"]
    assert {k["id"] for k in api.items("/v1/keys", page_size=2)} >= {id}
    revoked = api.call("revoke_key", key=id).json()
    assert revoked["state"] == "revoked"
    assert status(server, X_API_Key=key) == 401
    assert api.call("revoke_key", key=id).json()["revoked_at"] == revoked["revoked_at"]
    assert api.call("rotate_key", key=id, expect=409).problem == "conflict"


def test_lists_page(server, api):
    for _ in range(5):
        api.call("create_key", json={"name": "page", "scopes": ["read"]})
    pages = list(api.pages("/v1/keys", page_size=2))
    ids = [k["id"] for page in pages for k in page]
    assert all(len(page) == 2 for page in pages[:-1]) and len(set(ids)) == len(ids) >= 5
    assert ids == [k["id"] for k in api.items("/v1/keys")]


def test_rotation_overlaps(server, api):
    old = api.call("create_key", json={"name": "turn", "scopes": ["read", "run"], "datasets": ["d"],
                                       "expires_in": 7200}).json()
    new = api.call("rotate_key", key=old["id"], json={"overlap": 600}).json()
    assert (new["name"], new["scopes"], new["datasets"]) == ("turn", ["read", "run"], ["d"])
    assert new["rotated_from"] == old["id"] and new["expires_at"] >= old["expires_at"]
    assert status(server, X_API_Key=old["key"]) == status(server, X_API_Key=new["key"]) == 200
    assert api.call("get_key", key=old["id"]).json()["expires_at"] < old["expires_at"]
    last = api.call("rotate_key", key=new["id"], json={"overlap": 0}).json()
    assert status(server, X_API_Key=new["key"]) == 401 and status(server, X_API_Key=last["key"]) == 200


def test_what_is_known_of_a_key_ages(server, api):
    """A revocation elsewhere, as by another replica, bites within ten seconds."""
    key = api.call("create_key", json={"name": "ages", "scopes": ["read"]}).json()["key"]
    assert status(server, X_API_Key=key) == 200
    done = run("keys", "revoke", key[5:17], **server.settings)
    assert done.returncode == 0 and b'"revoked"' in done.stdout
    until(lambda: status(server, X_API_Key=key) == 401, "the revocation to be known", timeout=max(12, PATIENCE))


@pytest.mark.parametrize("body, pointer", [
    ({"name": "", "scopes": ["read"]}, "/name"), ({"name": "x" * 101, "scopes": ["read"]}, "/name"),
    ({"name": "x", "scopes": []}, "/scopes"), ({"name": "x", "scopes": ["reed"]}, "/scopes/0"),
    ({"name": "x"}, "/scopes"), ({"name": "x", "scopes": ["read"], "datasets": []}, "/datasets"),
    ({"name": "x", "scopes": ["read"], "datasets": ["a", "B"]}, "/datasets/1"),
    ({"name": "x", "scopes": ["read", "admin"], "datasets": ["a"]}, "/datasets"),
    ({"name": "x", "scopes": ["read"], "expires_in": 59}, "/expires_in"),
    ({"name": "x", "scopes": ["read"], "owner": "me"}, "/owner")])
def test_bad_wishes(api, body, pointer):
    before = len(api.items("/v1/keys"))
    assert api.call("create_key", json=body, expect=422).pointers == [pointer]
    assert len(api.items("/v1/keys")) == before


def test_secrets_are_nowhere(server, api, root):
    made = api.call("create_key", json={"name": "canary", "scopes": ["read"]}).json()
    bad = keys.forged(secret="canary" * 7 + "x")
    status(server, Authorization=f"Bearer {made['key']}")
    answers = [requests.get(server.base + "/v1/datasets", headers={"Authorization": f"Bearer {bad}"},
                            timeout=30).text,
               requests.get(server.base + f"/v1/datasets?k={1}", headers={"X-API-Key": made["key"][:-1]},
                            timeout=30).text,
               api.call("get_key", key=made["id"]).text, str(api.items("/v1/keys"))]
    everything = server.log().decode() + "".join(answers) + str(server.database.query("SELECT * FROM keys"))
    for secret in (made["key"], root, bad):
        assert secret[18:61] not in everything
    assert f'"key":"{made["id"]}"' in everything  # who it was is known


def test_command_line(server):
    limited = keys.create(server, "read", "export", owner="vision", datasets="a,b", expires="30")
    done = run("keys", "list", "--owner", "vision", **server.settings)
    assert limited[5:17].encode() in done.stdout and done.stdout.count(b"\n") == 1
    assert limited.encode() not in done.stdout
    assert status(server, X_API_Key=limited) == 200
    assert run("keys", "revoke", limited[5:17], **server.settings).returncode == 1  # of another owner
    assert run("keys", "revoke", limited[5:17], "--owner", "vision", **server.settings).returncode == 0


@pytest.mark.parametrize("words, told", [
    ([], b"create, list or revoke"), (["dance"], b"create, list or revoke"),
    (["create", "--name", "x"], b"--scopes"), (["create", "--scopes", "read"], b"--name"),
    (["create", "--name", "x", "--scopes", "read,dance"], b'"dance"'),
    (["create", "--name", "x", "--scopes", ""], b"at least one"),
    (["create", "--name", "x", "--scopes", "read", "--owner", "No"], b"--owner"),
    (["create", "--name", "x", "--scopes", "read", "--datasets", "a,,b"], b"--datasets"),
    (["create", "--name", "x", "--scopes", "admin", "--datasets", "a"], b"cannot be limited"),
    (["create", "--name", "x", "--scopes", "read", "--expires", "0"], b"--expires"),
    (["create", "--name", "x", "--scopes"], b"a value is missing"), (["revoke"], b"12 characters"),
    (["revoke", "x"], b"12 characters"), (["revoke", "0" * 12], b"no key"),
    (["list", "--colour", "red"], b"colour")])
def test_command_line_refuses(server, words, told):
    done = run("keys", *words, **server.settings)
    assert done.returncode == 1 and told in done.stderr and done.stdout == b""


def test_answers_and_bodies_of_a_key_that_is_not_known_yet(server, api):
    """The question whose key it is comes first; nothing of a stream is lost to it, in either direction."""
    dataset = Dataset(api, "streams", 2)

    def slowly():
        yield b"".join(b"A seed of a stream, number %d.\n" % i for i in range(20000))
        time.sleep(2.5)
        yield b"The last seed of the stream.\n"

    def fresh():
        key = api.call("create_key", json={"name": "fresh", "scopes": ["write", "export"]}).json()["key"]
        return {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}

    done = requests.post(server.base + dataset.path + "/seeds/import", data=slowly(), headers=fresh(), timeout=60)
    assert done.status_code == 200 and done.json()["new"] == 20001
    refused = requests.post(server.base + dataset.path + "/seeds/import", data=slowly(), timeout=60,
                            headers={**fresh(), "Authorization": f"Bearer {keys.forged()}"})
    assert refused.status_code == 401
    dataset.run(["captions", "representations"], limit=300)
    for form in ("npy", "ids", "safetensors"):
        whole = requests.get(f"{server.base}{dataset.path}/representations.{form}", headers=fresh(), timeout=60)
        assert whole.status_code == 200 and len(whole.content) == int(whole.headers["Content-Length"])


def test_before_the_schema_is_there(new_server):
    """What needs a key says that it cannot know any yet; what needs none answers."""
    made = new_server(start=False, MONOCEROS_AUTH="keys")
    made.start(ready=False)
    api = Api(made.base, keys.forged())
    until(lambda: _listens(made), "the server to listen")
    for operation in ("list_providers", "list_seed_templates", "metrics", "list_datasets"):
        assert int(api.call(operation, expect=503).headers["Retry-After"]) > 0
    api.call("sign_url", json={"url": "/v1/datasets/x/representations.ids"}, expect=503)
    api.call("healthz")
    made.migrate()
    made.wait_ready()
    api.call("list_providers", expect=401)


def _listens(server):
    try:
        return status(server) in (401, 503)
    except requests.ConnectionError:
        return False


def test_all_scopes_are_known(api):
    assert api.call("create_key", json={"name": "all", "scopes": SCOPES}).json()["scopes"] == SCOPES
