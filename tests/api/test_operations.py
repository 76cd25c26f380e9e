"""Health, metrics, the document, logs, tracing, and the connection itself."""
import http.client
import json
import re
import socket
import urllib.parse

import pytest

from support.client import CONTRACT, Api
from support.contract import load
from support.seeds import generate
from support.wait import PATIENCE, until

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_health(api):
    assert api.call("healthz").json() == {"status": "ok"}
    assert api.call("readyz").json()["status"]


def test_document_is_the_yaml(api):
    assert api.call("openapi").json() == json.loads(json.dumps(load(), default=str))


# -- metrics --

SAMPLE = re.compile(r"^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+=\"(?:[^\"\\]|\\.)*\",?)*)\})? (\S+)$")


def read_metrics(api):
    """The exposition as {name{labels}: value}; every line must make sense."""
    answer = api.call("metrics")
    assert "version=0.0.4" in answer.headers["Content-Type"]
    samples, types, helps = {}, {}, set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ")[2])
        elif line:
            match = SAMPLE.match(line)
            assert match, line
            name = match.group(1)
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types.get(family) == "histogram", line
            assert name.startswith(("monoceros_", "process_")), line
            key = name + "{" + (match.group(2) or "") + "}"
            assert key not in samples, line
            samples[key] = float(match.group(3))
            if types.get(name) == "counter":
                assert name.endswith("_total"), line
    assert answer.text.endswith("\n") and set(types) <= helps
    return samples


def test_metrics_parse_and_count(api, dataset):
    before = read_metrics(api)
    dataset.add(generate(5))
    dataset.run(["captions"])
    after = read_metrics(api)
    grown = {key for key in after if after[key] > before.get(key, 0)}
    assert any("create_seeds" in key and "2xx" in key for key in grown)
    assert any('outcome="new"' in key for key in grown)
    assert any('stage="captions"' in key and 'outcome="done"' in key for key in grown)
    assert any(key.startswith("process_resident_memory_bytes") for key in after)
    assert any("build_info" in key for key in after)


def test_histograms_are_cumulative(api):
    samples = read_metrics(api)
    buckets = {}
    for key, value in samples.items():
        match = re.match(r'^(\w+)_bucket\{(.*?),?le="([^"]+)"\}$', key)
        if match:
            buckets.setdefault((match.group(1), match.group(2).strip(",")), []).append(
                (float(match.group(3)), value))
    assert buckets
    for (name, labels), steps in buckets.items():
        values = [value for _, value in sorted(steps)]
        assert values == sorted(values) and max(steps)[0] == float("inf")
        assert values[-1] == samples[f"{name}_count{{{labels}}}"]


# -- tracing and logs --

def log_lines(server):
    return [json.loads(line) for line in server.log().decode().splitlines() if line.startswith("{")]


def test_a_traceparent_is_honoured(api, server, dataset):
    given = f"00-{TRACE}-b7ad6b7169203331-01"
    answer = api.request("GET", dataset.path, headers={"traceparent": given}, expect=200)
    assert answer.headers["X-Request-Id"] == TRACE
    back = answer.headers["traceparent"]
    assert back.startswith(f"00-{TRACE}-") and back.endswith("-01") and back != given
    problem = api.request("GET", "/v1/nothing", headers={"traceparent": given}, expect=404)
    assert problem.json()["request_id"] == TRACE
    lines = until(lambda: [line for line in log_lines(server) if line.get("request_id") == TRACE],
                  "the request's line in the log")
    assert any(line.get("path") == dataset.path and line.get("status") == 200 for line in lines)


@pytest.mark.parametrize("bad", ["", "00", f"00-{TRACE}-b7ad6b7169203331", f"ff-{TRACE}-b7ad6b7169203331-01",
                                 f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01",
                                 f"00-{TRACE.upper()}-b7ad6b7169203331-01", "x" * 500])
def test_a_bad_traceparent_is_replaced(api, bad):
    answer = api.request("GET", "/healthz", headers={"traceparent": bad}, expect=200)
    assert answer.headers["X-Request-Id"] != TRACE


def test_request_ids_differ(api):
    ids = {api.call("healthz").headers["X-Request-Id"] for _ in range(50)}
    assert len(ids) == 50


def test_the_log_is_json_lines(api, server, dataset):
    dataset.add(generate(3))
    run = dataset.run()
    api.raw("GET", "/v1/datasets/%22%0a%7b", expect=400)
    api.request("GET", "/v1/datasets/\u202enothing\u2028", expect=(400, 404))

    def told():
        return {line.get("run") for line in log_lines(server)} >= {run["id"]}

    until(told, "the run's lines in the log")
    lines = server.log().decode().splitlines()
    assert len(lines) > 10
    for line in lines:
        entry = json.loads(line)
        assert {"time", "level", "event"} <= set(entry)
        assert entry["level"] in ("debug", "info", "warn", "error")
        assert not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\u202e" for c in line)


def test_secrets_are_not_logged(new_server, model_server):
    key = "sk-secret-of-this-test"
    server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m",
                        MONOCEROS_LLM_API_KEY=key, MONOCEROS_LOG_LEVEL="debug")
    api = Api(server.base)
    model_server.control(faults=[{"kind": "unauthorized", "echo": key}])
    api.call("put_dataset", dataset="d", json={})
    api.call("create_seeds", dataset="d", json={"seeds": [{"text": t} for t in generate(5)]})
    run = api.call("create_run", dataset="d", json={"stages": ["captions"]}).json()["id"]
    answer = api.call("get_run", run=run, params={"wait": "60s"})
    assert answer.json()["state"] == "paused" and answer.json()["reason"] == "provider"
    assert "401" in answer.json()["reason_detail"]
    assert key not in answer.text
    assert key.encode() not in server.log()


# -- the connection --

def test_keep_alive(api, dataset):
    host = urllib.parse.urlsplit(api.base)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=60)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    used = connection.sock
    requests = [("GET", dataset.path, None), ("GET", "/v1/nothing", None), ("PATCH", "/healthz", None),
                ("POST", dataset.path + "/seeds", b"{"), ("POST", dataset.path + "/seeds", b"[]"),
                ("PUT", dataset.path, b"{}"), ("HEAD", "/metrics", None), ("OPTIONS", dataset.path, None)]
    for method, path, body in requests:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Connection", "").lower() != "close", (method, path)
        assert connection.sock is used
    connection.close()


def test_pipelined_requests_are_answered_in_order(api, dataset):
    host = urllib.parse.urlsplit(api.base)
    with socket.create_connection((host.hostname, host.port), timeout=60) as s:
        paths = [dataset.path, "/healthz", "/v1/nothing", dataset.path + "/seeds"] * 5
        s.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
        stream, statuses = s.makefile("rb"), []
        for path in paths:
            status, body = read_answer(stream)
            statuses.append(status)
            if status == 404:
                assert json.loads(body)["instance"] == path
        assert statuses == [200, 200, 404, 200] * 5


def read_answer(stream):
    """One answer off a stream with several of them."""
    status = int(stream.readline().split()[1])
    headers = http.client.parse_headers(stream)
    return status, stream.read(int(headers["Content-Length"]))


def test_many_connections_at_once(api):
    host = urllib.parse.urlsplit(api.base)
    open_ones = [socket.create_connection((host.hostname, host.port), timeout=60) for _ in range(200)]
    for s in open_ones:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for s in open_ones:
        answer = http.client.HTTPResponse(s)
        answer.begin()
        assert answer.status == 200
        answer.read()
        s.close()


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/datasets", "/v1/datasets/", "/healthz/", "//",
                                  "/v1/datasets/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", "/metrics/x",
                                  "/v1/datasets//seeds"])
def test_paths_that_are_none(api, path):
    assert api.raw("GET", path, expect=404).problem == "not-found"


@pytest.mark.parametrize("path", ["/v1/../healthz", "/./healthz", "/%2e/healthz", "/healthz%00",
                                  "/v1/datasets/%c0%af", "/healthz%"])
def test_paths_that_cannot_be(api, path):
    assert api.raw("GET", path, expect=400).problem == "malformed-request"


def test_a_very_long_uri(api):
    answer = api.raw("GET", "/v1/datasets?page_token=" + "x" * 9000, expect=(414, 400, 431))
    if answer.status == 414:
        assert answer.problem == "uri-too-long"
    api.raw("GET", "/" + "x" * 9000, expect=(414, 431))


def exchange(api, data):
    """Sends bytes and reads what comes until the connection ends."""
    host = urllib.parse.urlsplit(api.base)
    with socket.create_connection((host.hostname, host.port), timeout=60) as s:
        received = b""
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough; what it said is read all the same
        while True:
            try:
                part = s.recv(65536)
            except OSError:
                return received
            if not part:
                return received
            received += part


SMUGGLING = [
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"PUT /v1/datasets/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /v1/datasets/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Content-Length: 3\r\n\r\n{}",
    b"PUT /v1/datasets/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: -1\r\n\r\n",
    b"PUT /v1/datasets/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: gzip\r\n\r\n{}",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n",
    b"BR3W /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("data", SMUGGLING, ids=range(len(SMUGGLING)))
def test_requests_that_others_might_read_differently(api, data):
    answer = exchange(api, data + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 501"))
    assert answer.count(b"HTTP/1.1 ") <= 1 or b"smuggled" not in answer
    api.call("get_dataset", dataset="x", expect=404)


def test_every_public_path_is_described(api):
    """Paths that answer without being in the document would be a surprise."""
    for path in ("/v1/key", "/v1/encoder", "/v1/runs", "/docs",
                 "/favicon.ico", "/debug", "/openapi.yaml"):
        assert not CONTRACT.on_path(path)
        api.raw("GET", path, expect=404)


# -- clients that are slow, silent or greedy --

def connect(api):
    host = urllib.parse.urlsplit(api.base)
    return socket.create_connection((host.hostname, host.port), timeout=60)


def test_clients_that_never_finish_their_headers(api):
    """They are cut off in the end, and meanwhile everybody else is served."""
    silent = [connect(api) for _ in range(40)]
    for i, s in enumerate(silent):
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "[:10 + i])
    for _ in range(20):
        api.call("healthz")
    for s in silent:
        s.settimeout(PATIENCE)
        received = s.recv(65536)  # nothing, or what is wrong with the request
        assert received == b"" or received.startswith(b"HTTP/1.1 4")
        s.close()


def test_clients_that_never_finish_their_body(api, dataset):
    slow = [connect(api) for _ in range(20)]
    for s in slow:
        s.sendall(f"POST {dataset.path}/seeds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Content-Length: 1000\r\n\r\n{".encode())
    assert dataset.add(generate(10))["new"] == 10
    for s in slow:
        s.close()
    api.call("healthz")
    assert len(dataset.seeds()) == 10


def test_clients_that_never_read_their_answer(api, server, dataset):
    """Answers that nobody takes are bounded by the connections, not by the requests."""
    dataset.add(generate(1000))
    greedy = [connect(api) for _ in range(30)]
    before = server.resident_bytes()
    for s in greedy:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(f"GET {dataset.path}/seeds?page_size=1000 HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
    for _ in range(20):
        api.call("healthz")
    assert server.resident_bytes() - before < 128 * 2**20
    for s in greedy:
        s.close()
    api.call("get_dataset", dataset=dataset.name)


@pytest.mark.parametrize("n, size", [(101, 10), (2000, 10), (1, 400_000)])
def test_too_many_headers(api, n, size):
    head = b"".join(b"X-%d: %s\r\n" % (i, b"x" * size) for i in range(n))
    answer = exchange(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 413"))
    api.call("healthz")
