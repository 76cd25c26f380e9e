"""Reviews: what is drawn, who holds which item, and what the counts say."""
import math
import statistics
import threading

import pytest

from conftest import unique_name
from support.client import Api
from support.dataset import Dataset
from support.review import Review, draw_order
from support.seeds import generate
from support.server import Server
from support.wait import until


@pytest.fixture(scope="module")
def drawn_from(server):
    """Captions of which some were dropped and some flagged; tests only draw from them."""
    made = Dataset(Api(server.base), unique_name("drawn"), 5)
    made.add([{"text": t, "source": f"s{i % 2}", "domain": f"d{i % 3}"}
              for i, t in enumerate(generate(40))])
    made.first = made.run(["captions"], captions={"variants": 2})
    made.second = made.run(["captions"], captions={"salt": "x"})
    server.database.execute("UPDATE captions SET dropped = 'refusal' WHERE left(encode(hash, 'hex'), 1) = '3'")
    server.database.execute("UPDATE captions SET flags = '{short,odd}'"
                            " WHERE left(encode(hash, 'hex'), 1) IN ('4', '5')")
    return made


def places(review, reviewer="ann"):
    """The caption ids of a review in the order of the draw."""
    items = review.lease(reviewer)
    assert [item["place"] for item in items.values()] == list(range(1, len(items) + 1))
    return list(items)


# -- the draw --

def test_created_review(api, dataset):
    dataset.load(generate(12))
    dataset.run(["captions"])
    answer = api.call("create_review", dataset=dataset.name, json={
        "sample": 5, "seed": 9, "label": "a look", "lease_seconds": 60,
        "select": {"outcome": "usable", "verdict": "none"}})
    made = answer.json()
    assert answer.headers["Location"] == made["links"]["self"] == f"/v1/reviews/{made['id']}"
    assert made["dataset"] == dataset.name and made["label"] == "a look"
    assert (made["sample"], made["seed"], made["lease_seconds"]) == (5, 9, 60)
    assert made["select"] == {"outcome": "usable", "verdict": "none"}
    assert made["counts"] == {"total": 5, "open": 5, "leased": 0, "accepted": 0, "rejected": 0,
                              "corrected": 0, "skipped": 0}
    assert made["progress"] == 0 and made["acceptance"] == {"judged": 0, "accepted": 0}
    assert made["reviewers"] == [] and [r["total"] for r in made["recipes"]] == [5]
    assert api.get(answer.headers["Location"], expect=200).json() == made
    listed, = api.items(dataset.path + "/reviews")
    assert listed == {k: v for k, v in made.items() if k not in ("acceptance", "recipes", "reviewers")}


def test_what_is_not_said_has_a_default(dataset):
    dataset.load(generate(3))
    dataset.run(["captions"])
    made = Review(dataset, sample=1).made
    assert (made["seed"], made["lease_seconds"], made["label"]) == (0, 900, "")
    assert "select" not in made


@pytest.mark.parametrize("seed", [0, 1, 77, 2**53 - 1])
def test_the_lowest_hashes_are_drawn(drawn_from, seed):
    expected = draw_order([c["id"] for c in drawn_from.captions()], seed)
    assert len(expected) > 40
    assert places(Review(drawn_from, sample=17, seed=seed)) == expected[:17]
    assert places(Review(drawn_from, sample=9, seed=seed)) == expected[:9]
    assert places(Review(drawn_from, sample=1000, seed=seed)) == expected


def test_another_seed_draws_others(drawn_from):
    assert places(Review(drawn_from, sample=20, seed=1)) != places(Review(drawn_from, sample=20, seed=2))


def test_the_same_draw_whatever_the_shards(api, new_dataset):
    found = []
    for shards in (1, 7, 64):
        one = new_dataset(api, shards)
        one.load(generate(30))
        one.run(["captions"])
        found.append(places(Review(one, sample=11, seed=3)))
    assert found[0] == found[1] == found[2]


def test_a_draw_over_many_stretches(api, dataset, database):
    """More captions in a shard than one statement walks over."""
    dataset.load(generate(5))
    recipe = dataset.run(["captions"])["stages"][0]["recipe"]
    first = database.value(f"SELECT number * 65536 AS id FROM datasets WHERE name = '{dataset.name}'")
    database.execute(
        "INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model,"
        " finish_reason, tokens_in, tokens_out)"
        f" SELECT {first} + s, md5(n::text)::uuid, '{recipe}', 0, decode(left(md5('h' || n), 16), 'hex'),"
        " 'text', md5('r')::uuid, 'm', 'stop', 0, 0"
        " FROM generate_series(0, 1) s, generate_series(s * 100000 + 1, s * 100000 + 12000) n")
    ids = database.query("SELECT replace(seed_id::text, '-', '') || '-' || encode(hash, 'hex') AS id"
                         f" FROM captions WHERE shard_id BETWEEN {first} AND {first} + 3")
    expected = draw_order([row["id"] for row in ids], 5)
    assert len(expected) == 24005
    for sample in (1, 50, 6000):
        review = Review(dataset, sample=sample, seed=5)
        items = database.query(
            "SELECT replace(seed_id::text, '-', '') || '-' || encode(caption_hash, 'hex') AS id"
            f" FROM review_items WHERE review_id = '{review.id}' ORDER BY place")
        assert [row["id"] for row in items] == expected[:sample]


def selected(drawn_from, **select):
    return set(places(Review(drawn_from, sample=1000, select=select)))


def ids(captions):
    assert captions
    return {caption["id"] for caption in captions}


def test_what_is_drawn_from(drawn_from):
    every = drawn_from.captions(view="all", outcome="any")
    usable = [c for c in every if "dropped" not in c]
    assert len(every) == 120 > len(usable)
    first, second = (run["stages"][0]["recipe"] for run in (drawn_from.first, drawn_from.second))
    seeds = {seed["id"]: seed for seed in drawn_from.seeds()}
    picked = ids(drawn_from.captions())
    assert selected(drawn_from) == selected(drawn_from, outcome="usable", verdict="none") == picked
    assert selected(drawn_from, recipe=first) == ids([c for c in usable if c["recipe"] == first])
    assert selected(drawn_from, run=drawn_from.second["id"]) == ids([c for c in usable
                                                                    if c["recipe"] == second])
    assert selected(drawn_from, outcome="dropped") == ids([c for c in every if "dropped" in c])
    assert len(Review(drawn_from, sample=1000, select={"outcome": "any"}).made["recipes"]) == 2
    assert Review(drawn_from, sample=1000, select={"outcome": "any"}).counts()["total"] == 120
    assert selected(drawn_from, flag="odd") == {c["id"] for c in usable if "odd" in c["flags"]} & picked
    assert selected(drawn_from, source="s1") == {id for id in picked if seeds[id[:32]]["source"] == "s1"}
    assert selected(drawn_from, source="s1", domain="d2", recipe=first) == ids(
        [c for c in usable if c["recipe"] == first and seeds[c["seed_id"]]["source"] == "s1"
         and seeds[c["seed_id"]]["domain"] == "d2"])
    for nothing in ({"flag": "nobody"}, {"source": "nowhere"}, {"recipe": "0" * 32}, {"run": "0" * 32},
                    {"outcome": "rejected"}, {"verdict": "accepted"}):
        assert selected(drawn_from, **nothing) == set()


REFUSED = [
    ({}, "/sample"), ({"sample": 0}, "/sample"), ({"sample": 10001}, "/sample"),
    ({"sample": 1, "seed": -1}, "/seed"), ({"sample": 1, "seed": 2**53}, "/seed"),
    ({"sample": 1, "lease_seconds": 0}, "/lease_seconds"),
    ({"sample": 1, "lease_seconds": 86401}, "/lease_seconds"),
    ({"sample": 1, "label": "x" * 201}, "/label"),
    ({"sample": 1, "select": {"recipe": "x"}}, "/select/recipe"),
    ({"sample": 1, "select": {"run": "0" * 31 + "G"}}, "/select/run"),
    ({"sample": 1, "select": {"outcome": "odd"}}, "/select/outcome"),
    ({"sample": 1, "select": {"verdict": "skipped"}}, "/select/verdict"),
    ({"sample": 1, "select": {"flag": ""}}, "/select/flag"),
    ({"sample": 1, "select": {"colour": "red"}}, "/select/colour"),
]


@pytest.mark.parametrize("body, pointer", REFUSED, ids=[p.strip("/") + str(i)
                                                        for i, (_, p) in enumerate(REFUSED)])
def test_refused_review(api, dataset, body, pointer):
    answer = api.call("create_review", dataset=dataset.name, json=body, expect=422)
    assert pointer in answer.pointers
    assert api.items(dataset.path + "/reviews") == []


def test_a_review_of_nothing(dataset):
    made = Review(dataset, sample=5).made
    assert made["counts"]["total"] == 0 and made["progress"] == 1 and made["recipes"] == []


def test_items_are_frozen(dataset):
    dataset.load(generate(20))
    dataset.run(["captions"])
    review = Review(dataset, sample=10)
    dataset.load(generate(40))
    dataset.run(["captions"], captions={"salt": "another"})
    before = places(review)
    assert before != places(Review(dataset, sample=10))
    assert before == places(review)
    assert review.counts()["total"] == 10


def test_reviews_are_created_at_once(dataset):
    """Their numbers within the dataset are taken one after the other."""
    dataset.load(generate(5))
    dataset.run(["captions"])
    made, threads = [], []
    for i in range(12):
        def create(i=i):
            made.append(Dataset(Api(dataset.api.base), dataset.name).api.call(
                "create_review", dataset=dataset.name, json={"sample": 2, "seed": i}).json()["id"])
        threads.append(threading.Thread(target=create))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 12
    assert sorted(r["id"] for r in dataset.api.items(dataset.path + "/reviews", page_size=5)) == sorted(made)


# -- leases --

@pytest.fixture
def review(dataset):
    dataset.load(generate(30))
    dataset.run(["captions"])
    return Review(dataset, sample=20, seed=4)


def expire(database, review):
    database.execute("UPDATE review_items SET lease_until = now() - interval '1 second'"
                     f" WHERE review_id = '{review.id}' AND lease_until IS NOT NULL")


def test_a_leased_item_shows_what_there_is_to_judge(api, dataset):
    dataset.add([{"text": "A dog on a red mat.", "source": "s", "domain": "d", "metadata": {"a": [1, "b"]}}])
    dataset.run(["captions"])
    item, = Review(dataset, sample=1).lease().values()
    caption = dataset.captions()[0]
    assert item["caption"] == caption and item["caption_id"] == caption["id"]
    assert item["seed"] == dataset.seeds()[0] and item["seed"]["metadata"] == {"a": [1, "b"]}
    assert item["token"] == 1 and item["place"] == 1


def test_two_reviewers_hold_different_items(review):
    ann, bob = review.lease("ann", 7), review.lease("bob", 8)
    assert len(ann) == 7 and len(bob) == 8 and not set(ann) & set(bob)
    assert {item["token"] for item in [*ann.values(), *bob.values()]} == {1}
    counts = review.counts()
    assert (counts["open"], counts["leased"], counts["total"]) == (5, 15, 20)
    rest = review.lease("cid", 100)
    assert len(rest) == 5 and review.lease("dora", 100) == {}
    assert {r["reviewer"]: r["leased"] for r in review.get()["reviewers"]} == {"ann": 7, "bob": 8, "cid": 5}


def test_asking_again_gives_the_same_items_and_renews_them(review, database):
    first = review.lease("ann", 6)
    database.execute("UPDATE review_items SET lease_until = now() + interval '5 seconds'"
                     f" WHERE review_id = '{review.id}' AND lease_until IS NOT NULL")
    again = review.lease(" ann ", 6)
    assert list(again) == list(first)
    assert [i["token"] for i in again.values()] == [i["token"] for i in first.values()]
    left = database.value("SELECT min(extract(epoch FROM lease_until - now())) AS s FROM review_items"
                          f" WHERE review_id = '{review.id}' AND lease_until IS NOT NULL")
    assert left > 300
    assert list(review.lease("ann", 4)) == list(first)[:4]
    more = review.lease("ann", 9)
    assert set(first) < set(more) and len(more) == 9
    assert review.counts()["leased"] == 9


def test_the_default_is_ten_items(review):
    answer = review.api.call("lease_review_items", review=review.id, json={"reviewer": "ann"}).json()
    assert len(answer["items"]) == 10
    assert answer["counts"] == review.counts()


def test_a_lease_that_ran_out_comes_back(review, database):
    ann = review.lease("ann", 20)
    assert review.lease("bob") == {}
    expire(database, review)
    assert review.counts()["open"] == 20
    bob = review.lease("bob", 5)
    assert list(bob) == list(ann)[:5]
    assert {item["token"] for item in bob.values()} == {2}
    # Nobody else has taken this one: its token is good still.
    late = list(ann.values())[7]
    review.give(late, "accepted")
    for id, item in bob.items():
        answer = review.post([{"caption_id": id, "token": 1, "verdict": "rejected"}])
        assert [r["reason"] for r in answer["refused"]] == ["stale_token"], item
        assert answer["refused"][0]["pointer"] == "/verdicts/0/token"
    stolen = review.post([{"caption_id": id, "token": 2, "verdict": "rejected"} for id in bob])
    assert len(stolen["refused"]) == 5, "the token alone is not enough"
    assert review.counts() == {"total": 20, "open": 14, "leased": 5, "accepted": 1, "rejected": 0,
                               "corrected": 0, "skipped": 0}
    for item in bob.values():
        review.give(item, "accepted", "bob")


def test_a_decided_item_is_leased_to_nobody(review, database):
    for item in review.lease("ann", 20).values():
        review.give(item, "skipped")
    expire(database, review)
    assert review.lease("bob") == {} and review.get()["progress"] == 1


@pytest.mark.parametrize("body, pointer", [
    ({}, "/reviewer"), ({"reviewer": ""}, "/reviewer"), ({"reviewer": " \t"}, "/reviewer"),
    ({"reviewer": "x" * 101}, "/reviewer"), ({"reviewer": "a", "count": 0}, "/count"),
    ({"reviewer": "a", "count": 101}, "/count"), ({"reviewer": "a", "more": 1}, "/more")])
def test_refused_lease(review, body, pointer):
    answer = review.api.call("lease_review_items", review=review.id, json=body, expect=422)
    assert answer.pointers == [pointer]
    assert review.counts()["open"] == 20


def test_two_servers_lease_each_item_once(new_server, cluster):
    first = new_server()
    second = Server(first.database)
    try:
        second.start()
        one = Dataset(Api(first.base), "shared", 16)
        one.load(generate(300))
        one.run(["captions"])
        review = Review(one, sample=300)
        held, faults = {}, []

        def lease_all(name, base):
            mine, api = {}, Api(base)
            try:
                while True:
                    items = review.lease(name, 15, api)
                    if not items:
                        break
                    mine.update(items)
                    answer = review.post([{"caption_id": id, "token": item["token"], "verdict": "accepted"}
                                          for id, item in items.items()], name, api)
                    assert not answer["refused"] and len(answer["items"]) == len(items)
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(fault)
            held[name] = mine

        threads = [threading.Thread(target=lease_all, args=(f"r{i}", (first, second)[i % 2].base))
                   for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults, faults
        every = [id for mine in held.values() for id in mine]
        assert len(every) == len(set(every)) == 300
        assert review.counts()["accepted"] == 300
        assert {item["token"] for mine in held.values() for item in mine.values()} == {1}
        assert sum(r["accepted"] for r in review.get()["reviewers"]) == 300
        second.stop()
    finally:
        second.destroy()


# -- counts --

def wilson(accepted, judged):
    """The two proportions whose distance from the observed one is z standard errors of their own,
    by bisection."""
    z = statistics.NormalDist().inv_cdf(0.975)
    observed = accepted / judged

    def edge(outside):
        inside = observed
        for _ in range(200):
            middle = (inside + outside) / 2
            if abs(observed - middle) > z * math.sqrt(middle * (1 - middle) / judged):
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    return edge(0), edge(1)


def close(a, b):
    return math.isclose(a, b, abs_tol=1e-9)


def test_acceptance_by_recipe(api, dataset):
    dataset.load(generate(40))
    recipes = [dataset.run(["captions"], captions={"salt": s})["stages"][0]["recipe"] for s in "ab"]
    review = Review(dataset, sample=60, select={"outcome": "any"})
    given = {recipe: {"accepted": 0, "rejected": 0, "corrected": 0, "skipped": 0} for recipe in recipes}
    cycle = ["accepted", "accepted", "rejected", "accepted", "corrected", "skipped", "accepted"]
    for i, item in enumerate(review.lease(count=50).values()):
        verdict = cycle[i % len(cycle)]
        more = {"text": f"A corrected text, number {i}."} if verdict == "corrected" else {}
        review.give(item, verdict, **more)
        given[item["caption"]["recipe"]][verdict] += 1
    found = review.get()
    assert [r["recipe"] for r in found["recipes"]] == sorted(recipes)
    for row in found["recipes"]:
        mine = given[row["recipe"]]
        assert {k: row[k] for k in mine} == mine
        assert row["judged"] == mine["accepted"] + mine["rejected"] + mine["corrected"] > 5
        assert row["kind"] == "offline" and row["total"] > row["judged"]
        check_interval(row)
    every = found["acceptance"]
    assert every["judged"] == sum(r["judged"] for r in found["recipes"])
    assert every["accepted"] == sum(r["accepted"] for r in found["recipes"])
    check_interval(every)
    assert found["progress"] == round(50 / 60, 4)
    assert sum(v for k, v in found["counts"].items() if k != "total") == found["counts"]["total"] == 60
    ann, = found["reviewers"]
    assert ann["accepted"] == every["accepted"] and ann["leased"] == 0


def check_interval(row):
    low, high = wilson(row["accepted"], row["judged"])
    assert close(row["rate"], row["accepted"] / row["judged"])
    assert close(row["low"], low) and close(row["high"], high), (row, low, high)


@pytest.mark.parametrize("verdict, rate", [("accepted", 1), ("rejected", 0)])
def test_the_interval_at_its_ends(review, verdict, rate):
    """Where all say the same the interval is no point, and stays between 0 and 1."""
    for item in review.lease(count=7).values():
        review.give(item, verdict)
    row = review.get()["acceptance"]
    check_interval(row)
    assert row["rate"] == rate and 0 <= row["low"] <= rate <= row["high"] <= 1
    assert row["high"] - row["low"] > 0.3


def test_one_judgement(review):
    item = next(iter(review.lease(count=1).values()))
    review.give(item, "accepted")
    check_interval(review.get()["acceptance"])


# -- the end --

def test_reviews_go_with_their_dataset(api, review, dataset, database):
    review.give(next(iter(review.lease().values())), "rejected", note="no")
    number = database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    rows = " + ".join(f"(SELECT count(*) FROM {table} WHERE shard_id / 65536 = {number})"
                      for table in ("review_items", "review_verdicts"))
    assert database.value(f"SELECT {rows} AS n") == 21
    api.call("delete_dataset", dataset=dataset.name)
    api.call("get_review", review=review.id, expect=404)
    api.call("lease_review_items", review=review.id, json={"reviewer": "ann"}, expect=404)
    api.call("list_verdicts", review=review.id, expect=404)
    api.call("give_verdicts", review=review.id, expect=404, json={"reviewer": "ann", "verdicts": [
        {"caption_id": "nonsense", "token": 1, "verdict": "accepted"}]})
    assert database.value(f"SELECT count(*) FROM reviews WHERE dataset = {number}") == 0
    until(lambda: database.value(f"SELECT {rows} AS n") == 0, "the rows of the review to go")
