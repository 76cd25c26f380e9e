"""Verdicts: what they do to captions and views, how they are replaced, and what cannot be stored."""
import hashlib
import threading

import pytest

from support import identity
from support.client import Api
from support.dataset import EVERY_TASK, stage_of
from support.review import Review
from support.seeds import generate

BY_PEOPLE = {"verdict", "reviewer", "reviewed_at"}


def human_recipe(revision):
    text = f'{{"kind":"human","model":"human","revision":{revision},"stage":"captions"}}'
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def human_id(caption, text, revision=1):
    return identity.caption_id(caption["seed_id"], human_recipe(revision), caption["variant"], text)


def made_by_machines(caption):
    return {name: value for name, value in caption.items() if name not in {*BY_PEOPLE, "dialogues"}}


@pytest.fixture
def reviewed(dataset):
    """A dataset with everything and a review of all its captions, in ann's hands."""
    dataset.load(generate(16))
    dataset.run(dialogues={"mix": EVERY_TASK})
    dataset.review = Review(dataset, sample=100)
    dataset.items = list(dataset.review.lease().values())
    assert len(dataset.items) == 16
    return dataset


def get(dataset, caption):
    return dataset.api.call("get_caption", dataset=dataset.name, caption=caption).json()


def in_view(dataset):
    """Caption ids by what reads through the default view; the three must agree."""
    captions = {c["id"] for c in dataset.captions()}
    assert {d["caption_id"] for d in dataset.dialogues()} <= captions
    assert set(dataset.vectors("none")) <= captions
    return captions


# -- what verdicts do --

def test_accepted(reviewed):
    item, before = reviewed.items[0], in_view(reviewed)
    assert reviewed.review.give(item, "accepted", note="fine") == {
        "caption_id": item["caption_id"], "verdict": "accepted"}
    caption = get(reviewed, item["caption_id"])
    assert (caption["verdict"], caption["reviewer"]) == ("accepted", "ann") and "reviewed_at" in caption
    assert made_by_machines(caption) == item["caption"]
    assert in_view(reviewed) == before


def test_rejected_captions_drop_out_of_every_view(reviewed):
    whole, dialogues, vectors = in_view(reviewed), reviewed.dialogues(), reviewed.vectors("none")
    assert len(vectors) == 16 and len(dialogues) == 48
    gone = {item["caption_id"] for item in reviewed.items[:5]}
    for item in reviewed.items[:5]:
        reviewed.review.give(item, "rejected")
    assert in_view(reviewed) == whole - gone
    assert reviewed.dialogues() == [d for d in dialogues if d["caption_id"] not in gone]
    assert set(reviewed.vectors("none")) == set(vectors) - gone
    assert {c["id"] for c in reviewed.captions(outcome="rejected")} == gone
    assert {c["id"] for c in reviewed.captions(verdict="rejected")} == gone
    assert reviewed.captions(outcome="dropped") == []
    seed = reviewed.api.call("get_seed", dataset=reviewed.name, seed=reviewed.items[0]["seed"]["id"]).json()
    assert [c["in_view"] for c in seed["captions"]] == [False]
    # Nothing is lost: the rows can be read as they were.
    assert len(reviewed.captions(view="all", outcome="any")) == 16
    assert len(reviewed.dialogues(view="all")) == 48
    reviewed.review.give(reviewed.items[0], "accepted")
    assert in_view(reviewed) == whole - gone | {reviewed.items[0]["caption_id"]}


def test_a_run_leaves_rejected_captions_out(reviewed):
    for item in reviewed.items[:6]:
        reviewed.review.give(item, "rejected")
    run = reviewed.run(["representations"])
    assert stage_of(run, "representations")["total"] == 10
    moments, = reviewed.result(run["id"])["moments"]
    assert moments["count"] == 10


def test_corrected(reviewed):
    item, text = reviewed.items[3], "A  text that\tsomebody   wrote: cafe\u0301."
    stored = "A text that somebody wrote: caf\u00e9."
    answer = reviewed.review.give(item, "corrected", text=text)
    new = human_id(item["caption"], stored)
    assert answer == {"caption_id": item["caption_id"], "verdict": "corrected", "correction": new}
    original, human = get(reviewed, item["caption_id"]), get(reviewed, new)
    assert original["verdict"] == "corrected" and made_by_machines(original) == item["caption"]
    assert human["text"] == stored and human["recipe"] == human_recipe(1)
    assert (human["model"], human["finish_reason"]) == ("human", "human")
    assert (human["tokens_in"], human["tokens_out"], human["flags"]) == (0, 0, [])
    assert (human["calls"], human["cost_usd"]) == (0, 0)
    assert human["corrects"] == item["caption_id"] and human["review"] == reviewed.review.id
    assert "run" not in human and "verdict" not in human
    assert (human["seed_id"], human["variant"]) == (item["seed"]["id"], 0)
    recipes = reviewed.api.call("get_dataset", dataset=reviewed.name).json()["recipes"]
    row, = [r for r in recipes if r["kind"] == "human"]
    assert (row["recipe"], row["model"], row["stage"]) == (human_recipe(1), "human", "captions")
    assert row["settings"] == {"kind": "human", "model": "human", "revision": 1, "stage": "captions"}


def test_a_correction_stands_in_for_its_original(reviewed):
    item, whole = reviewed.items[0], in_view(reviewed)
    text = reviewed.items[1]["caption"]["text"] + " A second sentence."
    new = reviewed.review.give(item, "corrected", text=text)["correction"]
    assert in_view(reviewed) == whole - {item["caption_id"]} | {new}
    # What was made from the original belongs to it still, and the view has a gap until the next run.
    assert item["caption_id"] not in reviewed.vectors("none")
    assert {d["caption_id"] for d in reviewed.dialogues(view="all")} == whole
    run = reviewed.run(["dialogues", "representations"], dialogues={"mix": EVERY_TASK})
    assert stage_of(run, "representations") | {"existing": 15, "done": 1} == stage_of(run, "representations")
    assert {d["caption_id"] for d in reviewed.dialogues()} == in_view(reviewed) == set(reviewed.vectors("none"))
    assert {d["caption"] for d in reviewed.dialogues(format="llava")} >= {text}
    assert len(reviewed.dialogues(view="all")) == 51
    # A newer recipe does not push it aside.
    reviewed.run(["captions"], captions={"salt": "newer"})
    assert new in in_view(reviewed) and len(in_view(reviewed)) == 16


def test_skipped_leaves_the_caption_alone(reviewed):
    item = reviewed.items[0]
    reviewed.review.give(item, "skipped", note="cannot tell")
    assert get(reviewed, item["caption_id"])["text"] == item["caption"]["text"]
    assert "verdict" not in get(reviewed, item["caption_id"])
    assert reviewed.review.counts()["skipped"] == 1


def test_machine_scores_are_never_touched(api, dataset, database):
    dataset.load(generate(8))
    dataset.run(["captions"])
    number = database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    database.execute("UPDATE captions SET dropped = 'refusal', flags = '{short}'"
                     f" WHERE shard_id / 65536 = {number}")
    review = Review(dataset, sample=8, select={"outcome": "dropped"})
    items = list(review.lease().values())
    for item, verdict in zip(items, ["accepted", "rejected", "skipped", "accepted"]):
        review.give(item, verdict)
    for item in items:
        caption = get(dataset, item["caption_id"])
        assert caption["dropped"] == "refusal" and caption["flags"] == ["short"]
    # A person may say that a filter was wrong; it stays dropped all the same.
    assert dataset.captions() == []
    new = review.give(items[4], "corrected", text="A text in place of the dropped one.")["correction"]
    assert [c["id"] for c in dataset.captions()] == [new]


# -- the list of captions --

def test_captions_by_verdict(reviewed):
    verdicts = ["accepted", "rejected", "corrected", "skipped"]
    given = {verdict: set() for verdict in verdicts}
    for i, item in enumerate(reviewed.items[:10]):
        verdict = verdicts[i % 4]
        text = {"text": f"Corrected text number {i}."} if verdict == "corrected" else {}
        reviewed.review.give(item, verdict, **text)
        given[verdict].add(item["caption_id"])
    for verdict in verdicts[:3]:
        found = reviewed.captions(verdict=verdict)
        assert {c["id"] for c in found} == given[verdict] and {c["verdict"] for c in found} == {verdict}
        assert [c["id"] for page in reviewed.api.pages(reviewed.path + "/captions", 1, verdict=verdict)
                for c in page] == [c["id"] for c in found]
    assert reviewed.captions(verdict="rejected", outcome="usable") == []
    assert reviewed.captions(verdict="corrected", view="default") == []
    assert reviewed.captions(verdict="accepted", seed=reviewed.items[0]["seed"]["id"])
    left = reviewed.captions(verdict="none")
    assert {c["id"] for c in left} == {c["id"] for c in reviewed.captions() if "verdict" not in c}
    assert len(left) == 10, "six unseen, two skipped, two human"


# -- per item --

def test_what_cannot_be_stored_is_told_item_by_item(reviewed):
    review, (a, b, c, d, e, f, g, h, i, *_) = reviewed.review, reviewed.items

    def verdict(item, verdict="accepted", **more):
        return {"caption_id": item["caption_id"], "token": item["token"], "verdict": verdict, **more}

    good = "A text that is good for training."
    answer = review.post([
        verdict(a),
        verdict({"caption_id": "nonsense", "token": 1}),
        verdict({"caption_id": f"{a['seed']['id']}-{'0' * 16}", "token": 1}),
        verdict({**b, "token": 2}),
        verdict(i, "corrected"),
        verdict(c, "corrected", text=" \t\n"),
        verdict(d, "corrected", text="Here is <image> of a dog."),
        verdict(e, "corrected", text=e["caption"]["text"] + " "),
        verdict(f, "accepted", text=good),
        verdict(g, "corrected", text=good),
        verdict(a, "rejected"),
        verdict(h, "rejected", note="wrong"),
    ])
    assert [(r["pointer"], r["reason"]) for r in answer["refused"]] == [
        ("/verdicts/1/caption_id", "unknown_item"), ("/verdicts/2/caption_id", "unknown_item"),
        ("/verdicts/3/token", "stale_token"), ("/verdicts/4/text", "text_missing"),
        ("/verdicts/5/text", "text_empty"), ("/verdicts/6/text", "text_reserved"),
        ("/verdicts/7/text", "text_same"), ("/verdicts/8/text", "text_unwanted"),
        ("/verdicts/10/caption_id", "repeated")]
    assert all(r["detail"] for r in answer["refused"])
    assert answer["items"] == [
        {"caption_id": a["caption_id"], "verdict": "accepted"},
        {"caption_id": g["caption_id"], "verdict": "corrected", "correction": human_id(g["caption"], good)},
        {"caption_id": h["caption_id"], "verdict": "rejected"}]
    counts = review.counts()
    assert (counts["accepted"], counts["corrected"], counts["rejected"], counts["leased"]) == (1, 1, 1, 13)
    assert len(review.verdicts()) == 3


@pytest.mark.parametrize("change, pointer", [
    ({"verdict": "fine"}, "/verdicts/0/verdict"), ({"token": 0}, "/verdicts/0/token"),
    ({"token": "1"}, "/verdicts/0/token"), ({"caption_id": ""}, "/verdicts/0/caption_id"),
    ({"text": "x" * 8001}, "/verdicts/0/text"), ({"note": "x" * 2001}, "/verdicts/0/note"),
    ({"colour": 1}, "/verdicts/0/colour"), ({"verdict": None}, "/verdicts/0/verdict")])
def test_what_is_no_verdict_is_refused_as_a_whole(reviewed, change, pointer):
    first, second = reviewed.items[:2]
    verdicts = [{"caption_id": i["caption_id"], "token": 1, "verdict": "rejected"} for i in (first, second)]
    verdicts[0].update(change)
    answer = reviewed.api.call("give_verdicts", review=reviewed.review.id, expect=422,
                               json={"reviewer": "ann", "verdicts": verdicts})
    assert answer.pointers == [pointer]
    assert reviewed.review.verdicts() == []


@pytest.mark.parametrize("body, pointer", [
    ({"reviewer": "  ", "verdicts": [{"caption_id": "x", "token": 1, "verdict": "skipped"}]}, "/reviewer"),
    ({"reviewer": "a", "verdicts": []}, "/verdicts"), ({"reviewer": "a"}, "/verdicts"),
    ({"reviewer": "a", "verdicts": [{"caption_id": "x", "token": 1, "verdict": "skipped"}] * 101},
     "/verdicts")])
def test_refused_bodies(reviewed, body, pointer):
    answer = reviewed.api.call("give_verdicts", review=reviewed.review.id, json=body, expect=422)
    assert answer.pointers == [pointer]


def test_a_hundred_at_once(api, dataset):
    dataset.load(generate(100))
    dataset.run(["captions"])
    review = Review(dataset, sample=100)
    items = review.lease(count=100)
    body = [{"caption_id": id, "token": item["token"], "verdict": "corrected",
             "text": f"A long text for item {item['place']}, " + "word " * 1500} for id, item in items.items()]
    answer = review.post(body)
    assert answer["refused"] == [] and [v["caption_id"] for v in answer["items"]] == list(items)
    assert {c["id"] for c in dataset.captions()} == {v["correction"] for v in answer["items"]}


# -- again, and otherwise --

def test_the_same_again_is_the_same(reviewed):
    a, b, c = reviewed.items[:3]
    body = [{"caption_id": a["caption_id"], "token": 1, "verdict": "rejected", "note": "dull"},
            {"caption_id": b["caption_id"], "token": 1, "verdict": "corrected", "text": "Better words."},
            {"caption_id": c["caption_id"], "token": 1, "verdict": "skipped"}]
    first = reviewed.review.post(body)
    before = (reviewed.captions(view="all", outcome="any"), reviewed.review.get(), reviewed.review.verdicts())
    for reviewer in ("ann", " ann"):
        assert reviewed.review.post(body, reviewer) == first
    assert (reviewed.captions(view="all", outcome="any"), reviewed.review.get(),
            reviewed.review.verdicts()) == before


def test_another_verdict_replaces_the_first(reviewed):
    review, item = reviewed.review, reviewed.items[0]
    review.give(item, "accepted")
    review.give(item, "rejected", note="on second thoughts")
    review.give(item, "rejected", note="for good")
    history = review.verdicts()
    assert [(v["verdict"], v.get("note"), v["revision"], v["current"]) for v in history] == [
        ("accepted", None, 1, False), ("rejected", "on second thoughts", 2, False),
        ("rejected", "for good", 3, True)]
    assert {v["caption_id"] for v in history} == {item["caption_id"]}
    counts = review.counts()
    assert counts["accepted"] == 0 and counts["rejected"] == 1 and counts["leased"] == 15
    assert get(reviewed, item["caption_id"])["verdict"] == "rejected"


def test_a_verdict_that_becomes_skipped_is_withdrawn(reviewed):
    item, whole = reviewed.items[0], in_view(reviewed)
    reviewed.review.give(item, "rejected")
    assert in_view(reviewed) != whole
    reviewed.review.give(item, "skipped")
    caption = get(reviewed, item["caption_id"])
    assert not BY_PEOPLE & set(caption)
    assert in_view(reviewed) == whole


def test_the_last_of_several_reviews_counts(reviewed):
    second = Review(reviewed, sample=100, seed=8)
    item = reviewed.items[0]
    other = second.lease("bob")[item["caption_id"]]
    reviewed.review.give(item, "rejected")
    second.give(other, "accepted", "bob")
    caption = get(reviewed, item["caption_id"])
    assert (caption["verdict"], caption["reviewer"]) == ("accepted", "bob")
    assert item["caption_id"] in in_view(reviewed)
    assert reviewed.review.counts()["rejected"] == 1 and second.counts()["accepted"] == 1
    # What is said again says nothing new.
    reviewed.review.give(item, "rejected")
    assert get(reviewed, item["caption_id"])["verdict"] == "accepted"
    # Who takes his verdict back leaves what the other review said.
    second.give(other, "skipped", "bob")
    caption = get(reviewed, item["caption_id"])
    assert (caption["verdict"], caption["reviewer"]) == ("rejected", "ann")
    assert item["caption_id"] not in in_view(reviewed)
    # One that does not count any more takes nothing with it.
    second.give(other, "accepted", "bob")
    reviewed.review.give(item, "skipped")
    assert get(reviewed, item["caption_id"])["verdict"] == "accepted"


# -- corrections are never changed --

def test_a_second_correction_of_the_same_item(reviewed):
    item = reviewed.items[0]
    texts = ["The first correction.", "The second correction.", "The first correction."]
    made = []
    for revision, text in enumerate(texts, 1):
        made.append(reviewed.review.give(item, "corrected", text=text)["correction"])
        assert made[-1] == human_id(item["caption"], text, revision)
        view = in_view(reviewed)
        assert made[-1] in view and not view & {*made[:-1], item["caption_id"]} and len(view) == 16
    assert len(set(made)) == 3
    captions = {c["id"]: c for c in reviewed.captions(view="all", outcome="any")}
    assert [captions[id]["text"] for id in made] == texts
    assert [captions[id].get("verdict") for id in made] == ["rejected", "rejected", None]
    assert [v["correction"] for v in reviewed.review.verdicts()] == made
    kinds = [r["settings"].get("revision") for r in
             reviewed.api.call("get_dataset", dataset=reviewed.name).json()["recipes"] if r["kind"] == "human"]
    assert kinds == [1, 2, 3]


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "skipped"])
def test_a_correction_that_is_taken_back(reviewed, verdict):
    item, whole = reviewed.items[0], in_view(reviewed)
    new = reviewed.review.give(item, "corrected", text="Not so good after all.")["correction"]
    reviewed.review.give(item, verdict)
    human = get(reviewed, new)
    assert (human["verdict"], human["reviewer"], human["text"]) == ("rejected", "ann",
                                                                   "Not so good after all.")
    assert in_view(reviewed) == whole - ({item["caption_id"]} if verdict == "rejected" else set())
    again = reviewed.review.give(item, "corrected", text="Not so good after all.")["correction"]
    assert again == human_id(item["caption"], "Not so good after all.", 2) and again in in_view(reviewed)


def two_recipes(dataset):
    """Two captions of one slot, in one review."""
    dataset.load(generate(1))
    for salt in "ab":
        dataset.run(["captions"], captions={"salt": salt})
    review = Review(dataset, sample=10, select={"outcome": "any"})
    return review, list(review.lease().values())


def test_two_corrections_of_one_slot(dataset):
    review, items = two_recipes(dataset)
    answer = review.post([{"caption_id": i["caption_id"], "token": 1, "verdict": "corrected",
                           "text": f"Correction of {i['place']}."} for i in items])
    assert answer["refused"] == []
    made = [stored["correction"] for stored in answer["items"]]
    expected = [{human_id(i["caption"], f"Correction of {i['place']}.", r) for r in (1, 2)} for i in items]
    assert made[0] in expected[0] and made[1] in expected[1]
    recipes = {get(dataset, id)["recipe"]: id for id in made}
    assert set(recipes) == {human_recipe(1), human_recipe(2)}
    assert [c["id"] for c in dataset.captions()] == [recipes[human_recipe(2)]]
    assert review.counts()["corrected"] == 2


def test_two_corrections_that_say_the_same(dataset):
    """One human caption for both; it goes when the last of them is taken back."""
    review, (a, b) = two_recipes(dataset)
    made = {review.give(i, "corrected", text="The very same words.")["correction"] for i in (a, b)}
    assert len(made) == 1
    human, = dataset.captions()
    assert {human["id"]} == made and human["corrects"] == a["caption_id"]
    review.give(a, "accepted")
    assert {c["id"] for c in dataset.captions()} == made
    review.give(b, "accepted")
    assert {c["id"] for c in dataset.captions()}.isdisjoint(made) and len(dataset.captions()) == 1


def test_a_human_caption_can_be_reviewed(dataset):
    dataset.load(generate(1))
    dataset.run(["captions"])
    first = Review(dataset, sample=1)
    item, = first.lease().values()
    one = first.give(item, "corrected", text="A correction with a tpyo.")["correction"]
    second = Review(dataset, sample=5)
    human, = second.lease("bob").values()
    assert human["caption_id"] == one and human["caption"]["corrects"] == item["caption_id"]
    two = second.give(human, "corrected", "bob", text="A correction with a typo.")["correction"]
    assert [c["id"] for c in dataset.captions()] == [two]
    assert get(dataset, one)["verdict"] == "corrected" and get(dataset, two)["corrects"] == one
    row, = second.get()["recipes"]
    assert (row["kind"], row["model"], row["recipe"]) == ("human", "human", human_recipe(1))
    # Rejected, it uncovers what stood behind it.
    third = Review(dataset, sample=5)
    last, = third.lease().values()
    third.give(last, "rejected")
    assert [c["id"] for c in dataset.captions()] == [one]


def test_corrections_of_one_slot_at_once(dataset):
    """However they meet, each is stored under a revision of its own."""
    dataset.load(generate(1))
    dataset.run(["captions"])
    reviews = [Review(dataset, sample=1, seed=i) for i in range(6)]
    items = [next(iter(review.lease("ann").values())) for review in reviews]
    answers = [None] * len(reviews)
    base = dataset.api.base

    def correct(i):
        answers[i] = reviews[i].post([{"caption_id": items[i]["caption_id"], "token": 1,
                                       "verdict": "corrected", "text": f"Words of number {i}."}],
                                     api=Api(base))

    threads = [threading.Thread(target=correct, args=(i,)) for i in range(len(reviews))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer["refused"] == [] for answer in answers), answers
    made = [answer["items"][0]["correction"] for answer in answers]
    captions = {c["id"]: c for c in dataset.captions(view="all")}
    assert sorted(captions[id]["recipe"] for id in made) == sorted(human_recipe(r) for r in range(1, 7))
    picked, = dataset.captions()
    assert picked["recipe"] == human_recipe(6)


# -- the list of verdicts --

def test_verdicts_are_listed(reviewed):
    review = reviewed.review
    for i, item in enumerate(reviewed.items[:6]):
        review.give(item, "rejected" if i % 2 else "accepted", note=f"note {i}")
    review.give(reviewed.items[2], "skipped")
    every = review.verdicts()
    assert [(v["place"], v["revision"]) for v in every] == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 1), (5, 1),
                                                            (6, 1)]
    assert [v["note"] for v in every if "note" in v] == [f"note {i}" for i in range(6)]
    assert [v for page in reviewed.api.pages(review.path + "/verdicts", 2) for v in page] == every
    assert review.verdicts(verdict="rejected") == [v for v in every if v["verdict"] == "rejected"]
    assert review.verdicts(reviewer="ann", page_size=3) == every and review.verdicts(reviewer="bob") == []


# -- redoing what was rejected --

def test_rejected_slots_are_redone_by_another_recipe(api, dataset):
    dataset.load(generate(30))
    dataset.run(["captions"], captions={"salt": "first"})
    review = Review(dataset, sample=30)
    items = list(review.lease().values())
    rejected, corrected = items[:8], items[8:11]
    for item in rejected:
        review.give(item, "rejected")
    for item in corrected:
        review.give(item, "corrected", text=f"Written by a person, number {item['place']}.")
    before = {c["id"] for c in dataset.captions()}
    assert len(before) == 22
    redo = {"select": {"verdict": "rejected"}, "captions": {"prompt": "concise-v1"}}
    run = dataset.run(["captions", "dialogues", "representations"], **redo, dialogues={"mix": EVERY_TASK})
    assert run["select"] == {"verdict": "rejected"}
    assert stage_of(run, "captions") | {"total": 8, "done": 8} == stage_of(run, "captions")
    assert stage_of(run, "dialogues")["done"] == 24 and stage_of(run, "representations")["done"] == 8
    redone = dataset.captions(run=run["id"])
    assert {c["seed_id"] for c in redone} == {item["seed"]["id"] for item in rejected}
    assert {c["id"] for c in dataset.captions()} == before | {c["id"] for c in redone}
    # They are redone now: neither the same run nor a third recipe begins with them again.
    assert stage_of(dataset.run(["captions"], **redo), "captions")["total"] == 0
    again = dataset.run(["captions"], select={"verdict": "rejected"}, captions={"salt": "third"})
    assert stage_of(again, "captions")["total"] == 0
    # Until one of the new ones is rejected too.
    second = Review(dataset, sample=30, select={"run": run["id"]})
    for item in list(second.lease().values())[:3]:
        second.give(item, "rejected")
    third = dataset.run(["captions"], select={"verdict": "rejected"}, captions={"salt": "third"})
    assert stage_of(third, "captions")["done"] == 3
    assert len(dataset.captions()) == 30


def test_what_stands_behind_a_rejected_caption_is_no_reason_to_keep_it(dataset):
    """The view falls back on an older recipe; the newest one's slot is redone all the same."""
    dataset.load(generate(10))
    for salt in "ab":
        dataset.run(["captions"], captions={"salt": salt})
    review = Review(dataset, sample=4)
    for item in review.lease().values():
        review.give(item, "rejected")
    assert len(dataset.captions()) == 10
    run = dataset.run(["captions"], select={"verdict": "rejected"}, captions={"salt": "c"}, limit=3)
    assert stage_of(run, "captions")["done"] == 3
    run = dataset.run(["captions"], select={"verdict": "rejected"}, captions={"salt": "c"})
    assert stage_of(run, "captions")["done"] == 1


def test_a_corrected_slot_is_not_redone(dataset):
    dataset.load(generate(4))
    dataset.run(["captions"])
    review = Review(dataset, sample=4)
    items = list(review.lease().values())
    review.give(items[0], "corrected", text="What a person saw there.")
    other = Review(dataset, sample=4, seed=2, select={"recipe": items[0]["caption"]["recipe"]})
    other.give(other.lease("bob")[items[0]["caption_id"]], "rejected", "bob")
    assert get(dataset, items[0]["caption_id"])["verdict"] == "rejected"
    run = dataset.run(["captions"], select={"verdict": "rejected"}, captions={"salt": "redo"})
    assert stage_of(run, "captions")["total"] == 0


def test_other_verdicts_select_nothing(api, dataset):
    for bad in ("accepted", "none", "", 1):
        answer = api.call("create_run", dataset=dataset.name, expect=422, json={
            "stages": ["captions"], "select": {"verdict": bad}})
        assert answer.pointers == ["/select/verdict"]
