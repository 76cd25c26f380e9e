"""All distinct real seeds through the three stages on the embedded defaults, against numpy."""
import gzip
import hashlib

import pathlib
import re

import numpy
import pytest

from support.dataset import stage_of
from support.server import sanitized

SEEDS = pathlib.Path(__file__).resolve().parents[3] / "shared/data/seeds-flickr8k-24k.txt.gz"
SHARES = {"multiple_choice": 171 / 1243, "question_answering": 199 / 1243, "complex_reasoning": 100 / 1243}
TURNS = {"multiple_choice": (6, 8), "question_answering": (6, 8), "complex_reasoning": (1, 8)}
RESERVED = ["<|", "|>", "</s>", "<s>", "ASSISTANT:", "USER:", "[INST]"]
OPTIONS = re.compile(r"\A.+\nA: (.+)\nB: (.+)\nC: (.+)\nD: (.+)\Z")

pytestmark = [
    pytest.mark.skipif(not SEEDS.is_file(), reason="the folder of real seeds is missing"),
    pytest.mark.skipif(sanitized(), reason="too many rows for a sanitizer build"),
]

@pytest.fixture(scope="module")
def corpus(new_corpus_server):
    from support.client import Api
    from support.dataset import Dataset
    made = Dataset(Api(new_corpus_server.base), "corpus", shards=16)
    made.imported = made.load(SEEDS.read_bytes(), Content_Encoding="gzip").json()
    made.done = made.run()
    return made

@pytest.fixture(scope="module")
def new_corpus_server(cluster):
    from support.cluster import Database
    from support.server import Server
    made = Server(Database(cluster))
    made.migrate()
    made.start()
    yield made
    made.stop()

@pytest.fixture(scope="module")
def expected():
    """The ids of the distinct seeds, by the rule of the stored form."""
    texts = {" ".join(line.split()) for line in gzip.decompress(SEEDS.read_bytes()).decode().splitlines()}
    return {hashlib.sha256(text.encode()).digest()[:16].hex() for text in texts if text}

@pytest.fixture(scope="module")
def captions(corpus):
    return corpus.captions()

@pytest.fixture(scope="module")
def vectors(corpus):
    return corpus.vectors("none")

def test_every_distinct_seed_is_stored_once(corpus, expected):
    assert corpus.imported["new"] == len(expected)
    assert corpus.imported["refused"] == 0
    assert corpus.imported["received"] == corpus.imported["new"] + corpus.imported["duplicate"]

def test_exactly_one_caption_per_seed_and_none_repeated(captions, expected):
    assert sorted(c["seed_id"] for c in captions) == sorted(expected)
    assert len({c["text"] for c in captions}) == len(captions)
    lengths = [len(c["text"].split()) for c in captions]
    assert min(lengths) >= 50 and max(lengths) <= 150

def test_each_task_has_its_share(corpus, captions):
    made = corpus.dialogues()
    for task, share in SHARES.items():
        count = sum(d["task"] == task for d in made)
        assert abs(count / len(captions) - share) < 0.01, task
    assert stage_of(corpus.done, "dialogues")["done"] == len(made)

def check_turns(dialogue):
    turns = dialogue["conversations"]
    low, high = TURNS[dialogue["task"]]
    assert low <= len(turns) / 2 <= high
    assert [t["from"] for t in turns] == ["human", "gpt"] * (len(turns) // 2)
    assert turns[0]["value"].startswith("<image>\n")
    joined = "\n".join(t["value"] for t in turns)
    assert joined.count("<image>") == 1
    assert not any(word in joined for word in RESERVED)
    assert not re.search(r"\bcaption|\bthe (text|description|passage)\b", joined, re.I)
    assert len(joined.encode()) < 5145 + 200

def check_choices(turns, caption):
    for human, gpt in zip(turns[::2], turns[1::2]):
        found = OPTIONS.match(human["value"].removeprefix("<image>\n"))
        assert found, human
        assert len({o.lower() for o in found.groups()}) == 4
        assert gpt["value"] in "ABCD" and len(gpt["value"]) == 1

def test_every_dialogue_keeps_the_rules(corpus, captions):
    texts = {c["id"]: c["text"] for c in captions}
    letters = {}
    for dialogue in corpus.dialogues():
        check_turns(dialogue)
        if dialogue["task"] == "multiple_choice":
            check_choices(dialogue["conversations"], texts[dialogue["caption_id"]])
            for turn in dialogue["conversations"][1::2]:
                letters[turn["value"]] = letters.get(turn["value"], 0) + 1
    shares = [letters[c] / sum(letters.values()) for c in "ABCD"]
    assert max(shares) - min(shares) < 0.02

def test_representations_are_finite_and_of_unit_length(vectors, captions):
    assert set(vectors) == {c["id"] for c in captions}
    matrix = numpy.stack(list(vectors.values()))
    assert numpy.isfinite(matrix).all()
    assert numpy.abs(numpy.linalg.norm(matrix, axis=1) - 1).max() < 1e-6

def test_moments_and_mean_shift_equal_numpys(corpus, vectors):
    moments, = corpus.result(corpus.done["id"])["moments"]
    matrix = numpy.stack([vectors[i] for i in sorted(vectors)])
    mean = matrix.mean(axis=0)
    assert moments["count"] == len(matrix)
    assert numpy.abs(numpy.array(moments["mean"]) - mean).max() < 1e-6
    assert abs(moments["trace"] - ((matrix - mean) ** 2).sum(axis=1).mean()) < 1e-6
    shifted = matrix - mean
    shifted /= numpy.linalg.norm(shifted, axis=1, keepdims=True)
    served = corpus.vectors("mean_shift")
    assert numpy.abs(numpy.stack([served[i] for i in sorted(vectors)]) - shifted).max() < 1e-6

def test_a_second_run_makes_nothing(corpus):
    again = corpus.run()
    assert [s["done"] for s in again["stages"]] == [0, 0, 0]
    assert [s["existing"] for s in again["stages"]] == [s["done"] for s in corpus.done["stages"]]
    assert [s["failed"] for s in corpus.done["stages"]] == [0, 0, 0]

