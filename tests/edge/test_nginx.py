"""The service behind the real nginx, by the configuration of examples/nginx: the probes again, of which
nothing may reach the service in a form that it reads differently, and what must pass unharmed."""
import io
import json
import re
import socket
import threading

import pytest
import requests

from conftest import unique_name
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset
from support.exports import Export
from support.nginx import PROGRAM, Nginx
from support.seeds import generate
from support.server import Server
from support.wait import PATIENCE, until
from support.wire import connect, exchange, read_answer, read_answers, rest
from test_probes import ANSWERED, LAX, PROBES, chunks, get, second

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed (Debian: nginx-light)")

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
# What nginx puts right, or leaves out, and passes on as a plain request.
MENDED = {"bare-lf", "bare-lf-behind-request-line", "bare-lf-behind-header", "bare-lf-at-end", "no-colon",
          "two-spaces", "chunk-before-space", "expectation", "two-expectations", "host-with-two-ports",
          "host-with-word-for-port", "host-with-large-port", "host-behind-bracket", "bare-lf-behind-size",
          "bare-lf-behind-chunk", "bare-lf-behind-trailer"}
# What it passes on as it is, a request whose end is certain, to be refused by us.
PASSED = {"host-with-user", "host-with-open-bracket", "host-with-bracket-inside", "path-with-0x80"}
# What it refuses though we would not.
STRICTER = {"path-with-%00", "path-with-%00-inside", "connect", "bare-cr-in-extension"}
ALL = {**PROBES, **{name: (chunks(body), ANSWERED, 200, None) for name, body in LAX.items()}}


@pytest.fixture(scope="module")
def behind(cluster):
    """A service that nobody but nginx talks to, unless a test does."""
    made = Server(Database(cluster))
    try:
        made.migrate()
        made.start()
        yield made
        made.stop()
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def nginx(behind):
    made = Nginx(f"127.0.0.1:{behind.port}")
    try:
        made.check()
        yield made.start()
        assert "[alert]" not in made.errors() and "[emerg]" not in made.errors()
    finally:
        made.stop()


@pytest.fixture
def api(nginx):
    made = Api(nginx.base)
    made.session.verify = str(nginx.certificate)
    return made


@pytest.mark.parametrize("name", ALL)
def test_probe(behind, nginx, name):
    """Well-formed answers only, none by libmicrohttpd, and as many as the service was asked."""
    data, fate, _, _ = ALL[name]
    direct = Api(behind.base)
    more, served = second(direct)
    received = exchange(nginx.base, data + more, half_close=False, context=nginx.context)
    if name == "version-missing":  # to HTTP/0.9 an answer has no head
        assert json.loads(received)["status"] == 400 and not served()
        return
    answers = read_answers(received)
    assert b"<html" not in received
    if name in MENDED | PASSED or (fate == ANSWERED and name not in STRICTER):
        assert [a.status for a in answers][1:] == [200] and served()
        assert (answers[0].status == 400) is (name in PASSED)
    else:
        refused, = answers
        assert refused.status in (400, 501, 505) and not served()
        assert json.loads(refused.body)["status"] == refused.status
        assert refused.headers["Connection"] == "close"
    for answer in answers:
        assert answer.status < 400 or answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Strict-Transport-Security"]


def test_both_count_the_same_requests(behind, nginx):
    """After all the probes: what nginx has passed on is what the service was asked, one by one."""
    def paths(lines):
        return sorted(path for path in lines if path and not path.startswith("/v1/datasets/smuggled-"))

    def passed_on():
        text = (nginx.home / "access.log").read_text()
        return paths(m.group(1) for m in re.finditer(r'"\w+ (\S+)" \d+ \d+ \S+ "\d+"', text)
                     if m.group(1).startswith("/v1/"))

    def asked():
        lines = map(json.loads, behind.log().decode().splitlines())
        return paths(line.get("path", "") for line in lines if line["event"] == "request")

    exchange(nginx.base, get(b"Connection: close\r\n", b"GET /v1/last HTTP/1.1\r\n"), False, nginx.context)
    until(lambda: "/v1/last" in asked() and "/v1/last" in passed_on(), "both to have logged")
    assert passed_on() == [path for path in asked() if path.startswith("/v1/")]


# -- what must pass --

def test_everything_at_work(api):
    dataset = Dataset(api, unique_name("behind-nginx"))
    dataset.load(generate(30))
    run = dataset.run(["captions", "representations"])
    assert len(dataset.captions()) == 30
    whole = api.get(f"{dataset.path}/representations.npy", params={"run": run["id"]}, expect=200).content
    assert whole.startswith(b"\x93NUMPY")
    assert api.call("get_run", run=run["id"], params={"wait": "1s"}).headers["Strict-Transport-Security"]


def test_files_go_through_as_they_are(behind, nginx, api):
    """Whole and in part, not collected, not coded, and with the tag as it was."""
    dataset = Dataset(api, unique_name("files-behind"))
    data = b'{"id": "a dog"}\n' * 2**20
    path = Export(behind.database, dataset.name, {"pretrain.jsonl": data}).path("pretrain.jsonl")
    whole = api.request("GET", path, headers={"Accept-Encoding": "gzip"}, expect=200)
    tag = whole.headers["ETag"]
    assert whole.content == data and "Content-Encoding" not in whole.headers and tag.startswith('"')
    assert whole.headers["Content-Length"] == str(len(data)) and whole.headers["Accept-Ranges"] == "bytes"
    head = api.request("HEAD", path, expect=200)
    for header in ("ETag", "Content-Length", "Last-Modified", "Repr-Digest", "Content-Disposition", "Accept-Ranges"):
        assert head.headers[header] == whole.headers[header]
    part = api.request("GET", path, headers={"Range": "bytes=1000000-", "If-Range": tag}, expect=206)
    assert part.content == data[1000000:] and part.headers["Content-Range"].startswith("bytes 1000000-")
    api.request("GET", path, headers={"Range": f"bytes={len(data)}-"}, expect=416)
    api.request("GET", path, headers={"If-None-Match": tag}, expect=304)
    assert "temporary file" not in nginx.errors()


def test_a_trace_goes_through(api):
    answer = api.request("GET", "/v1/datasets", headers={"traceparent": TRACE}, expect=200)
    assert answer.headers["X-Request-Id"] == TRACE.split("-")[1]
    assert answer.headers["traceparent"].startswith(TRACE[:35])


def test_what_is_for_the_operator(api):
    for path in ("/metrics", "/readyz", "/v1/../metrics", "/./readyz"):
        answer = requests.request("GET", api.base + path, verify=api.session.verify, timeout=PATIENCE)
        assert answer.status_code == 404 and answer.json()["title"] == "Not found"


def test_large_json(api):
    dataset = Dataset(api, unique_name("large-json"))
    texts = [f"{text} " + "and more of it " * 200 for text in generate(1000)]
    assert dataset.add(texts)["new"] == 1000
    answer = requests.post(f"{api.base}{dataset.path}/seeds", data=b"x" * (8 * 2**20 + 1), timeout=PATIENCE,
                           headers={"Content-Type": "application/json"}, verify=api.session.verify)
    assert answer.status_code == 413 and answer.json()["type"] == "/problems/payload-too-large"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_uploads_are_not_collected(nginx, behind, api):
    """What came before a break has arrived, and is kept."""
    dataset = Dataset(api, unique_name("not-collected"))
    head = (f"POST {dataset.path}/seeds/import HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: application/octet-stream\r\n\r\n").encode()
    lines = b"".join(f"{text}\n".encode() for text in generate(5000))
    with connect(nginx.base, context=nginx.context) as s:
        s.sendall(head + b"%x\r\n" % len(lines) + lines + b"\r\n")
        until(lambda: behind.database.value(
            f"SELECT count(*) AS n FROM seeds s JOIN datasets d ON s.shard_id / 65536 = d.number"
            f" WHERE d.name = '{dataset.name}'") > 0, "the first of them to be stored")
    until(lambda: len(dataset.seeds()) >= 4000, "the rest of what was sent")


def test_an_upload_larger_than_any_json(nginx, api):
    dataset = Dataset(api, unique_name("larger"))
    answer = api.request("POST", dataset.path + "/seeds/import", data=b"A dog sleeps.\n" * 700_000, expect=200)
    assert answer.json()["duplicate"] == 699_999


def test_100_continue(nginx, api):
    dataset = Dataset(api, unique_name("continued"))
    with connect(nginx.base, context=nginx.context) as s, s.makefile("rb") as stream:
        s.sendall(f"PUT {dataset.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode())
        assert read_answer(stream).status == 100
        s.sendall(b"{}")
        assert read_answer(stream).status == 200


# -- what the service gets to see, and what it may do --

class Upstream:
    """Answers one request with the given pieces, each when it is told to; keeps what was asked."""

    def __init__(self, *pieces):
        self.pieces, self.asked, self.go = pieces, b"", threading.Semaphore(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        probe, _ = self.listener.accept()  # nginx's start is waited for by a request
        with probe:
            probe.recv(65536)
            probe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        try:
            s, _ = self.listener.accept()
        except OSError:  # the test has ended without a request
            return
        with s:
            while b"\r\n\r\n" not in self.asked:
                self.asked += s.recv(65536)
            for piece in self.pieces:
                self.go.acquire(timeout=PATIENCE)
                s.sendall(piece)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        except OSError:
            pass  # closed already
        self.listener.close()


@pytest.fixture
def through():
    """An nginx in front of an Upstream: through(pieces…) gives both."""
    made = []

    def make(*pieces, **timeouts):
        upstream = Upstream(*pieces)
        nginx = Nginx(upstream.address, **timeouts)
        made.extend([nginx.stop, upstream.close])
        return upstream, nginx.start()

    yield make
    for end in made:
        end()


def test_headers_of_the_proxy(through):
    upstream, nginx = through(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    upstream.go.release()
    answer, = read_answers(exchange(nginx.base, (
        "GET /v1/a%2Fb//c?d=%00 HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n"
        f"X-Real-IP: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nAuthorization: Bearer k\r\ntraceparent: {TRACE}\r\n"
        "X_Under_Score: 1\r\nConnection: close, X-Hop\r\n\r\n").encode(), context=nginx.context, half_close=False))
    assert answer.status == 200 and answer.body == b"ok"
    line, *fields = upstream.asked.decode().split("\r\n\r\n")[0].split("\r\n")
    assert line == "GET /v1/a%2Fb//c?d=%00 HTTP/1.1"
    assert sorted(fields) == sorted(["Host: localhost", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost",
                                     "X-Forwarded-Proto: https", "Authorization: Bearer k", f"traceparent: {TRACE}"])


def test_events_pass_one_by_one(through):
    """Each before the next is there; a proxy that collects would show none."""
    upstream, nginx = through(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
                              b"data: 1\n\n", b"data: 2\n\n")
    with connect(nginx.base, context=nginx.context) as s, s.makefile("rb") as stream:
        s.sendall(b"GET /v1/runs/r/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        upstream.go.release()
        upstream.go.release()
        head = b"".join(iter(stream.readline, b"\r\n"))
        assert b"text/event-stream" in head
        assert stream.readline() == b"9\r\n" and stream.readline() == b"data: 1\n"
        upstream.go.release()
        assert b"data: 2\n" in stream.read()


def test_no_service(through):
    upstream, nginx = through()
    upstream.close()
    answer, = read_answers(exchange(nginx.base, get(b"Connection: close\r\n", b"GET /v1/x HTTP/1.1\r\n"),
                                    context=nginx.context, half_close=False))
    assert answer.status in (502, 504) and json.loads(answer.body)["status"] == answer.status
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.headers["Retry-After"]


@pytest.mark.parametrize("data", [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
                                  b"POST /v1/prompts HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"])
def test_slow_clients_wait_in_the_proxy(through, data):
    """They are cut off there; the service never hears of them."""
    upstream, nginx = through(client_header_timeout=1, client_body_timeout=1)
    with connect(nginx.base, context=nginx.context) as s:
        s.sendall(data)
        answers = read_answers(rest(s))
    assert [a.status for a in answers] in ([], [408]) and upstream.asked == b""


def test_plain_http_to_the_port(nginx):
    answer, = read_answers(exchange(nginx.base, get()))
    assert answer.status == 400 and answer.headers["Content-Type"] == "application/problem+json"


def test_too_long_and_too_much(nginx):
    for data, status in ((get(line=b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n"), 414),
                         (get(b"X-A: " + b"x" * 20000 + b"\r\n"), 400)):
        answer = read_answer(io.BytesIO(exchange(nginx.base, data, False, nginx.context)))
        assert answer.status == status and json.loads(answer.body)["status"] == status
