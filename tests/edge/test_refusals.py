"""Whoever has no sufficient key is refused from the headers: nothing of a body is kept for them."""
import json

import pytest

from support import keys
from support.client import Api
from support.server import sanitized
from support.wire import connect, exchange, read_answer, read_answers

LENGTH = 8 * 2**20
SEEDS = "/v1/datasets/guarded/seeds"


class Guarded:
    def __init__(self, server):
        self.server, self.base = server, server.base
        self.admin = keys.create(server, "admin")
        self.api = Api(server.base, self.admin)
        self.api.call("put_dataset", dataset="guarded", json={})


@pytest.fixture(scope="module")
def guarded(guarded_server):
    return Guarded(guarded_server)


def head(path, key, *lines, kind="application/json"):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}",
                        *([f"Authorization: Bearer {key}"] if key else []), *lines, "", ""]).encode()


def key_of(guarded, who):
    """`seen` keys are in the server's cache, others have to be asked for."""
    if who == "nobody":
        return None
    if who == "nonsense":
        return "nonsense"
    if who == "unknown":
        return keys.forged()
    key = keys.create(guarded.server, "read")
    if who == "reader-seen":
        Api(guarded.base, key).call("list_datasets")
    return key


WHO = {"nobody": 401, "nonsense": 401, "unknown": 401, "reader": 403, "reader-seen": 403}


@pytest.mark.parametrize("length", ["length", "chunks"])
@pytest.mark.parametrize("who", WHO)
def test_nothing_is_kept(guarded, who, length):
    """Thirty at a time with nearly all of the largest body, and never its end."""
    key, n = key_of(guarded, who), 30
    before = guarded.server.resident_bytes("VmHWM")
    body = b"[" * (LENGTH - 100_000)
    lines = [f"Content-Length: {LENGTH}"] if length == "length" else ["Transfer-Encoding: chunked"]
    data = head(SEEDS, key, *lines) + (b"%x\r\n" % LENGTH if length == "chunks" else b"") + body
    clients = [connect(guarded.base) for _ in range(n)]
    for s in clients:
        try:
            s.sendall(data)
        except ConnectionError:
            pass  # it was told to stop
    for s in clients:
        with s, s.makefile("rb") as stream:
            answer = read_answer(stream)
            assert answer.status == WHO[who]
            assert answer.headers["Connection"] == "close"
    grown = guarded.server.resident_bytes("VmHWM") - before
    assert grown < (512 if sanitized() else 32) * 2**20, f"{grown} bytes for {n} bodies"


@pytest.mark.parametrize("who", WHO)
def test_an_answer_before_the_body(guarded, who):
    """Of a long one not a byte is waited for."""
    with connect(guarded.base) as s, s.makefile("rb") as stream:
        s.sendall(head(SEEDS, key_of(guarded, who), f"Content-Length: {LENGTH}")
                  + (b"{" if who in ("unknown", "reader") else b""))
        if who in ("unknown", "reader"):
            s.sendall(b" " * 2**21)  # whose key it is was not known when the headers ended
        assert read_answer(stream).status == WHO[who]


@pytest.mark.parametrize("path, kind", [(SEEDS, "application/json"),
                                        (SEEDS + "/import", "application/octet-stream")])
@pytest.mark.parametrize("who", WHO)
def test_100_continue(guarded, who, path, kind):
    """Where the headers are enough, the body is not asked for."""
    with connect(guarded.base) as s, s.makefile("rb") as stream:
        s.sendall(head(path, key_of(guarded, who), "Content-Length: 2", "Expect: 100-continue", kind=kind))
        answer = read_answer(stream)
        if who in ("unknown", "reader") and answer.status == 100:
            s.sendall(b"{}")
            answer = read_answer(stream)
        assert answer.status == WHO[who]


@pytest.mark.parametrize("who", WHO)
def test_a_short_body_costs_no_connection(guarded, who):
    key = key_of(guarded, who)
    data = (head(SEEDS, key, "Content-Length: 2") + b"{}"
            + head(SEEDS, key, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n")
    # The server ends it: whoever closes their side before their key is known may hear nothing.
    last = head(SEEDS, key, "Content-Length: 2", "Connection: close") + b"{}"
    answers = read_answers(exchange(guarded.base, data * 5 + last, half_close=False))
    assert [a.status for a in answers] == [WHO[who]] * 11


@pytest.mark.parametrize("length", ["length", "chunks"])
@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("step", [1000, 2**20])
def test_a_good_key_and_a_body_in_pieces(guarded, length, seen, step):
    """The body waits until it is known whose the key is, and loses nothing."""
    key = keys.create(guarded.server, "write,read")
    if seen:
        Api(guarded.base, key).call("list_datasets")
    texts = [f"{length} {seen} {step}: seed {i} of a body that comes in pieces." for i in range(400)]
    body = json.dumps({"seeds": [{"text": text} for text in texts]}).encode()
    if length == "chunks":
        data = head(SEEDS, key, "Transfer-Encoding: chunked") + b"".join(
            b"%x\r\n%s\r\n" % (len(body[i:i + 777]), body[i:i + 777]) for i in range(0, len(body), 777)) \
            + b"0\r\n\r\n"
    else:
        data = head(SEEDS, key, f"Content-Length: {len(body)}") + body
    with connect(guarded.base) as s, s.makefile("rb") as stream:
        for i in range(0, len(data), step):
            s.sendall(data[i:i + step])
        answer = read_answer(stream)
    assert answer.status == 200 and json.loads(answer.body)["new"] == len(texts)


def test_clients_that_leave_while_their_key_is_asked_for(guarded):
    for i in range(50):
        with connect(guarded.base) as s:
            s.sendall(head(SEEDS, keys.forged(id=f"{i:012}"), "Content-Length: 1000") + b"{" * (i * 20))
    guarded.api.call("list_datasets")
