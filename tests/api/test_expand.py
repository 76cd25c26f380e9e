"""Seeds from labels: which templates a label gets, how they read, and what is refused."""
import hashlib
import random

import pytest

from support import identity
from support.server import sanitized

LABELS = ["pad thai", "apple pie", "french fries"]
OWN = ["A photo of {a label}.", "{Label} on a table.", "A drawing of {label}, {domain}."]


def expand(api, dataset, expect=200, **body):
    return api.call("expand_seeds", dataset=dataset.name, expect=expect,
                    json={"domain": "food", "labels": LABELS, **body}).json()


def counts(answer):
    return [answer[name] for name in ("labels", "received", "new", "duplicate", "duplicate_differs", "refused")]


def sets(api):
    return {s["name"]: s["templates"] for s in api.items("/v1/seed-templates")}


def chosen(templates, k, domain, label, salt=""):
    """The choice as it is documented, written without a look at the program."""
    def place(template):
        text = f"template:{salt}{domain}\0{label}\0{template}"
        return hashlib.sha256(text.encode()).digest()[:8]
    return set(sorted(templates, key=place)[:k])


def test_ten_templates_a_label(api, dataset):
    assert counts(expand(api, dataset, source="menu")) == [3, 30, 30, 0, 0, 0]
    seeds = dataset.seeds()
    templates = sets(api)["food"]
    for label in LABELS:
        mine = [seed for seed in seeds if seed["metadata"]["label"] == label]
        assert {seed["metadata"]["template"] for seed in mine} == chosen(templates, 10, "food", label)
        for seed in mine:
            assert (seed["domain"], seed["source"]) == ("food", "menu")
            assert label in seed["text"].lower()
            assert seed["id"] == identity.seed_id(seed["text"])
            assert "{" not in seed["text"] and "  " not in seed["text"]


def test_the_same_again_changes_nothing(api, dataset):
    expand(api, dataset)
    before = dataset.seeds()
    assert counts(expand(api, dataset)) == [3, 30, 0, 30, 0, 0]
    assert counts(expand(api, dataset, labels=LABELS[::-1] * 2)) == [6, 60, 0, 60, 0, 0]
    assert counts(expand(api, dataset, source="other")) == [3, 30, 0, 30, 30, 0]
    assert dataset.seeds() == before


def test_a_smaller_number_is_a_part_of_a_larger(api, dataset):
    for per_label, new in ((1, 3), (4, 9), (16, 36)):
        assert counts(expand(api, dataset, per_label=per_label)) == \
            [3, 3 * per_label, new, 3 * per_label - new, 0, 0]
    assert len(dataset.seeds()) == 48


def test_a_salt_is_another_choice(api, dataset):
    expand(api, dataset, per_label=5, salt="one")
    templates = sets(api)["food"]
    for seed in dataset.seeds():
        assert seed["metadata"]["template"] in chosen(templates, 5, "food", seed["metadata"]["label"], "one")


def test_a_word_of_two_domains_is_two_seeds(api, dataset):
    for domain in ("birds", "vehicles", "objects"):
        answer = expand(api, dataset, domain=domain, labels=["crane"], per_label=16)
        assert counts(answer) == [1, 16, 16, 0, 0, 0]
    assert len(dataset.seeds(domain="birds")) == 16 and len(dataset.seeds()) == 48


@pytest.mark.parametrize("label, template, text", [
    ("apple pie", "A photo of {a label}.", "A photo of an apple pie."),
    ("hamburger", "{A label} here.", "A hamburger here."),
    ("french fries", "{A label} here.", "French fries here."),
    ("sushi", "{A label} here.", "Sushi here."),
    ("the Eiffel Tower", "{A label} and {name}.", "The Eiffel Tower and Eiffel Tower."),
    ("apple_pie", "{a label}", "an apple pie"),
    (" hot\u00a0 dog ", "{Label}: {label}", "Hot dog: hot dog"),
    ("cafe\u0301", "{a label} in {domain}", "a caf\u00e9 in my  own domain"),
])
def test_forms_of_a_label(api, dataset, label, template, text):
    expand(api, dataset, domain=" my  own domain", labels=[label], templates=[template])
    seed, = dataset.seeds()
    assert seed["text"] == identity.normalise(text)
    assert seed["domain"] == "my own domain"


def test_own_templates(api, dataset):
    assert counts(expand(api, dataset, domain="dishes", templates=OWN)) == [3, 9, 9, 0, 0, 0]
    assert {seed["text"] for seed in dataset.seeds()} >= {
        "A photo of a pad thai.", "French fries on a table.", "A drawing of apple pie, dishes."}
    expand(api, dataset, domain="dishes", templates=OWN[::-1], per_label=2)
    for label in LABELS:
        mine = [s for s in dataset.seeds() if s["metadata"]["label"] == label]
        assert {s["metadata"]["template"] for s in mine} == set(OWN)


def test_a_set_by_its_name(api, dataset):
    answer = expand(api, dataset, domain="street food", template_set="food")
    assert counts(answer) == [3, 30, 30, 0, 0, 0]
    templates = sets(api)["food"]
    for seed in dataset.seeds():
        assert seed["metadata"]["template"] in chosen(templates, 10, "street food", seed["metadata"]["label"])


BAD_LABELS = [("", "empty"), (" \u3000_ ", "empty"), ("x" * 201, "too_long"), ("é" * 201, "too_long"),
              ("a\x01b", "control_character"), ("a\x7f", "control_character"),
              ("a\u0090b", "control_character"), ("{label}", "brace"), ("a}", "brace"),
              ("<image>", "reserved_string")]


def test_bad_labels_are_refused_by_themselves(api, dataset):
    labels = [label for label, _ in BAD_LABELS]
    answer = expand(api, dataset, labels=["pad thai", *labels, "apple pie"], per_label=2)
    assert counts(answer) == [len(labels) + 2, 4, 4, 0, 0, len(labels)]
    assert [(r["index"], r["reason"]) for r in answer["refused_labels"]] == \
        [(i + 1, reason) for i, (_, reason) in enumerate(BAD_LABELS)]
    assert all(r["detail"] for r in answer["refused_labels"])
    assert {s["metadata"]["label"] for s in dataset.seeds()} == {"pad thai", "apple pie"}


def test_the_first_hundred_refused_labels_are_named(api, dataset):
    answer = expand(api, dataset, labels=[""] * 250 + ["pad thai"], per_label=1)
    assert counts(answer) == [251, 1, 1, 0, 0, 250]
    assert [r["index"] for r in answer["refused_labels"]] == list(range(100))


def test_a_seed_that_would_be_too_long(api, dataset):
    answer = expand(api, dataset, labels=["x" * 200, "short"], templates=["{label}" * 21, "One {label}."])
    assert counts(answer) == [2, 2, 2, 0, 0, 1]
    assert [(r["index"], r["reason"]) for r in answer["refused_labels"]] == [(0, "too_long")]


@pytest.mark.parametrize("body, pointers", [
    ({"domain": "unheard of"}, ["/template_set"]),
    ({"domain": " "}, ["/domain", "/template_set"]),
    ({"template_set": "Food"}, ["/template_set"]),
    ({"template_set": "food", "templates": OWN}, ["/template_set"]),
    ({"per_label": 19}, ["/per_label"]),
    ({"templates": OWN, "per_label": 4}, ["/per_label"]),
    ({"templates": ["no form"]}, ["/templates/0"]),
    ({"templates": ["{label}", "{labels}"]}, ["/templates/1"]),
    ({"templates": ["{label}", "a", "{label} "]}, ["/templates/1", "/templates/2"]),
    ({"templates": ["{domain}"]}, ["/templates/0"]),
    ({"templates": ["{label} <image>"]}, ["/templates/0"]),
    ({"templates": ["{label} }"]}, ["/templates/0"]),
    ({"templates": ["", "{label}"]}, ["/templates/0"]),
    ({"templates": ["{label}" + "x" * 494]}, ["/templates/0"]),
    ({"labels": ["a", 7]}, ["/labels/1"]),
    ({"labels": ["x" * 801]}, ["/labels/0"]),
])
def test_requests_that_cannot_be(api, dataset, body, pointers):
    answer = api.call("expand_seeds", dataset=dataset.name, expect=422,
                      json={"domain": "food", "labels": LABELS, **body})
    assert answer.problem == "validation"
    assert answer.pointers == pointers
    assert dataset.seeds() == []


def test_sets_that_ship(api):
    listed = api.items("/v1/seed-templates")
    names = [s["name"] for s in listed]
    assert names == sorted(names) and len(set(names)) == len(names) >= 18
    assert api.items("/v1/seed-templates", page_size=5) == listed
    assert api.items("/v1/seed-templates", page_size=1) == listed
    texts = [text for s in listed for text in s["templates"]]
    assert len(set(texts)) == len(texts)
    token = api.call("list_seed_templates", params={"page_size": 2}).json()["next_page_token"]
    api.call("list_prompts", params={"page_token": token}, expect=400)


def test_every_set_expands_and_can_be_captioned(api, dataset):
    names = sorted(sets(api))
    for name in names:
        assert counts(expand(api, dataset, domain=name, labels=["crane"])) == [1, 10, 10, 0, 0, 0]
    dataset.run(["captions"], max_failed=0)
    assert len(dataset.captions()) == 10 * len(names)


def test_as_many_labels_as_may_be(api, new_dataset, server):
    """A hundred thousand seeds in one request, as in the paper, in constant memory."""
    dataset = new_dataset(api, 16)
    rng = random.Random(5)
    n = 1_000 if sanitized() else 10_000
    labels = [f"label {i} {'x' * rng.randint(0, 100)}" for i in range(n)]
    before = server.resident_bytes()
    assert counts(expand(api, dataset, labels=labels)) == [n, 10 * n, 10 * n, 0, 0, 0]
    assert server.resident_bytes() - before < 64 * 2**20
    assert api.call("get_dataset", dataset=dataset.name).json()["seeds"] == 10 * n
    api.call("expand_seeds", dataset=dataset.name, json={"domain": "food", "labels": labels * 11},
             expect=(413, 422))
