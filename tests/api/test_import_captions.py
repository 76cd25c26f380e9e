"""Captions that were made elsewhere: their identity, their seeds, and that runs go on from them."""
import gzip
import json
import threading

import pytest

from support import identity
from support.client import Api
from support.dataset import EVERY_TASK, stage_of
from support.seeds import generate

DOG = "A brown dog with short fur stands on wet sand and looks to the left."
CAT = "A grey cat lies on a wooden chair beside a window with white curtains."


def counts(answer):
    body = answer.json()
    return {name: body[name] for name in ("received", "new", "duplicate", "duplicate_differs", "refused",
                                          "new_seeds")}


def nothing_but(**given):
    return {"received": 0, "new": 0, "duplicate": 0, "duplicate_differs": 0, "refused": 0, "new_seeds": 0,
            **given}


def imported(dataset, name="import", **params):
    return dataset.captions(recipe=identity.imported_recipe(name), **params)


def test_what_a_line_may_be(dataset):
    known, = dataset.add(["A known seed."])["ids"]
    answer = dataset.load_captions([
        DOG,
        {"text": CAT, "seed": " A  cat. ", "source": "coco", "domain": "pets", "metadata": {"n": 1}},
        {"text": "A third caption.", "seed_id": known, "source": "ignored"},
        {"text": "A fourth caption.", "seed": "A cat.", "variant": 999},
        "",
    ])
    assert counts(answer) == nothing_but(received=4, new=4, new_seeds=2)
    recipe = identity.imported_recipe("import")
    assert answer.json()["recipe"] == recipe and answer.json()["refused_lines"] == []
    seeds = {seed["text"]: seed for seed in dataset.seeds()}
    assert set(seeds) == {DOG, "A cat.", "A known seed."}
    assert {k: seeds["A cat."][k] for k in ("source", "domain", "metadata")} == \
        {"source": "coco", "domain": "pets", "metadata": {"n": 1}}
    assert "source" not in seeds["A known seed."]
    found = {(c["seed_id"], c["variant"]): c for c in dataset.captions()}
    texts = {key: c["text"] for key, c in found.items()}
    assert texts == {(identity.seed_id(DOG), 0): DOG, (identity.seed_id("A cat."), 0): CAT,
                     (known, 0): "A third caption.",
                     (identity.seed_id("A cat."), 999): "A fourth caption."}
    for caption in found.values():
        assert caption["recipe"] == recipe
        assert caption["id"] == identity.caption_id(caption["seed_id"], recipe, caption["variant"],
                                                    caption["text"])
        assert (caption["model"], caption["finish_reason"]) == ("imported", "imported")
        assert (caption["tokens_in"], caption["tokens_out"], caption["flags"]) == (0, 0, [])
        assert "run" not in caption and "dropped" not in caption


def test_texts_are_normalised(dataset):
    dataset.load_captions([{"text": " A  cafe\u0301\u3000at night. ", "seed": "A\u00a0cafe."}])
    caption, = dataset.captions()
    assert caption["text"] == "A caf\u00e9 at night."
    assert caption["seed_id"] == identity.seed_id("A cafe.")


def test_defaults_for_all_lines(dataset):
    dataset.load_captions([DOG, {"text": CAT, "source": "own"}], params={"source": "file é", "domain": "pets"})
    seeds = {s["text"]: (s["source"], s["domain"]) for s in dataset.seeds()}
    assert seeds == {DOG: ("file é", "pets"), CAT: ("own", "pets")}


def test_the_same_again_changes_nothing(dataset):
    lines = [{"text": f"{text} It is seen from the front.", "seed": text} for text in generate(2500)]
    assert counts(dataset.load_captions(lines)) == nothing_but(received=2500, new=2500, new_seeds=2500)
    before = imported(dataset)
    assert counts(dataset.load_captions(lines)) == nothing_but(received=2500, duplicate=2500)
    assert imported(dataset) == before and len(before) == 2500
    recipes = dataset.api.call("get_dataset", dataset=dataset.name).json()["recipes"]
    assert [(r["recipe"], r["kind"], r["settings"]) for r in recipes] == [
        (identity.imported_recipe("import"), "imported",
         {"kind": "imported", "name": "import", "stage": "captions"})]


def test_a_slot_keeps_its_first_text(dataset):
    first = {"text": DOG, "seed": "A dog."}
    answer = dataset.load_captions([first, {"text": CAT, "seed": "A  dog."}, first])
    assert counts(answer) == nothing_but(received=3, new=1, duplicate=2, duplicate_differs=1, new_seeds=1)
    answer = dataset.load_captions([{"text": CAT, "seed": "A dog."}, first, {**first, "variant": 1}])
    assert counts(answer) == nothing_but(received=3, new=1, duplicate=2, duplicate_differs=1)
    assert [(c["variant"], c["text"]) for c in dataset.captions()] == [(0, DOG), (1, DOG)]


def test_another_name_is_another_recipe(dataset):
    dataset.load_captions([{"text": DOG, "seed": "A dog."}], name="one")
    answer = dataset.load_captions([{"text": CAT, "seed": "A dog."}], name="two")
    assert counts(answer) == nothing_but(received=1, new=1)
    assert [c["text"] for c in imported(dataset, "one")] == [DOG]
    assert [c["text"] for c in imported(dataset, "two")] == [CAT]
    assert [c["text"] for c in dataset.captions()] == [CAT]  # the newest recipe
    assert len(dataset.captions(view="all")) == 2


def test_seeds_by_id_must_have_come_before(dataset):
    """In the dataset or earlier in the stream, however the stream is cut into batches."""
    dog, cat, cow = (identity.seed_id(f"A {x}.") for x in ("dog", "cat", "cow"))
    dataset.add(["A dog."])
    filler = generate(1200)
    answer = dataset.load_captions([
        {"text": "One.", "seed_id": dog},
        {"text": "Two.", "seed_id": cat},
        {"text": "Three.", "seed": "A cat."},
        {"text": "Four.", "seed_id": cat, "variant": 1},
        {"text": "Five.", "seed_id": cow},
        *filler,
        {"text": "Six.", "seed_id": cat, "variant": 2},
        {"text": "Seven.", "seed_id": cow},
        {"text": ""},
    ])
    assert counts(answer) == nothing_but(received=1208, new=1204, refused=4, new_seeds=1201)
    assert [(r["line"], r["reason"]) for r in answer.json()["refused_lines"]] == \
        [(2, "unknown_seed"), (5, "unknown_seed"), (1207, "unknown_seed"), (1208, "empty")]
    assert sorted(c["text"] for c in dataset.captions(seed=cat)) == ["Four.", "Six.", "Three."]


def test_the_first_hundred_refused_lines_are_named(dataset):
    """Lines that are refused late, with their batch, do not push out earlier ones."""
    lines = [{"text": "One.", "seed_id": "0" * 32} if i % 2 else {"text": ""} for i in range(300)]
    answer = dataset.load_captions(lines).json()
    assert answer["refused"] == 300
    assert [r["line"] for r in answer["refused_lines"]] == list(range(1, 101))
    assert {r["reason"] for r in answer["refused_lines"]} == {"unknown_seed", "empty"}
    assert dataset.captions() == []


REFUSED = [
    ({"text": ""}, "empty"),
    ({"text": " \u3000 "}, "empty"),
    ({"text": DOG, "seed": " "}, "empty"),
    ({"text": "x" * 5146}, "too_long"),
    ({"text": "é" * 2573, "seed": "A dog."}, "too_long"),
    ({"text": "x" * 4001}, "too_long"),
    ({"text": DOG, "seed": "x" * 4001}, "too_long"),
    ("x" * 70000, "too_long"),
    ({"text": "A dog. <image>"}, "reserved_string"),
    ({"text": "A dog.</s>"}, "reserved_string"),
    ("USER: what is it?", "reserved_string"),
    ({"seed": "A dog."}, "invalid_field"),
    ({"text": 7}, "invalid_field"),
    ({"text": DOG, "seed": 7}, "invalid_field"),
    ({"text": DOG, "seed_id": "7"}, "invalid_field"),
    ({"text": DOG, "seed": "A dog.", "seed_id": "0" * 32}, "invalid_field"),
    ({"text": DOG, "variant": -1}, "invalid_field"),
    ({"text": DOG, "variant": 1000}, "invalid_field"),
    ({"text": DOG, "variant": "1"}, "invalid_field"),
    ({"text": DOG, "colour": "brown"}, "invalid_field"),
    ({"text": DOG, "source": "s" * 201}, "invalid_field"),
    ({"text": DOG, "metadata": {"m": "x" * 8192}}, "invalid_field"),
    ({"text": DOG, "seed_id": "f" * 32}, "unknown_seed"),
    ('{"text":"a"', "malformed_json"),
    ('{"text":"a","text":"b"}', "malformed_json"),
]


@pytest.mark.parametrize("line, reason", REFUSED, ids=[f"{i}-{r}" for i, (_, r) in enumerate(REFUSED)])
def test_a_bad_line_is_refused_by_itself(dataset, line, reason):
    answer = dataset.load_captions([DOG, "", line, CAT]).json()
    assert (answer["received"], answer["new"], answer["refused"]) == (3, 2, 1)
    refused, = answer["refused_lines"]
    assert (refused["line"], refused["reason"]) == (3, reason)
    assert refused["detail"]
    assert {c["text"] for c in dataset.captions()} == {DOG, CAT}


def test_bytes_that_are_no_text(dataset):
    answer = dataset.load_captions(b"A \xff dog.\nA \x00 dog.\nA dog.\n").json()
    assert [r["reason"] for r in answer["refused_lines"]] == ["invalid_utf8", "nul"]
    assert answer["new"] == 1


def test_limits_are_inclusive(dataset):
    longest = "x" * 5145
    answer = dataset.load_captions([{"text": longest, "seed": "y" * 4000}, {"text": "z" * 4000}])
    assert counts(answer) == nothing_but(received=2, new=2, new_seeds=2)
    assert longest in {c["text"] for c in dataset.captions()}


def test_gzip(dataset):
    data = "".join(json.dumps({"text": text}) + "\n" for text in generate(1500)).encode()
    packed = gzip.compress(data)
    assert counts(dataset.load_captions(packed, Content_Encoding="gzip"))["new"] == 1500
    answer = dataset.load_captions(packed[:-20], name="cut", expect=422, Content_Encoding="gzip")
    assert answer.problem == "import-broken"
    kept = answer.json()["counts"]
    assert kept["new"] == len(imported(dataset, "cut")) > 1000
    assert kept["recipe"] == identity.imported_recipe("cut") and kept["new_seeds"] == 0
    again = counts(dataset.load_captions(packed, name="cut", Content_Encoding="gzip"))
    assert again == nothing_but(received=1500, new=1500 - kept["new"], duplicate=kept["new"])


def test_an_import_of_nothing_leaves_no_recipe(dataset):
    assert counts(dataset.load_captions(b"\n\n")) == nothing_but()
    assert counts(dataset.load_captions([{"text": ""}])) == nothing_but(received=1, refused=1)
    assert dataset.api.call("get_dataset", dataset=dataset.name).json()["recipes"] == []


@pytest.mark.parametrize("name", [None, "Upper", "a b", "-a", "é", ".", "a/b"])
def test_names_that_cannot_be(api, dataset, name):
    params = {} if name is None else {"name": name}
    answer = api.call("import_captions", dataset=dataset.name, data=DOG.encode(), params=params, expect=422)
    assert answer.problem == "validation" and answer.pointers == ["?name"]
    assert dataset.seeds() == []


def test_runs_go_on_from_imported_captions(dataset, world):
    """The captions of one dataset are brought to another one, which has never heard of them."""
    texts = {seed["id"]: seed["text"] for seed in world.seeds()}
    lines = [{"text": c["text"], "seed": texts[c["seed_id"]]} for c in world.captions()]
    assert counts(dataset.load_captions(lines)) == nothing_but(received=40, new=40, new_seeds=40)
    run = dataset.run(["dialogues", "representations"], dialogues={"mix": EVERY_TASK})
    assert stage_of(run, "dialogues")["done"] == 120
    assert stage_of(run, "representations")["done"] == 40
    captions = imported(dataset, view="default")
    ids = {caption["id"] for caption in captions}
    assert len(ids) == 40
    dialogues = dataset.dialogues()
    assert len(dialogues) == 120 and {d["caption_id"] for d in dialogues} == ids
    assert set(dataset.vectors("mean_shift")) == ids
    texts = {c["id"]: c["text"] for c in captions}
    for row in dataset.dialogues(format="llava"):
        assert row["caption"] == texts[row["id"]]
    detail = dataset.api.call("get_seed", dataset=dataset.name, seed=captions[0]["seed_id"]).json()
    assert [(c["id"], c["in_view"]) for c in detail["captions"]] == [(captions[0]["id"], True)]
    assert len(detail["captions"][0]["dialogues"]) == 3
    shown = dataset.api.call("get_caption", dataset=dataset.name, caption=captions[0]["id"]).json()
    assert shown["text"] == captions[0]["text"] and "run" not in shown
    assert counts(dataset.load_captions(lines))["duplicate"] == 40
    again = dataset.run(["dialogues", "representations"], dialogues={"mix": EVERY_TASK})
    assert stage_of(again, "dialogues")["existing"] == 120


def test_the_recipe_that_was_used_last_is_picked(dataset):
    dataset.load_captions([{"text": DOG, "seed": "A dog."}], name="before")
    run = dataset.run(["captions"])
    assert stage_of(run, "captions")["done"] == 1
    assert [c["run"] for c in dataset.captions()] == [run["id"]]
    dataset.load_captions([{"text": CAT, "seed": "A dog."}], name="after")
    assert [c["text"] for c in dataset.captions()] == [CAT]
    assert dataset.captions(run=run["id"])[0]["run"] == run["id"]


def test_the_same_import_from_many_clients_at_once(api, dataset):
    lines = [{"text": f"{text} It is day.", "seed": text} for text in generate(600)]
    answers, errors = [], []

    def load(part):
        try:
            data = "".join(json.dumps(line) + "\n" for line in lines[part * 7:] + lines[:part * 7])
            answers.append(counts(Api(api.base).call("import_captions", dataset=dataset.name,
                                                     data=data.encode(), params={"name": "shared"})))
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(a["new"] for a in answers) == 600 == sum(a["new_seeds"] for a in answers)
    assert sum(a["duplicate"] for a in answers) == 5 * 600
    assert len(imported(dataset, "shared")) == 600


def test_deleting_the_dataset_removes_them(api, new_dataset, database):
    dataset = new_dataset(api)
    dataset.load_captions([DOG, CAT])
    number = database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    assert database.value(f"SELECT count(*) FROM captions WHERE shard_id / 65536 = {number}") == 2
    rows = database.query("SELECT DISTINCT run_id, calls, cost, octet_length(signature) AS signature"
                          f" FROM captions WHERE shard_id / 65536 = {number}")
    assert rows == [{"run_id": "00000000-0000-0000-0000-000000000000", "calls": 0, "cost": 0,
                     "signature": 224}]
    api.call("delete_dataset", dataset=dataset.name)
