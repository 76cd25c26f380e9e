"""Posting seeds: identity, duplicates, and all or nothing."""
import json
import random
import threading
import unicodedata

import pytest

from support import identity
from support.client import Api
from support.seeds import generate


def test_ids_are_computed_from_the_text(dataset):
    texts = generate(100)
    answer = dataset.add(texts)
    assert answer["ids"] == [identity.seed_id(text) for text in texts]
    assert (answer["received"], answer["new"], answer["duplicate"]) == (100, 100, 0)
    assert answer["refused"] == 0
    seeds = {seed["id"]: seed["text"] for seed in dataset.seeds()}
    assert seeds == {identity.seed_id(text): text for text in texts}


def test_order_of_the_list_is_by_shard_and_id(dataset):
    dataset.add(generate(200))
    ids = [seed["id"] for seed in dataset.seeds(page_size=33)]
    assert ids == sorted(ids, key=lambda id: (identity.shard(id, dataset.shards), id))


def test_shards_in_the_database(dataset, database):
    dataset.add(generate(100))
    number = database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    rows = database.query(f"SELECT shard_id, replace(seed_id::text, '-', '') AS id FROM seeds"
                          f" WHERE shard_id / 65536 = {number}")
    assert len(rows) == 100
    for row in rows:
        assert row["shard_id"] == number * 65536 + identity.shard(row["id"], dataset.shards)


def test_the_same_again_changes_nothing(dataset):
    texts = generate(50)
    first = dataset.add(texts)
    before = dataset.seeds()
    again = dataset.add(texts)
    assert again["ids"] == first["ids"]
    assert (again["new"], again["duplicate"], again["duplicate_differs"]) == (0, 50, 0)
    assert dataset.seeds() == before


@pytest.mark.parametrize("written", [
    "  A dog   runs. ", "A\tdog\nruns.", "A\u00a0dog\u2003runs.", "\u3000A dog\u2028runs.\u0085",
    "\r\nA dog\r\n\r\nruns.\x0b\x0c"])
def test_white_space_is_normalised(dataset, written):
    answer = dataset.add([written, "A dog runs."])
    assert answer["ids"] == [identity.seed_id("A dog runs.")] * 2
    assert (answer["new"], answer["duplicate"]) == (1, 1)
    assert [seed["text"] for seed in dataset.seeds()] == ["A dog runs."]


@pytest.mark.parametrize("text", ["Cafe\u0301 au lait", "\u1100\u1161\u11a8", "\u212b", "a\u0323\u0307",
                                  "\u0958", "\ufb01 stays", "\U0001f468\u200d\U0001f469\u200d\U0001f467"])
def test_nfc_is_what_is_stored(dataset, text):
    dataset.add([text])
    seed, = dataset.seeds()
    assert seed["text"] == unicodedata.normalize("NFC", text)
    assert seed["id"] == identity.seed_id(text)


@pytest.mark.parametrize("text", ["\u200b", "a\u200bb", "\ufeffa", "\u180ea", "\x01 a", "a\x7f",
                                  "\U0010ffff", "\ufffe"])
def test_what_only_looks_like_white_space_stays(dataset, text):
    answer = dataset.add([text])
    assert answer["ids"] == [identity.seed_id(text)]
    assert dataset.seeds()[0]["text"] == identity.normalise(text)


def test_random_text_agrees_with_another_implementation(dataset):
    rng = random.Random(11)
    ranges = [(0x20, 0x7e), (0xa0, 0x24f), (0x300, 0x36f), (0x2000, 0x206f), (0x3000, 0x30ff),
              (0xac00, 0xad00), (0x1f300, 0x1f6ff), (0x1100, 0x11ff), (0x900, 0x97f)]
    texts = []
    while len(texts) < 500:
        text = "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 40)))
        if all(unicodedata.category(c) != "Cn" for c in text) and identity.normalise(text):
            texts.append(text)
    answer = dataset.add(texts)
    assert answer["ids"] == [identity.seed_id(text) for text in texts]
    stored = {seed["id"]: seed["text"] for seed in dataset.seeds()}
    assert stored == {identity.seed_id(text): identity.normalise(text) for text in texts}


def test_what_travels_with_a_seed(api, dataset):
    metadata = {"n": 1, "x": 0.1, "deep": {"list": [1, "zwei", None, True]}, "": "empty name"}
    dataset.add([{"text": "A dog.", "source": "me", "domain": "pets", "metadata": metadata}])
    seed, = dataset.seeds()
    assert (seed["source"], seed["domain"], seed["metadata"]) == ("me", "pets", metadata)
    assert api.call("get_seed", dataset=dataset.name, seed=seed["id"]).json()["metadata"] == metadata
    dataset.add(["Another dog."])
    bare, = [s for s in dataset.seeds() if s["text"] == "Another dog."]
    assert set(bare) == {"id", "text", "created_at"}


def test_the_first_of_differing_duplicates_stays(dataset):
    first = {"text": "A dog.", "source": "me", "metadata": {"a": 1, "b": 2}}
    dataset.add([first])
    same = {"text": " A  dog. ", "source": "me", "metadata": {"b": 2, "a": 1}}
    assert dataset.add([same])["duplicate_differs"] == 0
    for other in ({"text": "A dog."}, {**first, "source": "you"}, {**first, "domain": "pets"},
                  {**first, "metadata": {"a": 1}}):
        answer = dataset.add([other])
        assert (answer["new"], answer["duplicate"], answer["duplicate_differs"]) == (0, 1, 1)
    seed, = dataset.seeds()
    assert seed["source"] == "me" and seed["metadata"] == {"a": 1, "b": 2} and "domain" not in seed


def test_duplicates_within_one_request(dataset):
    answer = dataset.add([{"text": "A dog.", "source": "1"}, {"text": "A  dog.", "source": "2"},
                          "A cat.", {"text": "A dog.", "source": "1"}])
    assert (answer["received"], answer["new"], answer["duplicate"]) == (4, 2, 2)
    assert answer["duplicate_differs"] == 1
    assert next(s for s in dataset.seeds() if s["text"] == "A dog.")["source"] == "1"


BAD = [
    ({"text": ""}, "/seeds/2/text"),
    ({"text": " \u3000\n"}, "/seeds/2/text"),
    ({"text": "x" * 4001}, "/seeds/2/text"),
    ({"text": "\U0001f600" * 4001}, "/seeds/2/text"),
    ({}, "/seeds/2/text"),
    ({"text": 7}, "/seeds/2/text"),
    ({"text": None}, "/seeds/2/text"),
    ({"text": "a", "source": "s" * 201}, "/seeds/2/source"),
    ({"text": "a", "domain": ["d"]}, "/seeds/2/domain"),
    ({"text": "a", "metadata": "m"}, "/seeds/2/metadata"),
    ({"text": "a", "metadata": {"m": "x" * 8192}}, "/seeds/2/metadata"),
    ({"text": "a", "colour": "red"}, "/seeds/2/colour"),
    ({"text": "a", "a/b~c": 1}, "/seeds/2/a~1b~0c"),
    ("a", "/seeds/2"),
    (None, "/seeds/2"),
]


@pytest.mark.parametrize("bad, pointer", BAD, ids=[str(i) for i in range(len(BAD))])
def test_one_bad_seed_and_nothing_is_stored(api, dataset, bad, pointer):
    seeds = [{"text": "A good seed."}, {"text": "Another good seed."}, bad, {"text": "A third."}]
    answer = api.call("create_seeds", dataset=dataset.name, json={"seeds": seeds}, expect=422)
    assert answer.problem == "validation"
    assert answer.pointers == [pointer]
    assert dataset.seeds() == []


def test_many_bad_seeds_are_named(api, dataset):
    seeds = [{"text": ""} if i % 2 else {"text": f"Seed {i}."} for i in range(100)]
    answer = api.call("create_seeds", dataset=dataset.name, json={"seeds": seeds}, expect=422)
    assert answer.pointers == [f"/seeds/{i}/text" for i in (1, 3, 5, 7, 9, 11, 13, 15)]
    assert dataset.seeds() == []


def test_limits_are_inclusive(dataset):
    longest = "\U0001f600" * 4000
    answer = dataset.add([{"text": longest, "source": "é" * 200, "domain": "d" * 200,
                           "metadata": {"m": "x" * (8192 - 8)}}])
    assert answer["new"] == 1
    assert dataset.seeds()[0]["text"] == longest
    assert dataset.add(generate(1000))["new"] == 1000


def test_length_counts_after_normalisation(api, dataset):
    padded = "a" + " " * 3000 + "b" + " " * 3000
    answer = api.call("create_seeds", dataset=dataset.name, json={"seeds": [{"text": padded}]},
                      lenient=True)
    assert answer.json()["ids"] == [identity.seed_id("a b")]


def test_body_over_eight_mebibytes(api, dataset):
    body = json.dumps({"seeds": [{"text": "x" * 4000, "source": str(i)} for i in range(2200)]})
    assert len(body) > 8 * 2**20
    answer = api.call("create_seeds", dataset=dataset.name, expect=413, data=body.encode(),
                      headers={"Content-Type": "application/json"})
    assert answer.problem == "payload-too-large"
    chunks = (body[i:i + 65536].encode() for i in range(0, len(body), 65536))
    answer = api.session.post(api.base + dataset.path + "/seeds", data=chunks, timeout=60,
                              headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert dataset.seeds() == []


def test_too_many_json_values(api, dataset):
    body = b'{"seeds":[' + b"{}," * 2_000_000 + b"{}]}"
    answer = api.call("create_seeds", dataset=dataset.name, data=body, expect=(400, 413, 422),
                      headers={"Content-Type": "application/json"})
    assert answer.problem in ("malformed-request", "payload-too-large", "validation")


def test_same_seeds_from_many_clients_at_once(api, dataset):
    texts = generate(300)
    answers, errors = [], []

    def post(order):
        try:
            mine = list(texts)
            random.Random(order).shuffle(mine)
            answer = Api(api.base).call("create_seeds", dataset=dataset.name,
                                        json={"seeds": [{"text": t} for t in mine]})
            answers.append(answer.json())
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=post, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(answer["new"] for answer in answers) == 300
    assert sum(answer["duplicate"] for answer in answers) == 7 * 300
    assert len(dataset.seeds()) == 300


def test_seed_before_anything_was_made_of_it(api, dataset):
    id, = dataset.add(["A dog."])["ids"]
    seed = api.call("get_seed", dataset=dataset.name, seed=id).json()
    assert seed["captions"] == [] and seed["embeddings"] == [] and seed["failures"] == []


def test_filters(dataset):
    dataset.add([{"text": f"Seed {i}.", "source": f"s{i % 2}", "domain": f"d{i % 3}"}
                 for i in range(30)])
    assert len(dataset.seeds(source="s1")) == 15
    assert len(dataset.seeds(domain="d0", page_size=3)) == 10
    assert len(dataset.seeds(source="s0", domain="d2")) == 5
    assert dataset.seeds(source="s") == []
    assert dataset.seeds(source="' OR 1=1 --") == []
