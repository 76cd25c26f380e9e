"""One run over all stages on the embedded defaults, and everything that must hold of its results."""
import collections

import numpy
import pytest

from support import identity
from support.client import Api
from support.dataset import ALL_STAGES, EVERY_TASK, Dataset, stage_of
from support.dialogues import check_conversations
from support.seeds import generate

SEEDS = 300
MIX = {"multiple_choice": 0.4, "question_answering": 0.3, "complex_reasoning": 0.2}


class Finished:
    def __init__(self, server):
        self.api = Api(server.base)
        self.dataset = Dataset(self.api, "pipeline")
        self.dataset.load(generate(SEEDS))
        self.run = self.dataset.run(dialogues={"mix": MIX})
        self.result = self.dataset.result(self.run["id"])
        self.seeds = {seed["id"]: seed for seed in self.dataset.seeds()}
        self.captions = self.dataset.captions()
        self.dialogues = self.dataset.dialogues()
        self.none = self.dataset.vectors("none")
        self.mean_shift = self.dataset.vectors("mean_shift")


@pytest.fixture(scope="module")
def finished(server):
    return Finished(server)


def test_exactly_one_caption_a_seed(finished):
    assert len(finished.captions) == SEEDS
    assert {caption["seed_id"] for caption in finished.captions} == set(finished.seeds)
    assert all(caption["variant"] == 0 for caption in finished.captions)
    assert all("dropped" not in caption for caption in finished.captions)


def test_captions_are_texts_of_several_sentences(finished):
    texts = [caption["text"] for caption in finished.captions]
    assert len(set(texts)) == SEEDS
    for text in texts:
        assert 40 <= len(text.split()) <= 200
        assert text.count(". ") >= 2 and text.endswith(".")
        assert text == identity.normalise(text)


def test_caption_ids_are_computed_from_recipe_variant_and_text(finished):
    for caption in finished.captions:
        assert caption["id"] == identity.caption_id(caption["seed_id"], caption["recipe"],
                                                    caption["variant"], caption["text"])
        assert caption["run"] == finished.run["id"]


def test_order_of_captions_is_that_of_their_seeds(finished):
    order = [caption["seed_id"] for caption in finished.captions]
    assert order == sorted(order, key=lambda id: (identity.shard(id, finished.dataset.shards), id))


def test_choice_of_dialogues_is_a_hash(finished):
    expected = {(task, caption["id"]) for caption in finished.captions for task, share in MIX.items()
                if identity.chosen(task, caption["id"], share)}
    found = [(dialogue["task"], dialogue["caption_id"]) for dialogue in finished.dialogues]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_dialogues_follow_the_rules(finished):
    for dialogue in finished.dialogues:
        pairs = check_conversations(dialogue["task"], dialogue["conversations"])
        assert dialogue["turns"] == pairs


def test_letters_are_balanced(finished):
    letters = collections.Counter(
        turn["value"] for dialogue in finished.dialogues if dialogue["task"] == "multiple_choice"
        for turn in dialogue["conversations"] if turn["from"] == "gpt")
    assert set(letters) == set("ABCD")
    assert max(letters.values()) < 1.5 * min(letters.values())


def test_dialogue_ids_have_their_form(finished, database):
    stored = {row["id"]: row["conversations"] for row in database.query(
        "SELECT replace(seed_id::text, '-', '') || '-' || encode(caption_hash, 'hex') || '-'"
        " || encode(hash, 'hex') AS id, conversations::text FROM dialogues"
        f" WHERE run_id = '{finished.run['id']}'")}
    assert set(stored) == {dialogue["id"] for dialogue in finished.dialogues}
    for dialogue in finished.dialogues:
        assert dialogue["id"] == identity.dialogue_id(
            dialogue["caption_id"], dialogue["recipe"], dialogue["task"], stored[dialogue["id"]])


def test_llava_format(finished):
    texts = {caption["id"]: caption["text"] for caption in finished.captions}
    rows = finished.dataset.dialogues(format="llava")
    assert [row["dialogue_id"] for row in rows] == [dialogue["id"] for dialogue in finished.dialogues]
    for row, dialogue in zip(rows, finished.dialogues):
        assert set(row) == {"id", "dialogue_id", "caption", "conversations"}
        assert row["id"] == dialogue["caption_id"] and row["caption"] == texts[row["id"]]
        assert row["conversations"] == dialogue["conversations"]
    one = finished.api.call("get_dialogue", dataset=finished.dataset.name,
                            dialogue=rows[0]["dialogue_id"], params={"format": "llava"}).json()
    assert one == rows[0]


def test_single_objects_are_those_of_the_lists(finished):
    api, name = finished.api, finished.dataset.name
    dialogue = finished.dialogues[0]
    assert api.call("get_dialogue", dataset=name, dialogue=dialogue["id"]).json() == dialogue
    caption, = [c for c in finished.captions if c["id"] == dialogue["caption_id"]]
    full = api.call("get_caption", dataset=name, caption=caption["id"]).json()
    assert {**full, "dialogues": None} == {**caption, "dialogues": None}
    assert dialogue in full["dialogues"]
    seed = api.call("get_seed", dataset=name, seed=caption["seed_id"]).json()
    listed, = seed["captions"]
    assert listed["in_view"] is True and listed["id"] == caption["id"]
    assert dialogue in listed["dialogues"]
    assert [e["caption_id"] for e in seed["embeddings"]] == [caption["id"]]
    assert seed["failures"] == []
    assert {k: seed[k] for k in ("id", "text")} == {k: finished.seeds[seed["id"]][k] for k in ("id", "text")}


def test_ids_that_belong_to_something_else(finished):
    api, name = finished.api, finished.dataset.name
    first, second = finished.captions[0]["id"], finished.captions[1]["id"]
    mixed = first[:32] + second[32:]
    api.call("get_caption", dataset=name, caption=mixed, expect=404)
    dialogue = finished.dialogues[0]["id"]
    api.call("get_dialogue", dataset=name, dialogue=dialogue[:-8] + "00000000", expect=404)


def test_counts_of_the_run(finished):
    run = finished.run
    assert [stage["name"] for stage in run["stages"]] == ALL_STAGES
    made = {"captions": SEEDS, "dialogues": len(finished.dialogues), "representations": SEEDS}
    for stage in run["stages"]:
        assert stage["total"] == stage["done"] == made[stage["name"]], stage
        assert (stage["failed"], stage["existing"], stage["dropped"]) == (0, 0, 0)
    assert run["progress"] == 1 and run["state"] == "succeeded"
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]


def test_links_of_the_run_work(finished):
    api, links = finished.api, finished.run["links"]
    assert api.get(links["self"], expect=200).json()["id"] == finished.run["id"]
    assert api.get(links["result"], expect=200).json() == finished.result
    assert len(api.get(links["captions"], expect=200).json()["items"]) == 100
    assert api.get(links["dialogues"], expect=200).json()["items"] == finished.dialogues[:100]
    assert len(api.get(links["representations"], expect=200).json()["items"]) == 50
    assert api.get(links["failures"], expect=200).json()["items"] == []


def test_result(finished):
    result = finished.result
    assert result["run"] == finished.run["id"] and result["stages"] == finished.run["stages"]
    recipes = {recipe["stage"]: recipe for recipe in result["recipes"]}
    assert set(recipes) == {"captions", "dialogues"}
    assert recipes["captions"]["recipe"] == finished.captions[0]["recipe"]
    assert recipes["dialogues"]["recipe"] == finished.dialogues[0]["recipe"]
    assert {recipe["kind"] for recipe in recipes.values()} == {"offline"}
    assert {transfer["method"] for transfer in result["transfers"]} == {"none", "mean_shift"}
    assert result["failures"] == 0
    dataset = finished.api.call("get_dataset", dataset=finished.dataset.name).json()
    assert {recipe["recipe"] for recipe in dataset["recipes"]} == {r["recipe"] for r in recipes.values()}


def test_representations_are_finite_and_of_unit_length(finished):
    for vectors in (finished.none, finished.mean_shift):
        assert set(vectors) == {caption["id"] for caption in finished.captions}
        matrix = numpy.array(list(vectors.values()))
        assert matrix.shape == (SEEDS, 1280)
        assert numpy.isfinite(matrix).all()
        assert numpy.abs(numpy.linalg.norm(matrix, axis=1) - 1).max() < 1e-6


def test_moments_are_those_of_the_vectors(finished, database):
    matrix = numpy.array(list(finished.none.values()))
    mean = matrix.mean(axis=0)
    moments, = finished.result["moments"]
    assert moments["count"] == SEEDS
    assert abs(moments["trace"] - ((matrix - mean) ** 2).sum(axis=1).mean()) < 1e-6
    stored = database.value(f"SELECT mean FROM moments WHERE moments_id = '{moments['id']}'")
    assert numpy.abs(numpy.array(stored) - mean).max() < 1e-6


def test_mean_shift_is_the_papers_formula(finished):
    ids = list(finished.none)
    matrix = numpy.array([finished.none[id] for id in ids])
    shifted = matrix - matrix.mean(axis=0)
    expected = shifted / numpy.linalg.norm(shifted, axis=1, keepdims=True)
    found = numpy.array([finished.mean_shift[id] for id in ids])
    assert numpy.abs(found - expected).max() < 1e-6


def test_the_same_run_again_makes_nothing(finished, database):
    before = snapshot(database, finished)
    again = finished.dataset.run(dialogues={"mix": MIX})
    for stage in again["stages"]:
        assert (stage["done"], stage["failed"]) == (0, 0)
        assert stage["existing"] == stage["total"] == stage_of(finished.run, stage["name"])["total"]
    assert snapshot(database, finished) == before
    assert finished.dataset.captions() == finished.captions
    assert finished.dataset.dialogues() == finished.dialogues


def snapshot(database, finished):
    """Every row of every result table with the transaction that wrote it: rows are immutable."""
    number = database.value(f"SELECT number FROM datasets WHERE name = '{finished.dataset.name}'")
    return {table: database.query(
        f"SELECT xmin::text, ctid::text, md5(t::text) FROM {table} t WHERE shard_id / 65536 = {number}"
        " ORDER BY ctid") for table in ("seeds", "captions", "dialogues", "embeddings")}


def test_a_larger_share_only_adds(finished):
    mix = {task: share + 0.3 for task, share in MIX.items()}
    more = finished.dataset.run(["dialogues"], dialogues={"mix": mix})
    stage, = more["stages"]
    assert stage["existing"] == len(finished.dialogues) and stage["done"] > 0
    now = finished.dataset.dialogues()
    assert {d["id"] for d in finished.dialogues} < {d["id"] for d in now}
    assert {(d["task"], d["caption_id"]) for d in now} == {
        (task, c["id"]) for c in finished.captions for task, share in mix.items()
        if identity.chosen(task, c["id"], share)}


def test_default_mix(api, dataset):
    dataset.load(generate(400))
    dataset.run(["captions", "dialogues"])
    found = {(d["task"], d["caption_id"]) for d in dataset.dialogues()}
    assert found == {(task, c["id"]) for c in dataset.captions()
                     for task, share in identity.PAPER_MIX.items()
                     if identity.chosen(task, c["id"], share)}


def test_stages_one_after_another_give_the_same(finished, new_dataset):
    """Ids name one text for ever, in every dataset and in whatever order the stages were run."""
    other = new_dataset(finished.api, 7)
    other.load(list(reversed(generate(SEEDS))))
    other.run(["representations"])
    assert other.captions() == []
    for stage in ALL_STAGES:
        other.run([stage], **({"dialogues": {"mix": MIX}} if stage == "dialogues" else {}))
    assert {(c["id"], c["text"]) for c in other.captions()} == \
        {(c["id"], c["text"]) for c in finished.captions}
    ours = {d["id"]: d["conversations"] for d in other.dialogues()}
    assert all(ours[d["id"]] == d["conversations"] for d in finished.dialogues)
    vectors = other.vectors("none")
    assert all((vectors[id] == vector).all() for id, vector in finished.none.items())


def test_every_task_of_every_caption(api, dataset):
    dataset.load(generate(60, seed=5))
    dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})
    dialogues = dataset.dialogues()
    assert len(dialogues) == 180
    for dialogue in dialogues:
        check_conversations(dialogue["task"], dialogue["conversations"])
    for task in EVERY_TASK:
        assert len(dataset.dialogues(task=task)) == 60


def test_variants(api, dataset):
    dataset.load(generate(30))
    dataset.run(captions={"variants": 3})
    captions = dataset.captions()
    assert sorted((c["seed_id"], c["variant"]) for c in captions) == \
        sorted((s["id"], variant) for s in dataset.seeds() for variant in range(3))
    assert len({c["text"] for c in captions}) == 90
    assert len(dataset.vectors()) == 90
