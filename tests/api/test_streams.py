"""Captions and dialogues as streams of lines: what the lists have, however it is dealt out, and whole
in spite of everything that breaks."""
import http.client
import json
import urllib.parse

import pytest
import requests

from conftest import unique_name
from support import keys
from support.client import Api
from support.dataset import EVERY_TASK, Dataset
from support.seeds import generate
from support.server import sanitized
from support.wait import REQUEST_S, until

WHATS = ["captions", "dialogues"]
ID = {"captions": "id", "dialogues": "id", "llava": "dialogue_id"}
SEEDS = 100


def rows(dataset, what, **params):
    answer = dataset.api.call(f"stream_{what}", dataset=dataset.name, params=params)
    assert answer.content == b"" or answer.content.endswith(b"\n")
    return [json.loads(line, object_pairs_hook=list) for line in answer.content.splitlines()]


def listed(dataset, what, **params):
    return [json.loads(json.dumps(item), object_pairs_hook=list)
            for item in dataset.api.items(f"{dataset.path}/{what}", **params)]


def ids(rows):
    return [dict(row).get("dialogue_id") or dict(row)["id"] for row in rows]


@pytest.fixture(scope="module")
def streets(server):
    """Two recipes, two sources, and captions that were judged or dropped."""
    dataset = Dataset(Api(server.base), unique_name("streets"), shards=8)
    dataset.add([{"text": text, "source": "ab"[i % 2], **({"domain": "street"} if i % 3 else {})}
                 for i, text in enumerate(generate(60))])
    dataset.first = dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})["id"]
    dataset.run(["captions", "dialogues"], limit=3, captions={"salt": "again", "variants": 2},
                dialogues={"mix": {"multiple_choice": 1}})
    names = sorted(item["id"] for item in dataset.captions(view="all"))

    def change(name, assignment):
        seed, digest = name.split("-")
        server.database.execute(f"UPDATE captions SET {assignment} WHERE seed_id = '{seed}'"
                                f" AND hash = decode('{digest}', 'hex')")
    change(names[3], "verdict = 'accepted', reviewer = 'ann', reviewed_at = now()")
    change(names[9], "verdict = 'rejected', rejected = true, reviewer = 'ann', reviewed_at = now()")
    change(names[12], "dropped = 'refusal'")
    change(names[15], "text = 'A \"quoted\"' || chr(10) || chr(9) || chr(92) || ' caf\u00e9 \U0001f984 ' || chr(8232) "
                      "|| chr(1) || chr(127)")
    change(names[18], "cost = 1234567, flags = '{short,echo}'")
    return dataset


CAPTION_FILTERS = [
    {}, {"view": "all"}, {"view": "default"}, {"outcome": "any"}, {"outcome": "dropped"}, {"outcome": "rejected"},
    {"verdict": "accepted"}, {"verdict": "rejected"}, {"verdict": "none"}, {"dropped": "refusal"},
    {"verdict": "none", "view": "all", "outcome": "any"}, {"source": "a"}, {"domain": "street"},
    {"source": "b", "domain": "street", "view": "all"}, {"min_length": 400}, {"max_length": 30},
    {"min_length": 300, "max_length": 500}, {"recipe": "0" * 32}, {"source": "nobody"}]


@pytest.mark.parametrize("params", CAPTION_FILTERS, ids=str)
def test_captions_are_the_items_of_the_list(streets, params):
    expected = listed(streets, "captions", **params)
    assert rows(streets, "captions", **params) == expected
    assert bool(expected) == (params not in ({"recipe": "0" * 32}, {"source": "nobody"}))


@pytest.mark.parametrize("params", [
    {}, {"view": "all"}, {"format": "llava"}, {"format": "llava", "view": "all"}, {"format": "monoceros"},
    {"task": "multiple_choice"}, {"task": "complex_reasoning", "view": "all"}, {"recipe": "0" * 32}], ids=str)
def test_dialogues_are_the_items_of_the_list(streets, params):
    expected = listed(streets, "dialogues", **params)
    assert rows(streets, "dialogues", **params) == expected
    assert bool(expected) == ("recipe" not in params)


@pytest.mark.parametrize("what, params", [("captions", {"outcome": "any"}), ("dialogues", {"view": "all"}),
                                          ("dialogues", {"format": "llava"})])
def test_lines_are_the_bytes_of_the_list(streets, what, params):
    lines = streets.api.call(f"stream_{what}", dataset=streets.name, params=params).content.splitlines()
    body = streets.api.get(f"{streets.path}/{what}", params={**params, "page_size": 1000}, expect=200).content
    assert len(lines) > 50 and b'{"items":[' + b",".join(lines) + b"]}" == body


@pytest.mark.parametrize("what", WHATS)
def test_of_a_run_a_recipe_and_a_seed(streets, what):
    everything = streets.api.items(f"{streets.path}/{what}", view="all")
    for recipe in {item["recipe"] for item in everything}:
        expected = listed(streets, what, recipe=recipe)
        assert expected and rows(streets, what, recipe=recipe) == expected
    expected = listed(streets, what, run=streets.first)
    assert expected and rows(streets, what, run=streets.first) == expected
    if what == "captions":
        seed = everything[7]["seed_id"]
        assert rows(streets, what, seed=seed, view="all") == listed(streets, what, seed=seed, view="all") != []


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("of", [1, 2, 3, 8])
def test_readers_get_each_row_once(streets, what, of):
    everything = listed(streets, what, view="all")
    parts = [rows(streets, what, view="all", shard=i, of=of) for i in range(of)]
    assert sorted(sum(map(ids, parts), [])) == sorted(ids(everything))
    for i, part in enumerate(parts):
        assert part == [row for row in everything if int(dict(row)["id"][:16], 16) % 8 % of == i]
    assert sum(map(bool, parts)) == of


@pytest.mark.parametrize("what, params", [("captions", {"view": "all"}), ("dialogues", {"view": "all"}),
                                          ("dialogues", {"format": "llava"}),
                                          ("captions", {"shard": 1, "of": 3}), ("captions", {"source": "a"})])
def test_resumed_behind_any_row(streets, what, params):
    everything = rows(streets, what, **params)
    names = ids(everything)
    for k in [*range(0, len(names), 7), len(names) - 1]:
        assert rows(streets, what, after=names[k], **params) == everything[k + 1:]
        if k + 3 < len(names):
            assert rows(streets, what, after=names[k], limit=2, **params) == everything[k + 1:k + 3]


def test_resumed_behind_a_caption_that_was_rejected_since(streets):
    rejected = dict(rows(streets, "captions", outcome="rejected")[0])["id"]
    everything = listed(streets, "captions", outcome="any")
    place = ids(everything).index(rejected)
    left = [row for row in everything[place + 1:] if row in listed(streets, "captions", view="all")]
    assert rows(streets, "captions", view="all", after=rejected) == left


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("limit", [1, 5, 1_000_000_000])
def test_limit(streets, what, limit):
    assert rows(streets, what, limit=limit) == listed(streets, what)[:limit]


@pytest.mark.parametrize("what", WHATS)
def test_answer(streets, what):
    answer = streets.api.call(f"stream_{what}", dataset=streets.name)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{streets.name}-{what}.jsonl"'
    assert answer.headers["Transfer-Encoding"] == "chunked"
    head = streets.api.request("HEAD", f"{streets.path}/{what}.jsonl", expect=200)
    assert head.content == b"" and "Content-Length" not in head.headers
    assert head.headers["Content-Disposition"] == answer.headers["Content-Disposition"]


def test_a_dataset_without_rows(api, dataset):
    for what in WHATS:
        assert rows(dataset, what) == rows(dataset, what, shard=3, of=4) == []


def test_an_object_that_was_stored_on_several_lines(server, new_dataset):
    dataset = new_dataset(Api(server.base))
    dataset.load(generate(4))
    dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})
    server.database.execute(
        r"""UPDATE dialogues SET conversations = replace(conversations::text, '{', E' \r\n\n{')::json
            WHERE shard_id / 65536 = (SELECT number FROM datasets WHERE name = '""" + dataset.name + "')")
    assert rows(dataset, "dialogues") == listed(dataset, "dialogues")
    assert len(rows(dataset, "dialogues", format="llava")) == 12


# -- refusals --

@pytest.mark.parametrize("params, pointer, why", [
    ({"shard": 0, "of": 9}, "?of", "the dataset's 8 shards"), ({"shard": 3, "of": 3}, "?shard", "less than of"),
    ({"shard": 0}, "?of", "how many readers"), ({"of": 2}, "?shard", "which of the readers"),
    ({"after": "x"}, "?after", "the id of a"), ({"after": "0" * 32}, "?after", "the id of a"),
    ({"run": "x"}, "?run", "an id"), ({"recipe": "x"}, "?recipe", "an id")], ids=str)
@pytest.mark.parametrize("what", WHATS)
def test_refused(streets, what, params, pointer, why):
    answer = streets.api.call(f"stream_{what}", dataset=streets.name, params=params, expect=422)
    assert answer.pointers == [pointer] and why in answer.json()["errors"][0]["detail"]


def test_lengths_that_exclude_each_other(streets):
    answer = streets.api.call("stream_captions", dataset=streets.name, expect=422,
                              params={"min_length": 2, "max_length": 1})
    assert answer.pointers == ["?min_length"]


@pytest.mark.parametrize("what", WHATS)
def test_after_a_row_that_is_not_there(streets, what):
    known = ids(rows(streets, what))[0]
    for name in (known[:-1] + ("0" if known[-1] != "0" else "1"), "f" * 32 + known[32:]):
        answer = streets.api.call(f"stream_{what}", dataset=streets.name, params={"after": name}, expect=404)
        assert answer.problem == "not-found" and "in after" in answer.json()["detail"]


@pytest.mark.parametrize("what", WHATS)
def test_after_a_row_of_another_reader(streets, what):
    name = ids(rows(streets, what, shard=1, of=4))[0]
    answer = streets.api.call(f"stream_{what}", dataset=streets.name, expect=422,
                              params={"after": name, "shard": 0, "of": 4})
    assert answer.pointers == ["?after"] and "reader 1 of 4" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("what", WHATS)
def test_a_dataset_that_is_deleted(api, new_dataset, what):
    dataset = new_dataset(api)
    dataset.load(generate(2))
    api.call("delete_dataset", dataset=dataset.name)
    assert api.call(f"stream_{what}", dataset=dataset.name, expect=404).problem == "not-found"
    assert api.request("HEAD", f"{dataset.path}/{what}.jsonl").status == 404


# -- keys --

@pytest.mark.parametrize("what", WHATS)
def test_keys_and_signed_urls(guarded_server, what):
    admin = Api(guarded_server.base, keys.create(guarded_server, "admin"))
    dataset = Dataset(admin, unique_name("kept"))
    dataset.load(generate(6))
    dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})
    expected = admin.call(f"stream_{what}", dataset=dataset.name).content
    path = f"{dataset.path}/{what}.jsonl"
    assert expected and requests.get(guarded_server.base + path, timeout=60).status_code == 401

    def with_key(*scopes, **limits):
        return Api(guarded_server.base, admin.call(
            "create_key", json={"name": "k", "scopes": list(scopes), **limits}).json()["key"])
    assert with_key("export").get(path, expect=200).content == expected
    with_key("read", "write", "run").get(path, expect=403)
    with_key("export", datasets=["elsewhere"]).get(path, expect=404)
    url = admin.call("sign_url", json={"url": path + "?shard=0&of=2"}).json()["url"]
    part = requests.get(guarded_server.base + url, timeout=60).content
    assert part == admin.get(path, params={"shard": 0, "of": 2}).content != expected
    assert requests.head(guarded_server.base + url, timeout=60).status_code == 200
    assert requests.get(guarded_server.base + url.replace("shard=0", "shard=1"), timeout=60).status_code == 401


# -- streams that break --

class Stream:
    """A client that reads as much as it is told to."""

    def __init__(self, base, path):
        host = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(host.hostname, host.port, timeout=REQUEST_S)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.body = self.answer.read(1000)

    def rest(self):
        """Whether the body came to its end."""
        try:
            while piece := self.answer.read(1 << 20):
                self.body += piece
            return True
        except http.client.IncompleteRead as error:
            self.body += error.partial
        except ConnectionResetError:
            pass
        return False

    def close(self):
        self.answer.close()
        self.connection.close()

    @property
    def names(self):
        """Of the lines that are whole."""
        return [json.loads(line)["id"] for line in self.body.split(b"\n")[:-1]]


def multiplied(server, n):
    """A dataset of so many captions of about 1 kB."""
    dataset = Dataset(Api(server.base), "large", 4)
    dataset.load(generate(SEEDS))
    dataset.run(["captions"])
    columns = server.database.value(
        "SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = 'captions' AND column_name NOT IN ('shard_id', 'seed_id')")
    server.database.execute(
        f"INSERT INTO captions (shard_id, seed_id, {columns})"
        f" SELECT (c.shard_id & ~65535) + (get_byte(uuid_send(k.id), 7) & 3), k.id, {columns}"
        f" FROM captions c, generate_series(1, {n // SEEDS - 1}) g,"
        f" LATERAL (SELECT md5(g || c.seed_id::text)::uuid AS id) k")
    server.database.execute("ANALYZE captions")
    return dataset


@pytest.fixture
def large(new_server):
    """More than the buffers on the way take: a client that does not read stops the stream."""
    server = new_server(MONOCEROS_REQUEST_THREADS=2, MONOCEROS_DRAIN_TIMEOUT=1)
    return server, multiplied(server, 20_000)


def expected_names(server):
    text = server.database.value(
        "SELECT string_agg(replace(seed_id::text, '-', '') || '-' || encode(hash, 'hex'), ' '"
        " ORDER BY shard_id, seed_id) FROM captions")
    return text.split()


@pytest.mark.parametrize("what", ["the database fails", "the server is killed", "the server is stopped"])
def test_each_row_once_in_spite_of(large, what):
    server, dataset = large
    path = dataset.path + "/captions.jsonl?view=all"
    first = Stream(server.base, path)
    if what == "the database fails":
        server.database.execute("ALTER TABLE captions RENAME TO hidden")
        assert first.rest() is False
        server.database.execute("ALTER TABLE hidden RENAME TO captions")
        assert b"stream_broken" in server.log()
    else:
        if what == "the server is killed":
            server.kill()
        else:
            server.terminate()
            server.wait()
        assert first.rest() is False
        server.start()
    first.close()
    names = first.names
    assert 0 < len(names) < 20_000
    second = Stream(server.base, f"{path}&after={names[-1]}")
    assert second.rest() is True
    assert names + second.names == expected_names(server)
    second.close()


def test_a_short_absence_of_the_database_is_sat_out(large):
    server, dataset = large
    stream = Stream(server.base, dataset.path + "/captions.jsonl?view=all")
    server.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name = 'monoceros/stream'")
    assert stream.rest() is True and stream.names == expected_names(server)
    stream.close()


def test_a_dataset_that_is_deleted_meanwhile(large):
    """What is left of it does not look like the whole."""
    server, dataset = large
    stream = Stream(server.base, dataset.path + "/captions.jsonl")
    dataset.api.call("delete_dataset", dataset=dataset.name)
    assert stream.rest() is False
    stream.close()


@pytest.mark.skipif(sanitized(), reason="a sanitizer's memory is its own")
def test_memory_does_not_grow_with_the_rows(new_server):
    server = new_server()
    dataset = multiplied(server, 100_000)
    path = dataset.path + "/captions.jsonl?view=all"
    for _ in range(2):
        dataset.api.get(path + "&limit=5000", expect=200)
    before = server.resident_bytes("VmHWM")
    stream = Stream(server.base, path)
    assert stream.rest() is True and len(stream.body) > 80 << 20
    assert server.resident_bytes("VmHWM") - before < 8 << 20
    stream.close()


def test_half_of_the_threads_stream(large):
    server, dataset = large
    path = dataset.path + "/captions.jsonl"
    stream = Stream(server.base, path)
    answer = dataset.api.call("stream_dialogues", dataset=dataset.name, expect=503)
    assert int(answer.headers["Retry-After"]) > 0
    dataset.api.call("create_embeddings", json={"input": ["A dog."]})
    stream.close()
    until(lambda: dataset.api.get(path + "?limit=1", expect=(200, 503)).status == 200,
          "the thread to notice that the client has left")
    line, = [json.loads(line) for line in server.log().splitlines() if b"stream_broken" in line]
    assert "left" in line["detail"]


def test_the_connection_stays(streets):
    """A body that is whole costs nothing."""
    stream = Stream(streets.api.base, streets.path + "/captions.jsonl")
    assert stream.rest() is True
    stream.connection.request("GET", streets.path)
    assert stream.connection.getresponse().status == 200
    stream.close()
