"""Connections that are kept, filled ahead of the answers, or many; and 100-continue."""
import http.client
import json
import socket
import urllib.parse

import pytest

from support.wire import connect, exchange, read_answer, read_answers, rest


def open_client(api):
    host = urllib.parse.urlsplit(api.base)
    return http.client.HTTPConnection(host.hostname, host.port, timeout=60)


def test_keep_alive(api, dataset):
    connection = open_client(api)
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
    paths = [dataset.path, "/healthz", "/v1/nothing", dataset.path + "/seeds"] * 5
    data = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
    answers = read_answers(exchange(api.base, data))
    assert [a.status for a in answers] == [200, 200, 404, 200] * 5
    assert [json.loads(a.body)["instance"] for a in answers if a.status == 404] == ["/v1/nothing"] * 5


def test_pipelined_bodies(api, dataset):
    """With lengths and in chunks, of which one segment has several and another the end of one."""
    lines = []
    for i in range(20):
        body = json.dumps({"seeds": [{"text": f"Seed {i} of a pipeline."}]}).encode()
        head = (f"POST {dataset.path}/seeds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + ("Transfer-Encoding: chunked" if i % 2 else f"Content-Length: {len(body)}") + "\r\n\r\n")
        if i % 2:
            body = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (9, body[:9], len(body) - 9, body[9:])
        lines.append(head.encode() + body)
    data = b"".join(lines)
    with connect(api.base) as s:
        for i in range(0, len(data), 700):
            s.sendall(data[i:i + 700])
        s.shutdown(socket.SHUT_WR)
        answers = read_answers(rest(s))
    assert [(a.status, json.loads(a.body)["new"]) for a in answers] == [(200, 1)] * 20


def test_many_connections_at_once(api):
    open_ones = [connect(api.base) for _ in range(200)]
    for s in open_ones:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for s in open_ones:
        answer, = read_answers(rest(s))
        assert answer.status == 200
        s.close()


# -- 100-continue --

def expecting(method, path, length, kind="application/json", version="1.1"):
    return (f"{method} {path} HTTP/{version}\r\nHost: x\r\nContent-Type: {kind}\r\nExpect: 100-continue\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


@pytest.mark.parametrize("path, kind", [("", "application/json"),
                                        ("/seeds/import", "application/octet-stream")])
def test_the_body_is_asked_for(api, dataset, path, kind):
    body = b"{}" if not path else b"A dog sleeps.\n"
    with connect(api.base) as s, s.makefile("rb") as stream:
        s.sendall(expecting("POST" if path else "PUT", dataset.path + path, len(body), kind))
        assert read_answer(stream).status == 100
        s.sendall(body)
        assert read_answer(stream).status == 200
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(stream).status == 200


@pytest.mark.parametrize("method, path, length, kind, status", [
    ("PUT", "/v1/datasets/{}", 100, "text/plain", 415),
    ("PUT", "/v1/datasets/{}", 100_000_000, "application/json", 413),
    ("POST", "/v1/nothing", 100, "application/json", 404),
    ("PATCH", "/v1/datasets/{}", 100, "application/json", 405),
    ("POST", "/v1/datasets/{}/seeds?x=y", 100, "application/json", 400),
    ("POST", "/v1/datasets/{}/seeds/import", 100, "application/json", 415)])
def test_the_body_is_refused_before_it_is_sent(api, dataset, method, path, length, kind, status):
    """The final answer comes at once, without 100; what would be the body is never read as a request."""
    with connect(api.base) as s, s.makefile("rb") as stream:
        s.sendall(expecting(method, path.format(dataset.name), length, kind))
        answer = read_answer(stream)
        assert answer.status == status and answer.headers["Connection"] == "close"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert stream.read() == b""


def test_a_body_that_does_not_wait(api, dataset):
    """RFC 9110: a client may send the body unasked, and then hears 100 or not."""
    with connect(api.base) as s, s.makefile("rb") as stream:
        s.sendall(expecting("PUT", dataset.path, 2) + b"{}")
        answer = read_answer(stream)
        if answer.status == 100:
            answer = read_answer(stream)
        assert answer.status == 200


def test_an_expectation_of_1_0_is_ignored(api, dataset):
    """A client of HTTP/1.0 knows no interim answers."""
    received = exchange(api.base, expecting("PUT", dataset.path, 2, version="1.0") + b"{}")
    answer, = read_answers(received)
    assert answer.status == 200
