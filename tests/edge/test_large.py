"""Bodies, headers and JSON that are too much: what they are answered, and what they cost in memory."""
import gzip

import pytest

from support.client import Api
from support.cluster import Database
from support.server import Server, sanitized
from support.wire import exchange, read_answers

HUNDRED_MB = 100 * 2**20
# Over the base of about 16 MB; the largest JSON body alone is 8 MB. Sanitizers keep what is freed.
ALLOWED = (1024 if sanitized() else 48) * 2**20

SEEDS = "/v1/datasets/large/seeds"
JSON = "Content-Type: application/json"
BYTES = "Content-Type: application/octet-stream"


@pytest.fixture(scope="module")
def large(cluster):
    """A server of its own, whose memory tells of these tests alone."""
    made = Server(Database(cluster))
    try:
        made.migrate()
        made.start()
        Api(made.base).call("put_dataset", dataset="large", json={})
        made.base_bytes = made.resident_bytes("VmHWM")
        yield made
        made.stop()
    finally:
        made.destroy()


def post(path, *lines):
    return ("\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines]) + "\r\n\r\n").encode()


def send(server, data):
    """The only answer; memory afterwards is held to the bound, at its highest."""
    answer, = read_answers(exchange(server.base, data))
    assert server.resident_bytes("VmHWM") - server.base_bytes < ALLOWED
    Api(server.base).call("healthz")
    return answer


def chunked(n):
    return (b"10000\r\n" + b"x" * 65536 + b"\r\n") * (n // 65536) + b"0\r\n\r\n"


@pytest.mark.parametrize("path, kind, status", [
    (SEEDS, JSON, 413), (SEEDS, BYTES, 415), ("/v1/nothing", JSON, 404), ("/healthz", JSON, 405),
    ("/v1/prompts", JSON, 413), ("/v1/encoders/offline/image-moments", JSON, 405)])
@pytest.mark.parametrize("length", ["length", "chunks"])
def test_a_hundred_megabytes(large, path, kind, status, length):
    if length == "chunks":
        data = post(path, kind, "Transfer-Encoding: chunked") + chunked(HUNDRED_MB)
    else:
        data = post(path, kind, f"Content-Length: {HUNDRED_MB}") + b"x" * HUNDRED_MB
    answer = send(large, data)
    assert answer.status == status and answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("length", ["length", "chunks"])
def test_an_import_of_one_line(large, length):
    if length == "chunks":
        data = post(SEEDS + "/import", BYTES, "Transfer-Encoding: chunked") + chunked(HUNDRED_MB)
    else:
        data = post(SEEDS + "/import", BYTES, f"Content-Length: {HUNDRED_MB}") + b"x" * HUNDRED_MB
    answer = send(large, data)
    assert answer.status == 200 and b'"reason":"too_long"' in answer.body


def test_a_gzip_bomb(large):
    """A thousand times as long as it looks, for a reader that keeps one line."""
    body = gzip.compress(b"x" * HUNDRED_MB, 9)
    assert len(body) < HUNDRED_MB // 900
    answer = send(large, post(SEEDS + "/import", BYTES, "Content-Encoding: gzip",
                              f"Content-Length: {len(body)}") + body)
    assert answer.status == 200 and b'"reason":"too_long"' in answer.body


# -- headers --

@pytest.mark.parametrize("n, size, status", [(98, 10, 200), (99, 10, 400), (300, 10, 400), (10_000, 10, 431),
                                             (1, 30_000, 200), (1, 400_000, 431), (1, HUNDRED_MB, 431)])
def test_headers(large, n, size, status):
    """At most a hundred, in 64 KiB; beyond these it is libmicrohttpd that answers."""
    lines = b"".join(b"X-%d: %s\r\n" % (i, b"x" * size) for i in range(n))
    answer = send(large, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + b"\r\n")
    assert answer.status == status


@pytest.mark.parametrize("size", [9000, 100_000, HUNDRED_MB])
def test_a_long_uri(large, size):
    assert send(large, b"GET /" + b"x" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n").status == 414


# -- JSON --

UNITS = [b"{},", b"[],", b'{"a":0},', b'"",', b"1,", b"1.5,", b"null,"]


def send_json(server, body, path=SEEDS):
    return send(server, post(path, JSON, f"Content-Length: {len(body)}") + body)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("inside", [False, True])
def test_three_megabytes_of_small_values(large, unit, inside):
    """A tree of them would be up to 78 times as large as the body."""
    body = b"[" + unit * (3 * 2**20 // len(unit)) + b"{}]"
    answer = send_json(large, b'{"seeds":' + body + b"}" if inside else body)
    assert answer.status == 413 and b"more JSON values than allowed" in answer.body


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'[{"a":'])
def test_three_megabytes_of_depth(large, unit):
    answer = send_json(large, unit * (3 * 2**20 // len(unit)))
    assert answer.status == 400 and b"nested too deeply" in answer.body


def test_many_names(large):
    body = b"{" + b",".join(b'"k%d":0' % i for i in range(250_000)) + b"}"
    answer = send_json(large, body)
    assert answer.status == 413 and b"more JSON values than allowed" in answer.body


def test_one_long_string(large):
    answer = send_json(large, b'{"seeds":[{"text":"' + b"x" * 3 * 2**20 + b'"}]}')
    assert answer.status == 422


def test_the_whole_of_what_is_allowed(large):
    """The largest JSON body, full of seeds."""
    text = b'{"text":"A dog sleeps %05d' + b" and more of it" * 50 + b'"}'
    seeds = b",".join(text % i for i in range(1000))
    assert send_json(large, b'{"seeds":[' + seeds + b"]}").status == 200
    assert large.resident_bytes("VmHWM") - large.base_bytes < ALLOWED
