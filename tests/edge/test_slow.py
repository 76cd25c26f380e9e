"""Clients that are slow, silent or greedy: cut off in the end, and no burden until then."""
import time

import pytest

from conftest import unique_name
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset
from support.exports import Export
from support.seeds import generate
from support.server import Server
from support.wait import PATIENCE, until
from support.wire import connect, read_answers, rest

BYTES = "application/octet-stream"
JSON = "application/json"


@pytest.fixture(scope="module")
def hasty_server(cluster):
    """A server that waits for no more than a second, and not long for those who do nothing."""
    made = Server(Database(cluster), MONOCEROS_HTTP_HEADER_TIMEOUT=1, MONOCEROS_HTTP_BODY_TIMEOUT=1,
                  MONOCEROS_HTTP_IDLE_TIMEOUT=PATIENCE.__trunc__(), MONOCEROS_HTTP_WORKERS=1)
    try:
        made.migrate()
        made.start()
        yield made
        made.stop()
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def hasty(hasty_server):
    return Api(hasty_server.base)


def drip(s, data, step=1, pause=0.05):
    """Sends a little at a time, then the last byte again and again, until the other side has ended the
    connection; what it said."""
    received, at, end = b"", 0, time.monotonic() + PATIENCE
    s.settimeout(pause)
    while time.monotonic() < end:
        try:
            s.sendall(data[at:at + step] or data[-step:])
            at += step
        except ConnectionError:
            break
        try:
            part = s.recv(65536)
            if not part:
                return received
            received += part
        except TimeoutError:
            continue
        except ConnectionError:
            return received
    else:
        raise AssertionError("a slow client was never cut off")
    s.settimeout(PATIENCE)
    return received + rest(s)


def post(path, kind, length):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


@pytest.mark.parametrize("used", [False, True])
def test_slow_headers(hasty, used):
    with connect(hasty.base) as s:
        if used:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
        assert drip(s, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""
    hasty.call("healthz")


def test_a_slow_json_body(hasty):
    hasty.call("put_dataset", dataset="slow-json", json={})
    with connect(hasty.base) as s:
        s.sendall(post("/v1/datasets/slow-json/seeds", JSON, 1_000_000))
        answers = read_answers(drip(s, b'{"seeds":[{"text":"A dog sleeps."}],"x":"' + b"x" * 1000))
    # With bytes under way when the connection ends, the kernel may drop the answer.
    assert [a.status for a in answers] in ([], [400])
    with connect(hasty.base) as s:
        s.sendall(post("/v1/datasets/slow-json/seeds", JSON, 1_000_000) + b"{")
        answer, = read_answers(rest(s))
    assert answer.status == 400 and b"did not arrive within 1 seconds" in answer.body
    assert hasty.items("/v1/datasets/slow-json/seeds") == []


def test_a_slow_stream(hasty):
    """What arrived is kept, as with every import that breaks."""
    dataset = Dataset(hasty, unique_name("slow-stream"))
    with connect(hasty.base) as s:
        s.sendall(post(dataset.path + "/seeds/import", BYTES, 1_000_000) + b"A dog sleeps.\nA cat runs.\n")
        answers = read_answers(drip(s, b"x" * 100))
    assert [a.status for a in answers] in ([], [422])
    until(lambda: len(dataset.seeds()) == 2, "what came before to be kept")
    hasty.call("healthz")


def test_a_slow_reader(hasty):
    """One that takes so little at a time that the whole would last for hours."""
    dataset = Dataset(hasty, unique_name("slow-reader"))
    for part in range(4):
        dataset.add([f"{part} {text} " + "and more of it " * 200 for text in generate(500)])
    page = len(hasty.get(dataset.path + "/seeds", params={"page_size": 1000}).content)
    with connect(hasty.base, receive_buffer=4096) as s:
        request = f"GET {dataset.path}/seeds?page_size=1000 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        s.sendall(request * 20)
        taken, end = 0, time.monotonic() + PATIENCE
        try:
            while part := s.recv(256):
                taken += len(part)
                time.sleep(0.05)
                assert time.monotonic() < end, "a slow reader was never cut off"
        except ConnectionError:
            pass
    assert taken < page * 20
    hasty.call("healthz")


def test_a_reader_that_is_quick_enough(hasty):
    """Slower than the server, and longer than the limit, but never slower than the limit allows."""
    dataset = Dataset(hasty, unique_name("quick-enough"))
    dataset.add([f"{text} " + "and more of it " * 200 for text in generate(1000)])
    page = len(hasty.get(dataset.path + "/seeds", params={"page_size": 1000}).content)
    request = f"GET {dataset.path}/seeds?page_size=1000 HTTP/1.1\r\nHost: x\r\n".encode()
    with connect(hasty.base, receive_buffer=65536) as s:
        s.sendall((request + b"\r\n") * 3 + request + b"Connection: close\r\n\r\n")
        taken = 0
        while part := s.recv(32768):
            taken += len(part)
            time.sleep(0.01)
    assert taken > 4 * page


def test_slow_readers_of_a_file(hasty, hasty_server):
    """One that takes little at a time, and one that takes nothing, though the kernel has the file at hand."""
    dataset = Dataset(hasty, unique_name("slow-file"))
    made = Export(hasty_server.database, dataset.name, {"big.npy": bytes(32 * 2**20)})
    request = f"GET {made.path('big.npy')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with connect(hasty.base, receive_buffer=4096) as slow, connect(hasty.base, receive_buffer=4096) as silent:
        slow.sendall(request)
        silent.sendall(request)
        taken, end = 0, time.monotonic() + PATIENCE
        try:
            while part := slow.recv(256):
                taken += len(part)
                time.sleep(0.05)
                assert time.monotonic() < end, "a slow reader was never cut off"
        except ConnectionError:
            pass
        assert taken + len(rest(silent)) < 32 * 2**20
    hasty.call("healthz")


def test_a_reader_of_a_file_that_is_quick_enough(hasty, hasty_server):
    """It takes longer than any of the limits, and gets all."""
    dataset = Dataset(hasty, unique_name("quick-file"))
    made = Export(hasty_server.database, dataset.name, {"big.npy": b"0123456789abcdef" * 2**18})
    with connect(hasty.base, receive_buffer=65536) as s:
        s.sendall(f"GET {made.path('big.npy')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = bytearray()
        while part := s.recv(16384):
            received += part
            time.sleep(0.01)
    assert received.partition(b"\r\n\r\n")[2] == b"0123456789abcdef" * 2**18


# -- with the settings as they are --

def test_clients_that_never_finish_their_headers(api):
    """They are cut off in the end, and meanwhile everybody else is served."""
    silent = [connect(api.base) for _ in range(40)]
    for i, s in enumerate(silent):
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "[:10 + i])
    for _ in range(20):
        api.call("healthz")
    for s in silent:
        received = s.recv(65536)  # nothing, or what is wrong with the request
        assert received == b"" or received.startswith(b"HTTP/1.1 4")
        s.close()


def test_clients_that_never_finish_their_body(api, dataset):
    slow = [connect(api.base) for _ in range(20)]
    for s in slow:
        s.sendall(post(dataset.path + "/seeds", JSON, 1000) + b"{")
    assert dataset.add(generate(10))["new"] == 10
    for s in slow:
        s.close()
    api.call("healthz")
    assert len(dataset.seeds()) == 10


def test_clients_that_never_read_their_answer(api, server, dataset):
    """Answers that nobody takes are bounded by the connections, not by the requests."""
    dataset.add(generate(1000))
    before = server.resident_bytes()
    greedy = [connect(api.base, receive_buffer=4096) for _ in range(30)]
    for s in greedy:
        s.sendall(f"GET {dataset.path}/seeds?page_size=1000 HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
    for _ in range(20):
        api.call("healthz")
    assert server.resident_bytes() - before < 128 * 2**20
    for s in greedy:
        s.close()
    api.call("get_dataset", dataset=dataset.name)
