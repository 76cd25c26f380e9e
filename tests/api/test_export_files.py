"""Files of exports: whole, by ranges, side by side, gone on with, and what is not theirs to have."""
import base64
import concurrent.futures
import email.utils
import hashlib
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
import requests

from conftest import unique_name
from support import keys
from support.client import Api
from support.dataset import Dataset
from support.exports import Export, open_files
from support.wait import PATIENCE, until
from support.wire import connect, exchange, read_answers

LINES = b"".join(b'{"id": "%06d"}\n' % i for i in range(5000))
NAMES = ["pretrain.jsonl", "instruct.json", "representations.npy", "representations-00003-of-00016.safetensors",
         "representations.ids", "samples-000000.tar", "README.md", "manifest.json"]
BYTES = "application/octet-stream"
CURL = shutil.which("curl")


def digest_of(data):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(data).digest()).decode() + ":"


def tag_of(data):
    return f'"{hashlib.sha256(data).hexdigest()}"'


@pytest.fixture(scope="module")
def place(server):
    dataset = Dataset(Api(server.base), unique_name("export-files"))
    return lambda files, **how: Export(server.database, dataset.name, files, **how)


@pytest.fixture(scope="module")
def export(place):
    return place({"pretrain.jsonl": LINES, "empty.jsonl": b"", "one.npy": b"x"})


@pytest.fixture
def get(api, export):
    def ask(expect, method="GET", name="pretrain.jsonl", **headers):
        return api.request(method, export.path(name), expect=expect,
                           headers={header.replace("_", "-"): value for header, value in headers.items()})
    return ask


# -- the whole --

@pytest.mark.parametrize("name", NAMES)
def test_headers(api, place, name):
    data = name.encode() * 1000
    made = place({name: data})
    answer = api.get(made.path(name), expect=200)
    assert answer.content == data
    finished = made.database.value("SELECT floor(extract(epoch FROM finished_at))::bigint FROM exports"
                                   f" WHERE export_id = '{made.id}'")
    expected = {"Content-Length": str(len(data)), "Content-Type": BYTES, "Accept-Ranges": "bytes",
                "ETag": tag_of(data), "Repr-Digest": digest_of(data),
                "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-cache",
                "Last-Modified": email.utils.formatdate(finished, usegmt=True)}
    assert {header: answer.headers[header] for header in expected} == expected
    for header in ("Content-Encoding", "Transfer-Encoding", "Content-Range", "Vary"):
        assert header not in answer.headers
    # As fsspec asks for the size, before it reads by ranges.
    head = api.request("HEAD", made.path(name), headers={"Accept-Encoding": "identity"}, expect=200)
    ignored = {"Date", "X-Request-Id", "traceparent"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == \
        {k: v for k, v in answer.headers.items() if k not in ignored}


def test_no_coding(api, export):
    answer = api.raw("GET", export.path("pretrain.jsonl"), headers=[("Accept-Encoding", "gzip, *")], expect=200)
    assert answer.content == LINES and answer.headers["ETag"] == tag_of(LINES)
    assert "Content-Encoding" not in answer.headers


def test_an_empty_file(get):
    answer = get(200, name="empty.jsonl")
    assert answer.content == b"" and answer.headers["Content-Length"] == "0"
    assert get(200, name="empty.jsonl", Range="bytes=0-").content == b""
    assert get(200, "HEAD", name="empty.jsonl").headers["ETag"] == tag_of(b"")


# -- ranges --

N = len(LINES)


@pytest.mark.parametrize("header, first, end", [
    ("bytes=0-0", 0, 1), ("bytes=0-", 0, N), ("bytes=10-19", 10, 20), ("BYTES=10-19", 10, 20),
    (f"bytes={N - 1}-", N - 1, N), ("bytes=-1", N - 1, N), ("bytes=-100", N - 100, N), (f"bytes=-{N + 5}", 0, N),
    (f"bytes=5-{N + 100}", 5, N), (f"bytes=5-{'9' * 40}", 5, N), (f"bytes=-{'9' * 40}", 0, N),
    (f"bytes=0-{N - 1}", 0, N), ("bytes= 3-4", 3, 5), ("bytes=3-4 ,", 3, 5), ("bytes=,,3-4", 3, 5),
    ("bytes=00003-0004", 3, 5)])
def test_one_range(get, header, first, end):
    answer = get(206, Range=header)
    assert answer.content == LINES[first:end]
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{N}"
    assert int(answer.headers["Content-Length"]) == end - first
    assert answer.headers["ETag"] == tag_of(LINES) and answer.headers["Repr-Digest"] == digest_of(LINES)
    assert answer.headers["Content-Type"] == BYTES and answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("header", [
    "", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes=a-b", "bytes=5", "bytes=5-4", "bytes=1-2-3", "bytes=1 -2",
    "bytes=1- 2", "bytes=--1", "bytes=+1-2", "bytes=0x1-2", "bytes=1-2;3-4", "bytes 1-2", "lines=1-2", "bytes=1-2,x",
    "bytes=1.0-2", "items=0-5", "bytes =1-2", "bytes==1-2"])
def test_what_is_no_range(get, header):
    answer = get(200, Range=header)
    assert answer.content == LINES and "Content-Range" not in answer.headers


@pytest.mark.parametrize("header, why", [
    (f"bytes={N}-", "behind the end"), (f"bytes={N + 10}-{N + 20}", "behind the end"), ("bytes=-0", "behind the end"),
    (f"bytes={'9' * 40}-", "behind the end"), ("bytes=0-1,4-5", "several"), ("bytes=0-1, -5", "several"),
    pytest.param("bytes=" + ",".join(f"{i}-{i}" for i in range(500)), "several", id="very-many")])
def test_what_is_not_sent(get, header, why):
    answer = get(416, Range=header)
    assert answer.problem == "range-not-satisfiable" and why in answer.json()["detail"]
    assert answer.headers["Content-Range"] == f"bytes */{N}"
    assert "ETag" not in answer.headers and "Repr-Digest" not in answer.headers


def test_a_range_is_for_get_alone(get):
    for header in ("bytes=0-0", f"bytes={N}-", "bytes=0-1,4-5"):
        head = get(200, "HEAD", Range=header)
        assert int(head.headers["Content-Length"]) == N and "Content-Range" not in head.headers


def test_two_range_headers_are_none(api, export):
    answer = api.raw("GET", export.path("pretrain.jsonl"), headers=[("Range", "bytes=0-1"), ("Range", "bytes=2-3")],
                     expect=200)
    assert answer.content == LINES


def test_ranges_mean_nothing_elsewhere(api):
    assert api.request("GET", "/v1/datasets", headers={"Range": "bytes=0-0"}, expect=200).json()["items"]


@pytest.fixture
def modified(get):
    return get(200, "HEAD").headers["Last-Modified"]


def seconds_later(date, seconds):
    return email.utils.formatdate(email.utils.parsedate_to_datetime(date).timestamp() + seconds, usegmt=True)


def test_if_range(get, modified):
    for same in (tag_of(LINES), modified):
        assert get(206, Range="bytes=5-9", If_Range=same).content == LINES[5:10]
        get(416, Range=f"bytes={N}-", If_Range=same)
    for other in ('"other"', "W/" + tag_of(LINES), tag_of(LINES)[:-1], f"{tag_of(LINES)}, {tag_of(LINES)}", "*", "",
                  seconds_later(modified, 1), seconds_later(modified, -1), "yesterday"):
        assert get(200, Range="bytes=5-9", If_Range=other).content == LINES
        assert get(200, Range=f"bytes={N}-", If_Range=other).content == LINES
    assert get(200, If_Range=tag_of(LINES)).content == LINES


def test_what_the_client_has(get, modified):
    for headers in ({"If_None_Match": tag_of(LINES)}, {"If_None_Match": f'"x", W/{tag_of(LINES)}'},
                    {"If_None_Match": "*"}, {"If_Modified_Since": modified},
                    {"If_Modified_Since": seconds_later(modified, 1)},
                    {"If_None_Match": tag_of(LINES), "If_Modified_Since": seconds_later(modified, -1)},
                    {"If_None_Match": tag_of(LINES), "Range": "bytes=0-1"},
                    {"If_Modified_Since": obsolete(modified, "%A, %d-%b-%y %H:%M:%S GMT")},
                    {"If_Modified_Since": obsolete(modified, "%a %b %e %H:%M:%S %Y")}):
        for method in ("GET", "HEAD"):
            answer = get(304, method, **headers)
            assert answer.content == b"" and answer.headers["ETag"] == tag_of(LINES)
            assert answer.headers["Last-Modified"] == modified
            assert "Repr-Digest" not in answer.headers and "Content-Range" not in answer.headers
    for headers in ({"If_None_Match": '"other"'}, {"If_Modified_Since": seconds_later(modified, -1)},
                    {"If_Modified_Since": "yesterday"}, {"If_Modified_Since": ""},
                    {"If_None_Match": '"other"', "If_Modified_Since": modified}):
        assert get(200, **headers).content == LINES


def obsolete(date, form):
    return time.strftime(form, email.utils.parsedate_to_datetime(date).timetuple())


def test_only_of_this_file(get, modified):
    for headers in ({"If_Match": tag_of(LINES)}, {"If_Match": "*"}, {"If_Unmodified_Since": modified},
                    {"If_Match": f'"x", {tag_of(LINES)}', "If_Unmodified_Since": seconds_later(modified, -1)}):
        assert get(206, Range="bytes=1-2", **headers).content == LINES[1:3]
    for headers in ({"If_Match": '"other"'}, {"If_Match": "W/" + tag_of(LINES)},
                    {"If_Unmodified_Since": seconds_later(modified, -1)},
                    {"If_Match": '"other"', "If_None_Match": tag_of(LINES)}):
        for method in ("GET", "HEAD"):
            answer = get(412, method, Range="bytes=1-2", **headers)
            assert "Repr-Digest" not in answer.headers


# -- how clients read --

def test_as_fsspec_reads(api, export):
    """HEAD for the size, then blocks, of which the last one asks for more than there is."""
    head = api.request("HEAD", export.path("pretrain.jsonl"), headers={"Accept-Encoding": "identity"}, expect=200)
    size, block, read = int(head.headers["Content-Length"]), 30_000, b""
    while len(read) < size:
        part = api.request("GET", export.path("pretrain.jsonl"), expect=206, headers={
            "Accept-Encoding": "gzip, deflate", "Range": f"bytes={len(read)}-{len(read) + block - 1}"})
        read += part.content
    assert read == LINES


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_goes_on_with_what_it_has(server, place):
    data = random.Random(5).randbytes(3_000_000)
    made = place({"samples-000000.tar": data})
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "samples.tar"
        out.write_bytes(data[:1_234_567])
        subprocess.run([CURL, "-fsS", "-C", "-", "-o", out, server.base + made.path("samples-000000.tar")],
                       check=True, timeout=PATIENCE)
        assert out.read_bytes() == data


def test_a_download_that_broke_off(server, place):
    data = random.Random(6).randbytes(8_000_000)
    made = place({"representations.npy": data})
    url = server.base + made.path("representations.npy")
    with requests.get(url, stream=True, timeout=PATIENCE) as answer:
        tag, had = answer.headers["ETag"], answer.raw.read(1_000_000)
    rest = requests.get(url, headers={"Range": f"bytes={len(had)}-", "If-Range": tag}, timeout=PATIENCE)
    assert rest.status_code == 206 and had + rest.content == data


def test_parallel_readers(server, place):
    """64 of them, each with a connection of its own, put 64 MiB together."""
    data = random.Random(7).randbytes(64 * 2**20 + 12345)
    made = place({"representations.safetensors": data})
    url, step = server.base + made.path("representations.safetensors"), 2**19
    out = bytearray(len(data))

    def read(reader):
        with requests.Session() as session:
            session.trust_env = False
            for at in range(reader * step, len(data), 64 * step):
                part = session.get(url, headers={"Range": f"bytes={at}-{at + step - 1}"}, timeout=PATIENCE)
                assert part.status_code == 206
                out[at:at + step] = part.content
        return True

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert all(pool.map(read, range(64)))
    assert out == data


def test_several_on_one_connection(server, export):
    target = f"GET {export.path('pretrain.jsonl')} HTTP/1.1\r\nHost: x\r\n"
    asked = "".join(target + more + "\r\n" for more in (
        "", "Range: bytes=3-5\r\n", f"Range: bytes={N}-\r\n", f"If-None-Match: {tag_of(LINES)}\r\n",
        'If-Match: "x"\r\n', "Range: bytes=-7\r\nConnection: close\r\n"))
    answers = read_answers(exchange(server.base, asked.encode(), half_close=False))
    assert [a.status for a in answers] == [200, 206, 416, 304, 412, 206]
    assert [answers[i].body for i in (0, 1, 5)] == [LINES, LINES[3:6], LINES[-7:]]


def test_http_1_0(server, export):
    request = f"GET {export.path('one.npy')} HTTP/1.0\r\n\r\n".encode()
    answer, = read_answers(exchange(server.base, request, half_close=False))
    assert answer.status == 200 and answer.body == b"x" and answer.headers["Content-Length"] == "1"


def test_a_client_that_has_stopped_sending(server, export):
    """libmicrohttpd ends such a connection when the database answers after that: all of the file, or none."""
    request = f"GET {export.path('pretrain.jsonl')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    for _ in range(20):
        answer, = read_answers(exchange(server.base, request))
        assert answer.status in (200, 503)
        assert answer.body == LINES if answer.status == 200 else "both ways" in answer.body.decode()


# -- what is not to be had --

def test_names_that_are_none(api, server, export):
    (export.folder / "stray.jsonl").write_bytes(b"not registered")
    for name in ("stray.jsonl", "pretrain.jsonl.1", "pretrain", "PRETRAIN.JSONL", "pretrain.jsonl ", "*", "%25",
                 "pretrain.json%5C", ".hidden", "'", "pretrain.jsonl%3B"):
        assert api.raw("GET", export.path(name.replace(" ", "%20")), expect=404).problem == "not-found"
    for name in ("..%2f" + export.id + "%2fstray.jsonl", "%2e%2e", "pretrain.jsonl%00", "%00", "..%2F..%2Fetc%2Fpasswd",
                 "..", "%c0%ae%c0%ae%2f"):
        assert api.raw("GET", export.path(name), expect=400).problem == "malformed-request"
    assert api.raw("GET", export.path("a" * 129), expect=422).problem == "validation"
    assert api.raw("GET", export.path("a" * 9000), expect=414)
    assert api.raw("GET", export.path("x/y"), expect=404)
    assert api.raw("GET", f"/v1/exports/{export.id.upper()}/files/pretrain.jsonl", expect=404)


def without_ids(answer):
    body = answer.json()
    del body["request_id"], body["instance"]
    return body


def test_what_is_not_there_yet_or_any_more(api, place):
    unknown = without_ids(api.get(f"/v1/exports/{'0' * 32}/files/a.jsonl", expect=404))
    for state in ("queued", "running", "failed", "cancelled"):
        made = place({"a.jsonl": b"{}\n"}, state=state)
        assert without_ids(api.get(made.path("a.jsonl"), expect=404)) == unknown
    made = place({"a.jsonl": b"{}\n"})
    api.get(made.path("a.jsonl"), expect=200)
    made.delete()
    assert without_ids(api.get(made.path("a.jsonl"), expect=404)) == unknown
    part = place({"a.json": b"{}"}, served=False)
    assert "has no such file" in api.get(part.path("a.json"), expect=404).json()["detail"]


def test_a_dataset_that_is_deleted(server, api, new_dataset):
    dataset = new_dataset(api)
    made = Export(server.database, dataset.name, {"a.jsonl": b"{}\n"})
    api.get(made.path("a.jsonl"), expect=200)
    api.call("delete_dataset", dataset=dataset.name)
    api.get(made.path("a.jsonl"), expect=404)


def spoil_missing(path):
    path.unlink()


def spoil_shorter(path):
    path.write_bytes(b"{}")


def spoil_longer(path):
    path.write_bytes(b"{}\n{}\n")


def spoil_link(path):
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def spoil_folder(path):
    path.unlink()
    path.mkdir()


def spoil_pipe(path):
    path.unlink()
    os.mkfifo(path)


def spoil_directory(path):
    shutil.rmtree(path.parent)


def spoil_directory_link(path):
    elsewhere = path.parent.with_suffix(".elsewhere")
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


@pytest.mark.parametrize("spoil", [spoil_missing, spoil_shorter, spoil_longer, spoil_link, spoil_folder, spoil_pipe,
                                   spoil_directory, spoil_directory_link])
def test_what_is_not_on_the_disk_as_it_was_made(server, api, place, spoil):
    made = place({"a.jsonl": b"{}\n"})
    spoil(made.on_disk("a.jsonl"))
    answer = api.get(made.path("a.jsonl"), expect=503)
    assert answer.problem == "service-unavailable" and "share" in answer.json()["detail"]
    assert str(made.folder.parent) not in answer.text
    api.request("HEAD", made.path("a.jsonl"), expect=503)
    assert f"{made.id}/a.jsonl.1".encode() in server.log()


# -- whose it is --

class Guarded:
    def __init__(self, server):
        self.base = server.base
        self.admin = Api(server.base, keys.create(server, "admin"))
        dataset = Dataset(self.admin, unique_name("guarded-files"))
        self.name = dataset.name
        self.export = Export(server.database, dataset.name, {"pretrain.jsonl": LINES})
        self.path = self.export.path("pretrain.jsonl")


@pytest.fixture(scope="module")
def guarded(guarded_server):
    return Guarded(guarded_server)


def test_keys(guarded, guarded_server):
    key = keys.create(guarded_server, "export")
    url = guarded.base + guarded.path
    for auth in ({"headers": {"Authorization": f"Bearer {key}"}}, {"headers": {"X-API-Key": key}},
                 {"auth": ("anybody", key)}):
        assert requests.get(url, timeout=PATIENCE, **auth).content == LINES
    Api(guarded.base).get(guarded.path, expect=401)
    Api(guarded.base, keys.create(guarded_server, "read", "write", "run")).get(guarded.path, expect=403)


def test_signed_urls(guarded):
    url = guarded.base + guarded.admin.call("sign_url", json={"url": guarded.path}).json()["url"]
    assert requests.get(url, timeout=PATIENCE).content == LINES
    assert requests.head(url, timeout=PATIENCE).headers["ETag"] == tag_of(LINES)
    part = requests.get(url, headers={"Range": "bytes=4-7"}, timeout=PATIENCE)
    assert part.status_code == 206 and part.content == LINES[4:8]
    for changed in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("pretrain", "instruct")):
        assert requests.get(changed, timeout=PATIENCE).status_code == 401


def test_others_do_not_see_it(guarded, guarded_server):
    unknown = guarded.admin.get(f"/v1/exports/{'0' * 32}/files/pretrain.jsonl", expect=404)
    elsewhere = guarded.admin.call("create_key", json={"name": "x", "scopes": ["export"], "datasets": ["elsewhere"]})
    for key in (keys.create(guarded_server, "admin", owner="somebody"), elsewhere.json()["key"]):
        for path in (guarded.path, guarded.export.path("nothing.jsonl")):
            assert without_ids(Api(guarded.base, key).get(path, expect=404)) == without_ids(unknown)
    here = guarded.admin.call("create_key", json={"name": "x", "scopes": ["export"], "datasets": [guarded.name]})
    Api(guarded.base, here.json()["key"]).get(guarded.path, expect=200)


# -- what must not be left behind --

def test_descriptors_are_closed_on_every_path(server, api, export, place):
    big = place({"big.npy": bytes(32 * 2**20)})
    path = export.path("pretrain.jsonl")
    for _ in range(20):
        api.get(path, expect=200)
        for method, status, headers in (("HEAD", 200, {}), ("GET", 304, {"If-None-Match": "*"}),
                                        ("GET", 412, {"If-Match": '"x"'}), ("GET", 416, {"Range": f"bytes={N}-"}),
                                        ("GET", 206, {"Range": "bytes=1-2"})):
            api.request(method, path, headers=headers, expect=status)
    held = []
    for i in range(20):
        s = connect(server.base, receive_buffer=4096)
        s.sendall(f"GET {big.path('big.npy')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert s.recv(1000)
        held.append(s)
        if i % 2:  # gone before it was asked anything else, and with the answer under way
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert len(open_files(server)) == 20
    for s in held:
        s.close()
    for _ in range(20):  # gone before the answer
        with connect(server.base) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with connect(server.base) as s:  # several asked for, none taken
        s.sendall(f"GET {big.path('big.npy')} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 10)
    until(lambda: not open_files(server), "the files to be closed")


def test_a_file_that_is_taken_away_meanwhile(server, place):
    """Whoever has begun gets all of it."""
    data = random.Random(8).randbytes(32 * 2**20)
    made = place({"big.npy": data})
    with requests.get(server.base + made.path("big.npy"), stream=True, timeout=PATIENCE) as answer:
        had = answer.raw.read(1000)
        made.delete()
        shutil.rmtree(made.folder)
        assert had + answer.raw.read() == data


def test_a_file_that_becomes_shorter_meanwhile(new_server):
    """It breaks off after the idle timeout; nobody takes it for the whole."""
    server = new_server(MONOCEROS_HTTP_IDLE_TIMEOUT=1)
    dataset = Dataset(Api(server.base), "shorter")
    made = Export(server.database, dataset.name, {"big.npy": bytes(64 * 2**20)})
    with connect(server.base, receive_buffer=4096) as s:
        s.sendall(f"GET {made.path('big.npy')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert s.recv(1000)
        os.truncate(made.on_disk("big.npy"), 1000)
        taken = 1000
        while part := s.recv(2**20):
            taken += len(part)
    assert taken < 64 * 2**20
