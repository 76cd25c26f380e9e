"""Requests that parsers read differently, byte by byte, each with the answer that it must get. Behind
every one comes a second request that makes a dataset: it must never be served where the end of the
first is in doubt, and must be where it is not."""
import itertools
import json

import pytest

from support.wire import HEAD, connect, exchange, read_answers, rest

NAMES = itertools.count(1)
HOST = b"Host: x\r\n"

# What becomes of a probe. By us, as a problem, or by libmicrohttpd, before we hear of it.
REFUSED = "refused"    # one problem, then the connection ends
LIBRARY = "library"    # the library's page, perhaps doubled, then the connection ends
CLOSED = "closed"      # without a word
ANSWERED = "answered"  # where the request ends is certain: the second one is served as well


def get(lines=b"", line=b"GET /healthz HTTP/1.1\r\n", host=HOST):
    return line + host + lines + b"\r\n"


def put(lines, body=b"", version=b"1.1"):
    return (b"PUT /v1/datasets/probed HTTP/" + version + b"\r\n" + HOST
            + b"Content-Type: application/json\r\n" + lines + b"\r\n" + body)


def length(text, body=b"{   }"):
    return put(b"Content-Length: " + text + b"\r\n", body)


def coded(text, body=b"2\r\n{}\r\n0\r\n\r\n", version=b"1.1"):
    return put(b"Transfer-Encoding: " + text + b"\r\n", body, version)


def chunks(body):
    return coded(b"chunked", body)


TORN = "a line is folded, ends without CRLF, has no name or has a NUL or extra spaces"
BAD_HEADER = "a header has a bad name or a control character in its value"
BAD_URI = "the URI has control characters or spaces"
BAD_METHOD = "the method is no word of capital letters"
BAD_HOST = "Host is not a host"
BAD_VERSION = "the version must be HTTP/1.1 or HTTP/1.0"
BAD_EXPECT = "the only expectation is 100-continue"
ONE_HOST = "exactly one Host is needed"
ONE_LENGTH = "more than one Content-Length"
BOTH = "both Content-Length and Transfer-Encoding"
CODING = "the only transfer coding is chunked"
BAD_PATH = "the path has a bad percent-escape"

PROBES = {
    # -- two ways to say where the body ends --
    "length-and-chunked": (put(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
                           REFUSED, 400, BOTH),
    "chunked-and-length": (put(b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"0\r\n\r\n"),
                           REFUSED, 400, BOTH),
    "two-lengths": (put(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"), REFUSED, 400, ONE_LENGTH),
    "two-equal-lengths": (put(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"), REFUSED, 400, ONE_LENGTH),
    "coding-unknown": (coded(b"gzip"), REFUSED, 400, CODING),
    "coding-like-chunked": (coded(b"xchunked"), REFUSED, 400, CODING),
    "coding-not-last": (coded(b"chunked, gzip"), REFUSED, 400, CODING),
    "coding-before-chunked": (coded(b"gzip, chunked"), REFUSED, 400, CODING),
    "coding-twice": (put(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"),
                     REFUSED, 400, CODING),
    "coding-behind-vertical-tab": (coded(b"\x0bchunked"), REFUSED, 400, BAD_HEADER),
    "chunked-in-1.0": (coded(b"chunked", version=b"1.0"), REFUSED, 400, "a transfer coding needs HTTP/1.1"),
    # -- lengths that are none --
    "length-plus": (length(b"+5"), LIBRARY, 400, None),
    "length-minus": (length(b"-1"), LIBRARY, 400, None),
    "length-hexadecimal": (length(b"0x5"), LIBRARY, 400, None),
    "length-list": (length(b"5,5"), LIBRARY, 400, None),
    "length-spaced": (length(b"5 5"), LIBRARY, 400, None),
    "length-empty": (put(b"Content-Length:\r\n", b"{   }"), LIBRARY, 400, None),
    "length-2^63": (length(b"9223372036854775808"), REFUSED, 413, "longer than"),
    "length-2^64": (length(b"18446744073709551616"), LIBRARY, 413, None),
    "length-2^64+5": (length(b"18446744073709551621"), LIBRARY, 413, None),
    "length-leading-zero": (length(b"02", b"{}"), ANSWERED, 200, None),
    # -- chunks that are none --
    "chunk-2^64": (chunks(b"10000000000000000\r\n{}\r\n0\r\n\r\n"), LIBRARY, 413, None),
    "chunk-2^64+2": (chunks(b"10000000000000002\r\n{}\r\n0\r\n\r\n"), LIBRARY, 413, None),
    "chunk-hexadecimal": (chunks(b"0x2\r\n{}\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-minus": (chunks(b"-2\r\n{}\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-behind-space": (chunks(b" 2\r\n{}\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-before-space": (chunks(b"2 \r\n{}\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-without-size": (chunks(b"\r\n{}\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-too-long": (chunks(b"2\r\n{}xx\r\n0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-without-end": (chunks(b"2\r\n{}0\r\n\r\n"), LIBRARY, 400, None),
    "chunk-extension": (chunks(b"2;a=b\r\n{}\r\n0\r\n\r\n"), ANSWERED, 200, None),
    "trailer": (chunks(b"2\r\n{}\r\n0\r\nContent-Length: 40\r\n\r\n"), ANSWERED, 200, None),
    # -- lines --
    "bare-lf": (b"GET /healthz HTTP/1.1\nHost: x\n\n", REFUSED, 400, TORN),
    "bare-lf-behind-request-line": (b"GET /healthz HTTP/1.1\nHost: x\r\n\r\n", REFUSED, 400, TORN),
    "bare-lf-behind-header": (b"GET /healthz HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n", REFUSED, 400, TORN),
    "bare-lf-at-end": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\n", REFUSED, 400, TORN),
    "bare-cr-in-value": (get(b"X-A: a\rb\r\n"), REFUSED, 400, BAD_HEADER),
    "bare-cr-before-header": (get(b"X-A: a\rContent-Length: 50\r\n"), REFUSED, 400, BAD_HEADER),
    "nul-in-value": (get(b"X-A: a\0b\r\n"), REFUSED, 400, TORN),
    "nul-in-name": (get(b"X-\0A: b\r\n"), LIBRARY, 400, None),
    "nul-in-path": (get(line=b"GET /healthz\0 HTTP/1.1\r\n"), REFUSED, 400, TORN),
    "space-before-colon": (get(b"X-A : b\r\n"), REFUSED, 400, BAD_HEADER),
    "space-before-colon-of-length": (put(b"Content-Length : 2\r\n", b"{}"), REFUSED, 400, BAD_HEADER),
    "space-before-colon-of-coding": (put(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
                                     REFUSED, 400, BAD_HEADER),
    "folded-header": (get(b"X-A: a\r\n b\r\n"), REFUSED, 400, TORN),
    "folded-coding": (put(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), REFUSED, 400, TORN),
    "leading-space": (get(host=b" Host: x\r\n"), REFUSED, 400, BAD_HEADER),
    "leading-space-later": (get(b" X-A: b\r\n"), REFUSED, 400, TORN),
    "empty-name": (get(b": b\r\n"), REFUSED, 400, TORN),
    "empty-name-and-value": (get(b":\r\n"), REFUSED, 400, TORN),
    "no-colon": (get(b"X-A\r\n"), LIBRARY, 400, None),
    # -- Host, version, expectation --
    "no-host": (get(host=b""), REFUSED, 400, ONE_HOST),
    "two-hosts": (get(HOST), REFUSED, 400, ONE_HOST),
    "host-empty": (get(host=b"Host:\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-space": (get(host=b"Host: a b\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-slash": (get(host=b"Host: a/b\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-user": (get(host=b"Host: a@b\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-two-ports": (get(host=b"Host: a:1:2\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-word-for-port": (get(host=b"Host: a:b\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-large-port": (get(host=b"Host: a:65536\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-open-bracket": (get(host=b"Host: [::1\r\n"), REFUSED, 400, BAD_HOST),
    "host-with-bracket-inside": (get(host=b"Host: a[::1]\r\n"), REFUSED, 400, BAD_HOST),
    "host-behind-bracket": (get(host=b"Host: [::1]a\r\n"), REFUSED, 400, BAD_HOST),
    "host-that-is-an-address": (get(host=b"Host: [::1]:8080\r\n"), ANSWERED, 200, None),
    "host-with-empty-port": (get(host=b"Host: a:\r\n"), ANSWERED, 200, None),
    "version-1.9": (get(line=b"GET /healthz HTTP/1.9\r\n"), REFUSED, 400, BAD_VERSION),
    "version-2.0": (get(line=b"GET /healthz HTTP/2.0\r\n"), LIBRARY, 505, None),
    "version-lower-case": (get(line=b"GET /healthz http/1.1\r\n"), LIBRARY, 400, None),
    "version-and-space": (get(line=b"GET /healthz HTTP/1.1 \r\n"), LIBRARY, 400, None),
    "version-missing": (b"GET /healthz\r\n\r\n", LIBRARY, 400, None),
    "preface-of-http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LIBRARY, 505, None),
    "expectation": (get(b"Expect: tea\r\n"), REFUSED, 400, BAD_EXPECT),
    "two-expectations": (put(b"Expect: 100-continue, tea\r\nContent-Length: 2\r\n", b"{}"),
                         REFUSED, 400, BAD_EXPECT),
    # -- the request line --
    "method-lower-case": (get(line=b"get /healthz HTTP/1.1\r\n"), REFUSED, 400, BAD_METHOD),
    "method-with-digit": (get(line=b"BR3W /healthz HTTP/1.1\r\n"), REFUSED, 400, BAD_METHOD),
    "method-with-0x01": (get(line=b"G\x01T /healthz HTTP/1.1\r\n"), REFUSED, 400, BAD_METHOD),
    "two-spaces": (get(line=b"GET  /healthz HTTP/1.1\r\n"), REFUSED, 400, TORN),
    "tabs": (get(line=b"GET\t/healthz\tHTTP/1.1\r\n"), CLOSED, None, None),
    "path-with-0x01": (get(line=b"GET /health\x01z HTTP/1.1\r\n"), REFUSED, 400, BAD_URI),
    "path-with-space": (get(line=b"GET /heal thz HTTP/1.1\r\n"), REFUSED, 400, BAD_URI),
    "path-with-%00": (get(line=b"GET /healthz%00 HTTP/1.1\r\n"), ANSWERED, 400, BAD_PATH),
    "path-with-%00-inside": (get(line=b"GET /v1/datasets/a%00b HTTP/1.1\r\n"), ANSWERED, 400, BAD_PATH),
    "path-with-0x80": (get(line=b"GET /health\x80z HTTP/1.1\r\n"), ANSWERED, 400, BAD_PATH),
    "path-absolute": (get(line=b"GET http://x/healthz HTTP/1.1\r\n"), ANSWERED, 200, None),
    "connect": (get(line=b"CONNECT x:80 HTTP/1.1\r\n"), ANSWERED, 400, "does not start with a slash"),
    "upgrade": (get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"),
                ANSWERED, 200, None),
    "hello-of-tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 64 + b"\r\n\r\n",
                     CLOSED, None, None),
}


def second(api):
    """A request that leaves a trace, and the way to look for it."""
    name = f"smuggled-{next(NAMES)}"
    data = (f"PUT /v1/datasets/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Connection: close\r\nContent-Length: 2\r\n\r\n{}").encode()
    return data, lambda: api.request("GET", f"/v1/datasets/{name}", expect=(200, 404)).status == 200


@pytest.mark.parametrize("name", PROBES)
def test_probe(api, name):
    data, fate, status, detail = PROBES[name]
    more, served = second(api)
    received = exchange(api.base, data + more, half_close=False)
    assert served() is (fate == ANSWERED)
    if fate == CLOSED:
        assert received == b""
    elif fate == LIBRARY:
        heads = [received[m.start():][9:12] for m in HEAD.finditer(received)]
        assert heads in ([b"%d" % status], [b"%d" % status] * 2), received
    else:
        first, *others = read_answers(received)
        assert first.status == status and len(others) == (fate == ANSWERED), received
        assert detail is None or detail in json.loads(first.body)["detail"]
        assert status < 400 or first.headers["Content-Type"] == "application/problem+json"
        assert fate == ANSWERED or first.headers["Connection"] == "close"


# What libmicrohttpd 0.9.75 takes, and hides from us: a line feed alone ends the lines of chunks.
LAX = {
    "bare-lf-behind-size": b"2\n{}\r\n0\r\n\r\n",
    "bare-lf-behind-chunk": b"2\r\n{}\n0\r\n\r\n",
    "bare-lf-at-end": b"2\r\n{}\r\n0\n\n",
    "bare-lf-behind-trailer": b"2\r\n{}\r\n0\r\nX: y\n\r\n",
    "bare-cr-in-extension": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", LAX)
def test_lax_chunks(api, name):
    """Each still is one request, of the body that the sizes say; SECURITY.md says what closes this."""
    more, served = second(api)
    answers = read_answers(exchange(api.base, chunks(LAX[name]) + more, half_close=False))
    assert [a.status for a in answers] in ([200, 200], [200, 201], [201, 201]) and served()


@pytest.mark.parametrize("name", [n for n, p in PROBES.items() if p[1] == REFUSED])
def test_probe_on_a_used_connection(api, name):
    """As the second request of a connection, where libmicrohttpd keeps lines elsewhere in its buffer."""
    data, _, status, detail = PROBES[name]
    more, served = second(api)
    first, refused = read_answers(exchange(api.base, get() + data + more, half_close=False))
    assert first.status == 200 and refused.status == status and not served()
    assert detail in json.loads(refused.body)["detail"]


@pytest.mark.parametrize("size", [1, 7])
def test_probes_in_pieces(api, size):
    """Whatever the segments are, the answer is the same."""
    for name in ("no-host", "two-hosts", "version-1.9", "nul-in-value", "folded-header"):
        data, _, status, detail = PROBES[name]
        with connect(api.base) as s:
            for i in range(0, len(data), size):
                s.sendall(data[i:i + size])
            answer, = read_answers(rest(s))
        assert answer.status == status and detail in json.loads(answer.body)["detail"]
