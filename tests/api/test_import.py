"""Streams of seeds: every kind of line, every kind of break."""
import gzip
import http.client
import json
import random
import socket
import threading
import zlib

import pytest

from support import identity
from support.client import CONTRACT, Api, Response
from support.seeds import generate
from support.server import sanitized
from support.wait import PATIENCE, until


def counts(answer):
    body = answer.json()
    return {name: body[name] for name in ("received", "new", "duplicate", "duplicate_differs", "refused")}


def texts_of(dataset):
    return {seed["text"] for seed in dataset.seeds()}


def test_plain_lines(dataset):
    texts = generate(500)
    answer = dataset.load(texts)
    assert counts(answer) == {"received": 500, "new": 500, "duplicate": 0, "duplicate_differs": 0,
                              "refused": 0}
    assert answer.json()["refused_lines"] == []
    assert texts_of(dataset) == set(texts)
    assert counts(dataset.load(texts))["duplicate"] == 500


@pytest.mark.parametrize("data, expected", [
    (b"", []),
    (b"\n\n \t\n\r\n", []),
    (b"A dog.", ["A dog."]),
    (b"A dog.\n", ["A dog."]),
    (b"A dog.\r\nA cat.\r\n", ["A dog.", "A cat."]),
    (b"A dog.\r\n\r\nA cat.\n\n\n", ["A dog.", "A cat."]),
    (b"\xef\xbb\xbfA dog.\n", ["A dog."]),
    (b"\xef\xbb\xbf", []),
    (b"\xef\xbb\xbf{\"text\":\"A dog.\"}", ["A dog."]),
    (b"  A \t dog.  \n", ["A dog."]),
    (b"[1]\n\"quoted\"\n", ["[1]", "\"quoted\""]),
    (b"A\rdog.\n", ["A dog."]),
], ids=range(12))
def test_forms_of_lines(dataset, data, expected):
    answer = dataset.load(data)
    assert answer.json()["received"] == len(expected)
    assert texts_of(dataset) == set(expected)


def test_json_lines(dataset):
    lines = [json.dumps({"text": f"Seed {i}.", "source": "s", "metadata": {"i": i}}) for i in range(50)]
    assert counts(dataset.load(lines))["new"] == 50
    seeds = {seed["text"]: seed for seed in dataset.seeds()}
    assert seeds["Seed 7."]["metadata"] == {"i": 7} and seeds["Seed 7."]["source"] == "s"


def test_plain_and_json_lines_mix(dataset):
    answer = dataset.load(["A dog.", '{"text":"A cat.","domain":"pets"}', '  {"text":"A cow."}', "A hen."])
    assert answer.json()["received"] == 4
    assert {"A dog.", "A cat.", "A hen."} <= texts_of(dataset)


def test_defaults_for_all_lines(dataset):
    dataset.load(["A dog.", '{"text":"A cat.","source":"own"}', '{"text":"A cow.","domain":"farm"}'],
                 params={"source": "file é", "domain": "pets"})
    seeds = {s["text"]: (s["source"], s["domain"]) for s in dataset.seeds()}
    assert seeds == {"A dog.": ("file é", "pets"), "A cat.": ("own", "pets"), "A cow.": ("file é", "farm")}


REFUSED = [
    (b"A \xff dog.", "invalid_utf8"),
    (b"A \xc3( dog.", "invalid_utf8"),
    (b"\xed\xa0\x80", "invalid_utf8"),
    (b"\xf4\x90\x80\x80", "invalid_utf8"),
    (b"\xc0\xaf", "invalid_utf8"),
    (b'{"text":"\xff"}', "invalid_utf8"),
    (b"A \x00 dog.", "nul"),
    (b"\x00", "nul"),
    (b"x" * 4001, "too_long"),
    (b"x" * 65537, "too_long"),
    (b"x" * 1_000_000, "too_long"),
    (b'{"text":"' + b"x" * 4001 + b'"}', "too_long"),
    (b'{"text":""}', "empty"),
    (b'{"text":" \\u3000 "}', "empty"),
    (b"{", "malformed_json"),
    (b'{"text":"a"', "malformed_json"),
    (b'{"text":"a"} x', "malformed_json"),
    (b'{"text":"a","text":"b"}', "malformed_json"),
    (b'{"text":"\\u0000"}', "malformed_json"),
    (b'{"text":"a","metadata":' + b'{"a":' * 30 + b"1" + b"}" * 30 + b"}", "malformed_json"),
    (b"{}", "invalid_field"),
    (b'{"text":1}', "invalid_field"),
    (b'{"text":"a","colour":"red"}', "invalid_field"),
    (b'{"text":"a","source":7}', "invalid_field"),
    (b'{"text":"a","source":"' + b"s" * 201 + b'"}', "invalid_field"),
    (b'{"text":"a","metadata":[]}', "invalid_field"),
    (b'{"text":"a","metadata":{"m":"' + b"x" * 8192 + b'"}}', "invalid_field"),
]


@pytest.mark.parametrize("line, reason", REFUSED, ids=[f"{i}-{r}" for i, (_, r) in enumerate(REFUSED)])
def test_a_bad_line_is_refused_by_itself(dataset, line, reason):
    answer = dataset.load(b"A dog.\n\n" + line + b"\nA cat.\n").json()
    assert (answer["received"], answer["new"], answer["refused"]) == (3, 2, 1)
    refused, = answer["refused_lines"]
    assert (refused["line"], refused["reason"]) == (3, reason)
    assert refused["detail"]
    assert texts_of(dataset) == {"A dog.", "A cat."}


@pytest.mark.parametrize("line, reason", REFUSED, ids=[f"{i}-{r}" for i, (_, r) in enumerate(REFUSED)])
def test_a_bad_last_line_without_a_line_feed(dataset, line, reason):
    answer = dataset.load(b"A dog.\n" + line).json()
    assert (answer["new"], answer["refused"]) == (1, 1)
    assert answer["refused_lines"][0]["reason"] == reason


def test_all_bad_lines_at_once(dataset):
    answer = dataset.load(b"\n".join(line for line, _ in REFUSED)).json()
    assert answer["refused"] == len(REFUSED) and answer["new"] == 0
    assert [(r["line"], r["reason"]) for r in answer["refused_lines"]] == \
        [(i + 1, reason) for i, (_, reason) in enumerate(REFUSED)]


def test_the_first_hundred_refused_lines_are_named(dataset):
    answer = dataset.load(b"\n".join([b"\xff"] * 250 + [b"A dog."])).json()
    assert answer["refused"] == 250 and answer["new"] == 1
    assert [r["line"] for r in answer["refused_lines"]] == list(range(1, 101))


def test_the_longest_line(dataset):
    metadata = {"m": "y" * 8000}
    line = json.dumps({"text": "A dog.", "metadata": metadata})
    padded = line[:-1] + " " * (65536 - len(line)) + "}"
    assert len(padded) == 65536
    answer = dataset.load([padded, padded[:-1] + " }"]).json()
    assert (answer["new"], answer["refused"]) == (1, 1)
    assert answer["refused_lines"][0] == {"line": 2, "reason": "too_long",
                                          "detail": answer["refused_lines"][0]["detail"]}


# -- gzip --

def test_gzip(dataset):
    texts = generate(2000)
    packed = gzip.compress("\n".join(texts).encode())
    answer = dataset.load(packed, Content_Encoding="gzip")
    assert counts(answer)["new"] == 2000
    assert texts_of(dataset) == set(texts)


def test_members_in_a_row_are_one_stream(dataset):
    packed = gzip.compress(b"A dog.\nA c") + gzip.compress(b"") + gzip.compress(b"at.\n") \
        + gzip.compress(b"A cow.")
    assert counts(dataset.load(packed, Content_Encoding="gzip"))["new"] == 3
    assert texts_of(dataset) == {"A dog.", "A cat.", "A cow."}


def test_empty_gzip(dataset):
    assert counts(dataset.load(gzip.compress(b""), Content_Encoding="gzip"))["received"] == 0


def test_identity_encoding(dataset):
    assert counts(dataset.load(b"A dog.\n", Content_Encoding="identity"))["new"] == 1


def test_gzip_that_is_not_announced_is_bad_text(dataset):
    answer = dataset.load(gzip.compress(b"A dog.\n")).json()
    assert answer["new"] == 0 and answer["refused"] == answer["received"] > 0


def broken(dataset, answer, kept):
    """Holds a broken import to its word: what it counts is there, and nothing else."""
    assert answer.status == 422 and answer.problem == "import-broken"
    assert answer.json()["counts"]["new"] == len(dataset.seeds()) == kept


GZIP = gzip.compress(("\n".join(generate(3000)) + "\n").encode(), 6)


@pytest.mark.parametrize("cut", [1, 5, 10, 2000, len(GZIP) - 9, len(GZIP) - 4, len(GZIP) - 1])
def test_truncated_gzip_keeps_what_came(dataset, cut):
    answer = dataset.load(GZIP[:cut], Content_Encoding="gzip", expect=422)
    kept = len(dataset.seeds())
    broken(dataset, answer, kept)
    whole = zlib.decompressobj(31).decompress(GZIP[:cut]).decode(errors="replace").split("\n")
    # All complete lines that could be read; whether the last, open one counts is not promised.
    assert len(whole) - 1 <= kept <= len(whole)
    assert counts(dataset.load(GZIP, Content_Encoding="gzip"))["new"] == 3000 - kept


def test_no_bytes_at_all_is_no_gzip(dataset):
    answer = dataset.load(b"", Content_Encoding="gzip", expect=(200, 422))
    assert dataset.seeds() == []
    if answer.status == 422:
        broken(dataset, answer, 0)


@pytest.mark.parametrize("data", [b"A dog.\n" * 10, b"\x1f\x8b", b"\x1f\x8b\x08\x00" + b"\xff" * 100,
                                  zlib.compress(b"A dog.\n")], ids=range(4))
def test_what_is_no_gzip(dataset, data):
    broken(dataset, dataset.load(data, Content_Encoding="gzip", expect=422), 0)


def test_garbage_after_a_member(dataset):
    answer = dataset.load(gzip.compress(b"A dog.\n") + b"garbage", Content_Encoding="gzip", expect=422)
    broken(dataset, answer, 1)


def test_flipped_bits_in_gzip(dataset):
    rng = random.Random(3)
    for _ in range(10):
        data = bytearray(GZIP)
        data[rng.randrange(1000, len(data))] ^= 1 << rng.randrange(8)
        answer = dataset.load(bytes(data), Content_Encoding="gzip", expect=(200, 422))
        if answer.status == 422:
            assert answer.problem == "import-broken"


def test_a_bomb_is_streamed(dataset, server):
    """One GiB of blanks in a mebibyte: read in constant memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 65535 + b"\n"
    n = 2**14 if not sanitized() else 2**11
    packed = b"".join(packer.compress(block) for _ in range(n)) + packer.compress(b"A dog.\n") \
        + packer.flush()
    before = server.resident_bytes()
    answer = dataset.load(packed, Content_Encoding="gzip")
    assert counts(answer)["new"] == 1
    assert server.resident_bytes() - before < 64 * 2**20


# -- connections that end too early --

def begin(api, dataset, length=None, encoding=None):
    host, port = api.base.removeprefix("http://").split(":")
    s = socket.create_connection((host, int(port)), timeout=PATIENCE)
    framing = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    more = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    s.sendall(f"POST {dataset.path}/seeds/import HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n{more}"
              "Content-Type: application/octet-stream\r\n\r\n".encode())
    return s


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_client_that_leaves_in_the_middle(api, dataset, how, chunked):
    texts = generate(1500)
    data = "".join(text + "\n" for text in texts).encode()
    s = begin(api, dataset, None if chunked else len(data) + 1000)
    s.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n" if chunked else data)
    if how == "reset":
        # What a reset overtakes in the buffers is lost, so it waits until the lines are in.
        until(lambda: len(dataset.seeds()) >= 1000, "the lines before the break to be stored")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    if how == "half-close":
        s.shutdown(socket.SHUT_WR)
        answer = _read_answer(s)
        if answer is not None:
            CONTRACT.judge("POST", f"{dataset.path}/seeds/import", answer)
            assert answer.status in (400, 422)
    s.close()
    if how != "reset":
        until(lambda: len(dataset.seeds()) == 1500, "the lines before the break to be stored")
    kept = len(dataset.seeds())
    assert kept <= 1500
    assert counts(dataset.load(texts))["received"] == 1500
    assert len(dataset.seeds()) == 1500


def _read_answer(s):
    answer = http.client.HTTPResponse(s, method="POST")
    try:
        answer.begin()
        return Response(answer.status, answer.headers, answer.read())
    except (http.client.HTTPException, ConnectionError):
        return None


def test_a_slow_client_does_not_hold_up_others(api, dataset, new_dataset):
    s = begin(api, dataset)
    s.sendall(b"7\r\nA dog.\n\r\n")
    other = new_dataset(api)
    assert counts(other.load(generate(2000)))["new"] == 2000
    s.sendall(b"0\r\n\r\n")
    answer = _read_answer(s)
    assert answer.status == 200 and answer.json()["new"] == 1
    s.close()


def test_many_imports_at_once(api, dataset):
    texts = generate(3000)
    errors = []

    def load(part):
        try:
            data = "".join(t + "\n" for t in texts[part::4] + texts[:500]).encode()
            Api(api.base).call("import_seeds", dataset=dataset.name, data=data)
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert texts_of(dataset) == set(texts)


def test_two_hundred_thousand_lines_in_constant_memory(api, server, new_dataset):
    dataset = new_dataset(api, 16)
    lines = 20_000 if sanitized() else 200_000

    def stream():
        for start in range(0, lines, 1000):
            yield "".join(f"Seed number {i} of a long stream, with some words more to fill the line "
                          f"{'and more ' * (i % 7)}\n" for i in range(start, start + 1000)).encode()

    before = server.resident_bytes()
    response = api.session.post(api.base + dataset.path + "/seeds/import", data=stream(),
                                headers={"Content-Type": "application/octet-stream"}, timeout=PATIENCE)
    answer = Response(response.status_code, response.headers, response.content)
    CONTRACT.judge("POST", f"{dataset.path}/seeds/import", answer)
    assert counts(answer)["new"] == lines
    assert server.resident_bytes() - before < 64 * 2**20
    assert api.call("get_dataset", dataset=dataset.name).json()["seeds"] == lines


def test_ids_of_imported_seeds(dataset):
    texts = ["Cafe\u0301", "  a\u00a0b ", "日本語 の 文"]
    dataset.load(texts)
    assert {s["id"] for s in dataset.seeds()} == {identity.seed_id(t) for t in texts}
