"""Health and metrics on a listener of their own."""
import pytest
import requests

from support import keys
from support.client import Api
from support.cluster import Database
from support.server import Server, free_port, run
from support.wait import PATIENCE, until

THERE = ["/healthz", "/readyz", "/metrics"]


def get(base, path, **more):
    return requests.get(base + path, timeout=PATIENCE, **more)


def has_answer(base, path, status):
    try:
        return get(base, path).status_code == status
    except requests.ConnectionError:
        return False


def start(cluster, **settings):
    server = Server(Database(cluster), MONOCEROS_ADMIN_LISTEN=f"127.0.0.1:{free_port()}", **settings)
    server.admin = "http://" + server.settings["MONOCEROS_ADMIN_LISTEN"]
    return server


@pytest.fixture(scope="module")
def apart(cluster):
    """It wants keys for everything else."""
    made = start(cluster, MONOCEROS_AUTH="keys")
    try:
        made.migrate()
        made.start(ready=False)
        until(lambda: has_answer(made.admin, "/readyz", 200), "the server to become ready")
        yield made
        made.stop()
    finally:
        made.destroy()


def test_there_without_a_key(apart):
    assert get(apart.admin, "/healthz").json() == {"status": "ok"}
    assert get(apart.admin, "/readyz").json() == {"status": "ready"}
    text = get(apart.admin, "/metrics").text
    assert 'monoceros_http_requests_total{operation="readyz",status="2xx"}' in text


@pytest.mark.parametrize("path", ["/v1/datasets", "/openapi.json", "/problems/not-found", "/v1/keys", "/"])
def test_nothing_else_there(apart, path):
    answer = get(apart.admin, path, headers={"Authorization": "Bearer " + keys.create(apart, "admin")})
    assert answer.status_code == 404 and answer.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", THERE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_no_longer_on_the_main_one(apart, path, method):
    key = keys.create(apart, "admin")
    answer = requests.request(method, apart.base + path, timeout=PATIENCE, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 404
    api = Api(apart.base, key)
    api.call("list_datasets")
    api.call("openapi")


def test_the_healthcheck_asks_there(apart):
    assert run("healthcheck", **apart.settings).returncode == 0
    elsewhere = {**apart.settings, "MONOCEROS_ADMIN_LISTEN": f"127.0.0.1:{free_port()}"}
    assert b"nothing listens" in run("healthcheck", **elsewhere).stderr


def test_it_tells_when_the_server_is_not_ready(cluster):
    """Before its schema is there; the healthcheck then fails too."""
    server = start(cluster, MONOCEROS_DRAIN_TIMEOUT=PATIENCE.__trunc__())
    try:
        server.start(ready=False)
        until(lambda: has_answer(server.admin, "/readyz", 503), "the server to say that it is not ready")
        assert has_answer(server.admin, "/healthz", 200) and run("healthcheck", **server.settings).returncode == 1
        server.migrate()
        until(lambda: has_answer(server.admin, "/readyz", 200), "the server to become ready")
        api = Api(server.base)
        api.call("put_dataset", dataset="d", json={})
        server.stop()
    finally:
        server.destroy()


@pytest.mark.parametrize("listen, why", [("nonsense", "must be host:port"),
                                         ("127.0.0.1:99999", "must be host:port"),
                                         ("198.51.100.1:80", "cannot listen on 198.51.100.1 port 80")])
def test_addresses_that_are_none(apart, listen, why):
    done = run("serve", **{**apart.settings, "MONOCEROS_LISTEN": "127.0.0.1:0", "MONOCEROS_ADMIN_LISTEN": listen})
    assert done.returncode == 1 and why in done.stderr.decode()


def test_one_address_for_both(apart):
    address = f"127.0.0.1:{free_port()}"
    done = run("serve", **{**apart.settings, "MONOCEROS_LISTEN": address, "MONOCEROS_ADMIN_LISTEN": address})
    assert done.returncode == 1 and "in use" in done.stderr.decode()
