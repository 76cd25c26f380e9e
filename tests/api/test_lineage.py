"""The life of a dataset as one story: made, reviewed, corrected, redone under another prompt, mixed anew,
grown, embedded by another encoder. After each step views, dialogues, embeddings and moments hold exactly
the rows that the rules predict, nothing is asked for twice, and what was read at the start can be read
again."""
import numpy
import pytest

from conftest import model_settings
from support import identity
from support.client import Api
from support.dataset import Dataset, decode_vector, stage_of
from support.review import Review
from support.seeds import generate
from support.server import sanitized

FIRST_MIX = {"question_answering": 0.3}
SECOND_MIX = {"question_answering": 0.5, "multiple_choice": 0.2}
N = 300 if sanitized() else 1000
REJECTED, CORRECTED, REDONE, GROWN = N // 20, N // 50, N * 3 // 100, N // 2
# What people may add to a row later.
HUMAN = {"verdict", "reviewer", "reviewed_at"}


class Story:
    """The predictions, by the rules alone: for each seed the captions that it has, best first."""

    def __init__(self, new_server, model_server):
        # Off: near duplicates of a small vocabulary are not what this is about.
        server = new_server(**model_settings(model_server), MONOCEROS_LLM_MAX_IN_FLIGHT=64)
        self.api = Api(server.base)
        self.dataset = Dataset(self.api, "story", 8)
        self.models = model_server
        self.picks = {}  # seed: caption id that the view picks

    def run(self, stages=None, mix=None, **body):
        dialogues = {"dialogues": {"mix": mix}} if mix else {}
        captions = {"captions": {"filters": {"preset": "paper"}, **body.pop("captions", {})}} \
            if stages is None or "captions" in stages else {}
        return self.dataset.run(stages, **captions, **dialogues, **body)

    # -- what there must be --

    def check(self, encoder, mixes):
        """`mixes` are those of the runs so far, each with the picks that it found."""
        captions = {c["id"]: c for c in self.dataset.captions()}
        assert set(captions) == set(self.picks.values())
        for id, c in captions.items():
            if "run" in c:
                assert id == identity.caption_id(c["seed_id"], c["recipe"], c["variant"], c["text"])
        wanted = {(task, id) for mix, picks in mixes for task, share in mix.items()
                  for id in picks.values() if identity.chosen(task, id, share)}
        everything = {(d["task"], d["caption_id"]) for d in self.dataset.dialogues(view="all")}
        assert everything == wanted
        shown = {(d["task"], d["caption_id"]) for d in self.dataset.dialogues()}
        assert shown == {(task, id) for task, id in wanted if id in captions}
        assert len(self.dataset.dialogues(view="all")) == len(wanted), "one each"
        return self.dataset.vectors("none", encoder=encoder)

    def check_moments(self, run, vectors):
        assert set(vectors) == set(self.picks.values())
        moments, = self.dataset.result(run["id"])["moments"]
        matrix = numpy.array(list(vectors.values()))
        assert moments["count"] == len(vectors)
        assert numpy.abs(numpy.array(moments["mean"]) - matrix.mean(axis=0)).max() < 1e-6
        assert moments["trace"] == pytest.approx(((matrix - matrix.mean(axis=0)) ** 2).sum(axis=1).mean(), abs=1e-6)


def plain(rows):
    return sorted(({k: v for k, v in row.items() if k not in HUMAN} for row in rows), key=lambda r: r["id"])


def review_all(story, picks):
    """Rejects and corrects; the seeds of both."""
    review = Review(story.dataset, sample=REJECTED + CORRECTED, seed=3)
    items = {}
    while len(items) < REJECTED + CORRECTED:
        items.update(review.lease(count=100))
        for n, (id, item) in enumerate(items.items()):
            if "given" in item:
                continue
            item["given"] = True
            if n < REJECTED:
                review.give(item, "rejected")
            else:
                review.give(item, "corrected", text=f"A person has written sentence number {n} about this.")
    seeds = [id[:32] for id in items]
    assert all(picks[seed] in items for seed in seeds)
    return seeds[:REJECTED], seeds[REJECTED:]


def test_a_dataset_lives(new_server, model_server):
    story = Story(new_server, model_server)
    dataset, models = story.dataset, model_server
    texts = generate(N + GROWN, seed=11)
    models.control(reset=True)

    # Made.
    dataset.load(texts[:N])
    first = story.run(mix=FIRST_MIX, representations={"encoder": "offline"})
    story.picks = {c["seed_id"]: c["id"] for c in dataset.captions()}
    assert len(story.picks) == N
    mixes = [(FIRST_MIX, dict(story.picks))]
    recipe = stage_of(first, "captions")["recipe"]
    vectors = story.check("offline", mixes)
    story.check_moments(first, vectors)
    result = story.api.call("get_run_result", run=first["id"]).content
    transfer = next(t["id"] for t in dataset.result(first["id"])["transfers"] if t["method"] == "mean_shift")
    some = sorted(story.picks.values())[:100]
    lookup = {"ids": some, "transfer": transfer, "encoding_format": "base64"}
    read = {
        "captions": plain(dataset.captions(recipe=recipe, view="all", outcome="any")),
        "dialogues": plain(dataset.dialogues(view="all")),
        "vectors": story.api.call("lookup_representations", dataset="story", json=lookup).content,
    }

    # Reviewed: the rejected ones leave the view, corrections take the place of theirs.
    rejected, corrected = review_all(story, story.picks)
    for seed in rejected:
        del story.picks[seed]
    human = {c["seed_id"]: c["id"] for c in dataset.captions() if c["seed_id"] in set(corrected)}
    assert set(human) == set(corrected) and not set(human.values()) & set(story.picks.values())
    story.picks.update(human)
    story.check("offline", mixes)

    # Redone under another prompt, for some of the rejected.
    again = sorted(rejected)[:REDONE]
    redo = story.run(mix=FIRST_MIX, captions={"prompt": "concise-v1"}, representations={"encoder": "offline"},
                     select={"verdict": "rejected", "seed_ids": again})
    assert stage_of(redo, "captions")["done"] == REDONE
    other = stage_of(redo, "captions")["recipe"]
    assert other != recipe
    redone = {c["seed_id"]: c["id"] for c in dataset.captions(recipe=other)}
    assert set(redone) == set(again)
    story.picks.update(redone)
    mixes.append((FIRST_MIX, redone))
    story.check("offline", mixes)

    # Mixed anew: a larger share only adds.
    mixed = story.run(["dialogues"], mix=SECOND_MIX)
    mixes.append((SECOND_MIX, dict(story.picks)))
    assert stage_of(mixed, "dialogues")["existing"] > 0
    vectors = story.check("offline", mixes)

    # Grown: only what is new is made.
    dataset.load(texts)
    grown = story.run(mix=SECOND_MIX, representations={"encoder": "offline"})
    assert (stage_of(grown, "captions")["done"], stage_of(grown, "captions")["existing"]) == (GROWN, N)
    fresh = {c["seed_id"]: c["id"] for c in dataset.captions(run=grown["id"])}
    assert len(fresh) == GROWN and not set(fresh) & set(story.picks)
    story.picks.update(fresh)
    mixes.append((SECOND_MIX, dict(story.picks)))
    story.check_moments(grown, story.check("offline", mixes))

    # Another encoder: vectors of its own beside the old ones.
    switched = story.run(["representations"], representations={"encoder": "embeddings"})
    story.check_moments(switched, story.check("embeddings", mixes))
    assert set(dataset.vectors("none", encoder="offline")) == set(story.picks.values())

    # Nothing was asked for twice. The redone seeds were sent under both instructions, and so were the
    # captions that came of them, which the model server words alike.
    calls = models.stats(texts=True)
    captions = N + REDONE + GROWN
    assert calls["chat_requests"] == captions + len(dataset.dialogues(view="all"))
    twice = [n for n in calls["texts"].values() if n != 1]
    assert set(twice) == {2} and REDONE <= len(twice) <= 3 * REDONE
    assert calls["embedding_inputs"] == len(story.picks) and calls["encoder_probes"] > 0

    # What was read at the start is there still.
    assert story.api.call("get_run_result", run=first["id"]).content == result
    now = {d["id"]: d for d in dataset.dialogues(view="all")}
    assert plain(dataset.captions(recipe=recipe, view="all", outcome="any", run=first["id"])) == read["captions"]
    assert [now[d["id"]] for d in read["dialogues"]] == read["dialogues"]
    assert story.api.call("lookup_representations", dataset="story", json=lookup).content == read["vectors"]
    first_vector = decode_vector(dataset.api.call("lookup_representations", dataset="story",
                                                  json=lookup).json()["items"][0]["vector_base64"])
    assert abs(numpy.linalg.norm(first_vector) - 1) < 1e-5
