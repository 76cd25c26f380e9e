"""HTTPS by the service itself: who it speaks with, certificates that change, and what hostile clients get."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
import requests

from conftest import unique_name
from support import keys
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset
from support.exports import Export, open_files
from support.seeds import generate
from support.server import Server, free_port, run
from support.tls import make_pair, trusting
from support.wait import PATIENCE, until
from support.wire import connect, exchange, read_answer, read_answers, rest
from test_probes import LIBRARY, PROBES, REFUSED, get, second

GET = get(b"Connection: close\r\n")


class Secure:
    """A server with a certificate of its own in a folder of its own."""

    def __init__(self, cluster, folder, **settings):
        self.folder = folder
        self.certificate, self.key = make_pair(folder)
        self.server = Server(Database(cluster), MONOCEROS_TLS_CERTIFICATE=self.certificate,
                             MONOCEROS_TLS_KEY=self.key, **settings)
        self.base = self.server.base = f"https://localhost:{self.server.port}"
        self.server.migrate()
        self.server.start(ready=False)
        until(lambda: self.check().returncode == 0, "the server to become ready")

    def check(self):
        return run("healthcheck", **self.server.settings)

    @property
    def context(self):
        return trusting(self.certificate)

    @property
    def api(self):
        made = Api(self.base)
        made.session.verify = str(self.certificate)
        return made

    def shown(self):
        """The certificate that a new connection is given."""
        return ssl.get_server_certificate(("localhost", self.server.port))

    def replace(self, certificate, key):
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)

    def hang_up(self, event):
        """SIGHUP, and waits for one more line about it."""
        def count():
            return self.server.log().count(b'"event":"%s"' % event.encode())
        before = count()
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: count() > before, event)


@pytest.fixture
def make_secure(cluster, tmp_path):
    made = []

    def make(**settings):
        made.append(Secure(cluster, tmp_path, **settings))
        return made[-1]

    yield make
    try:
        for one in made:
            one.server.stop()
    finally:
        for one in made:
            one.server.destroy()


@pytest.fixture(scope="module")
def secure(cluster, tmp_path_factory):
    made = Secure(cluster, tmp_path_factory.mktemp("tls"), MONOCEROS_HTTP_HEADER_TIMEOUT=2)
    try:
        yield made
        made.server.stop()
    finally:
        made.server.destroy()


# -- at work --

def test_everything_at_work(secure):
    """Imports, long polls, large pages and files, as over plain HTTP."""
    dataset = Dataset(secure.api, unique_name("tls"))
    dataset.load(generate(300))
    run_ = dataset.run(["captions", "representations"])
    assert len(dataset.captions()) == 300
    whole = secure.api.get(f"{dataset.path}/representations.npy", params={"run": run_["id"]}, expect=200)
    assert len(whole.content) > 300 * 512 * 4
    assert whole.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert secure.api.get("/v1/nothing", expect=404).headers["Strict-Transport-Security"]


def test_large_bodies_and_answers(secure):
    """Of many records of TLS, of which libmicrohttpd and GnuTLS keep parts."""
    dataset = Dataset(secure.api, unique_name("tls-large"))
    texts = [f"{text} " + "and more of it " * 200 for text in generate(1000)]
    assert dataset.add(texts)["new"] == 1000
    assert {seed["text"] for seed in dataset.seeds()} == {text.strip() for text in texts}
    lines = "".join(f"{text}\n" for text in generate(40_000, seed=3)).encode()
    assert secure.api.request("POST", dataset.path + "/seeds/import", data=lines,
                              expect=200).json()["received"] == 40_000


def test_files_of_exports(secure):
    """Which cannot go by sendfile here: the same bytes, whole, in part and left half-way."""
    dataset = Dataset(secure.api, unique_name("tls-files"))
    data = os.urandom(2**20) * 24 + b"end"
    made = Export(secure.server.database, dataset.name, {"big.npy": data, "empty.jsonl": b""})
    path = made.path("big.npy")
    assert secure.api.get(path, expect=200).content == data
    assert secure.api.get(made.path("empty.jsonl"), expect=200).content == b""
    for header, part in (("bytes=-5", data[-5:]), ("bytes=1000001-", data[1000001:]), ("bytes=7-7", data[7:8])):
        answer = secure.api.get(path, headers={"Range": header}, expect=206)
        assert answer.content == part and answer.headers["ETag"]
    head = secure.api.request("HEAD", path, expect=200)
    assert int(head.headers["Content-Length"]) == len(data)
    for _ in range(5):
        with connect(secure.base, context=secure.context) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert s.recv(1000)
    until(lambda: not open_files(secure.server), "the files to be closed")


def test_pipelining_and_chunks(secure):
    dataset = Dataset(secure.api, unique_name("tls-pipeline"))
    data = b""
    for i in range(20):
        body = json.dumps({"seeds": [{"text": f"Seed {i} of a pipeline."}]}).encode()
        data += (f"POST {dataset.path}/seeds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n").encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answers = read_answers(exchange(secure.base, data + GET, False, secure.context))
    assert [a.status for a in answers] == [200] * 21


def test_curl(secure):
    done = subprocess.run(["curl", "--silent", "--show-error", "--cacert", secure.certificate, "--http1.1",
                           f"{secure.base}/readyz"], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert json.loads(done.stdout) == {"status": "ready"}


def test_keys(secure, make_secure):
    guarded = make_secure(MONOCEROS_AUTH="keys")
    api = guarded.api
    api.call("list_datasets", expect=401)
    api.session.headers["Authorization"] = "Bearer " + keys.create(guarded.server, "admin")
    api.call("put_dataset", dataset="d", json={})
    with connect(guarded.base, context=guarded.context) as s, s.makefile("rb") as stream:
        s.sendall(b"POST /v1/datasets/d/seeds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 8000000\r\n\r\n")
        answer = read_answer(stream)  # past libmicrohttpd, which waits for the body
        assert answer.status == 401 and json.loads(answer.body)["status"] == 401


@pytest.mark.parametrize("name", [n for n, p in PROBES.items() if p[1] in (REFUSED, LIBRARY)])
def test_probe(secure, name):
    data, fate, status, detail = PROBES[name]
    more, served = second(secure.api)
    received = exchange(secure.base, data + more, False, secure.context)
    assert not served()
    if fate == REFUSED:
        answer, = read_answers(received)
        assert answer.status == status and detail in json.loads(answer.body)["detail"]


# -- who it speaks with --

@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_versions(secure, version):
    context = secure.context
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with connect(secure.base, context=context) as s:
        s.sendall(GET)
        assert rest(s).startswith(b"HTTP/1.1 200")
        assert s.version() == version.replace("_", ".") and s.cipher()[2] >= 128


@pytest.mark.parametrize("version, ciphers", [("TLSv1", "ALL:@SECLEVEL=0"), ("TLSv1_1", "ALL:@SECLEVEL=0"),
                                              ("TLSv1_2", "aNULL:eNULL:@SECLEVEL=0")])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_what_is_too_old_or_too_weak(secure, version, ciphers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(secure.base, context=context)


def test_plain_http_to_the_port(secure):
    """Nothing is served, and nothing in clear is said."""
    assert b"HTTP/" not in exchange(secure.base, GET)
    secure.api.call("healthz")


def test_slow_handshakes(secure):
    """Silent ones and ones that stop half-way are cut off in the end, and keep nobody waiting."""
    hello = ssl.MemoryBIO()
    client = secure.context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    first = hello.read()
    slow = [connect(secure.base) for _ in range(40)]
    for i, s in enumerate(slow):
        s.sendall(first[:i * len(first) // 40])
    for _ in range(10):
        secure.api.call("healthz")
    end = time.monotonic() + PATIENCE
    for i, s in enumerate(slow):
        s.settimeout(0.01)
        while time.monotonic() < end:
            try:
                s.sendall(first[i * len(first) // 40:][:1] if i % 2 else b"")
                if s.recv(4096) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            raise AssertionError("a slow handshake was never cut off")
        s.close()
    secure.api.call("healthz")


# -- certificates that change --

@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_another_certificate(make_secure, tmp_path, kind):
    """New connections get it; one that was open goes on, also in the middle of a request."""
    secure = make_secure()
    api, old = secure.api, secure.shown()
    dataset = Dataset(api, "d")
    kept = requests.Session()
    kept.verify = str(secure.certificate)
    with connect(secure.base, context=secure.context) as s, s.makefile("rb") as stream:
        s.sendall(f"POST {dataset.path}/seeds/import HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n"
                  "Content-Type: application/octet-stream\r\n\r\nA dog sleeps.\n".encode())
        certificate, key = make_pair(tmp_path, "next", "another", kind)
        secure.replace(certificate, key)
        assert secure.shown() == old  # not before it is told
        secure.hang_up("certificate_loaded")
        assert secure.shown() == certificate.read_text() != old
        s.sendall(b"A cat sleeps.\n")
        answer = read_answer(stream)
        assert answer.status == 200 and json.loads(answer.body)["new"] == 2
    secure.api.call("healthz")
    assert secure.check().returncode == 0


def test_a_chain(make_secure, tmp_path):
    """All of it is sent: the client knows the root alone."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    secure = make_secure()
    root, root_key = make_pair(tmp_path, "root", "root")
    openssl("req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr")
    (tmp_path / "ext").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", root, "-CAkey", root_key, "-CAcreateserial", "-days", "30",
            "-extfile", "ext", "-out", "leaf.pem")
    chain = tmp_path / "chain.pem"
    chain.write_text((tmp_path / "leaf.pem").read_text() + root.read_text())
    secure.replace(chain, tmp_path / "leaf.key")
    secure.hang_up("certificate_loaded")
    with connect(secure.base, context=trusting(root)) as s:
        s.sendall(GET)
        assert rest(s).startswith(b"HTTP/1.1 200")
    # The other way round it is no chain.
    chain.write_text(root.read_text() + (tmp_path / "leaf.pem").read_text())
    secure.replace(chain, root_key)
    secure.hang_up("certificate_kept")


def test_a_bad_pair_keeps_the_old_one(make_secure, tmp_path):
    secure = make_secure()
    old, key = secure.shown(), secure.key.read_bytes()
    other, other_key = make_pair(tmp_path, "other")
    for certificate, private, why in ((other.read_bytes(), key, "is not the key of the certificate"),
                                      (secure.certificate.read_bytes(), b"", "is no private key"),
                                      (b"nonsense", key, "is no chain of PEM certificates"),
                                      (None, key, "cannot read")):
        if certificate is None:
            secure.certificate.unlink()
        else:
            secure.certificate.write_bytes(certificate)
        secure.key.write_bytes(private)
        secure.hang_up("certificate_kept")
        assert why in json.loads(secure.server.log().splitlines()[-1])["detail"]
        assert secure.shown() == old
    secure.replace(other, other_key)
    secure.hang_up("certificate_loaded")
    assert secure.shown() == other.read_text()


def test_changes_under_load(make_secure, tmp_path):
    """Handshakes while the pair changes all get one or the other, whole."""
    secure = make_secure()
    first = (secure.folder / "first.pem", secure.folder / "first.key")
    shutil.copy(secure.certificate, first[0])
    shutil.copy(secure.key, first[1])
    other = make_pair(tmp_path, "other")
    context = trusting(first[0], other[0])
    for i in range(60):
        if i % 6 == 0:
            secure.replace(*(other if i % 12 == 0 else first))
            secure.hang_up("certificate_loaded")
            secure.server.process.send_signal(signal.SIGHUP)
        with connect(secure.base, context=context) as s:
            s.sendall(GET)
            assert rest(s).startswith(b"HTTP/1.1 200")


# -- settings --

@pytest.mark.parametrize("certificate, key, why", [
    ("server.pem", None, "tls_key: must be set too"), (None, "server.key", "tls_certificate: must be set too"),
    ("absent.pem", "server.key", "tls_certificate: cannot read"), ("server.pem", "absent.key", "tls_key: cannot read"),
    ("server.key", "server.key", "tls_certificate: "), ("server.pem", "server.pem", "tls_key: "),
    ("other.pem", "server.key", "is not the key of the certificate"),
    ("server.pem", "locked.key", "without a password")])
def test_pairs_that_are_none(database, tmp_path, certificate, key, why):
    make_pair(tmp_path)
    make_pair(tmp_path, "other")
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "server.key", "-aes256", "-passout", "pass:secret",
                    "-out", tmp_path / "locked.key"], check=True)
    given = {"MONOCEROS_TLS_CERTIFICATE": certificate, "MONOCEROS_TLS_KEY": key}
    done = run("serve", MONOCEROS_DATABASE_URL=database.url, MONOCEROS_LISTEN="127.0.0.1:0",
               **{name: tmp_path / file for name, file in given.items() if file})
    assert done.returncode == 1 and why in done.stderr.decode()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_may_not_be_read(database, tmp_path):
    certificate, key = make_pair(tmp_path)
    key.chmod(0)
    done = run("serve", MONOCEROS_DATABASE_URL=database.url, MONOCEROS_LISTEN="127.0.0.1:0",
               MONOCEROS_TLS_CERTIFICATE=certificate, MONOCEROS_TLS_KEY=key)
    assert done.returncode == 1 and b"tls_key: cannot read" in done.stderr


def test_with_a_listener_for_health(make_secure):
    """That one is plain, and the healthcheck asks there."""
    admin = f"127.0.0.1:{free_port()}"
    secure = make_secure(MONOCEROS_ADMIN_LISTEN=admin)
    answer = requests.get(f"http://{admin}/readyz", timeout=PATIENCE)
    assert answer.status_code == 200 and "Strict-Transport-Security" not in answer.headers
    assert requests.get(f"{secure.base}/readyz", verify=secure.certificate, timeout=PATIENCE).status_code == 404


def test_the_healthcheck_and_what_is_no_server_of_ours(secure):
    assert secure.check().returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = run("healthcheck", **{**secure.server.settings, "MONOCEROS_LISTEN": f"127.0.0.1:{port}"})
    assert done.returncode == 1 and b"does not answer" in done.stderr
