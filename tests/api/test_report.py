"""Reports: every figure against one that is computed here from the rows that the lists show."""
import collections
import random
import struct

import pytest

from conftest import unique_name
from support import figures
from support.client import CONTRACT, Api
from support.contract import resolve
from support.dataset import Dataset
from support.report_rows import Made, assert_same, check_texts, expected_usage, numbers, text
from support.rows import Rows


def report(api, dataset, **params):
    return api.call("get_report", dataset=dataset, params=params).json()


@pytest.fixture(scope="module")
def made(server):
    return Made(server.database, Dataset(Api(server.base), unique_name("report"), 4))


def test_a_dataset_of_the_offline_composer(api, world):
    found = report(api, world.name)
    check_texts(found, world.captions(), world.dialogues())
    assert found["captions"]["count"] == found["captions"]["usable"] == found["seeds"] == 40
    assert found["dialogues"]["count"] == 120
    assert found["trial"] is True and "paper" not in found
    assert "offline composer" in found["paper_note"]
    assert found["warnings"][0]["code"] == "trial"
    stages = {row["stage"]: row for row in found["usage"]}
    assert {name: row["rows"] for name, row in stages.items()} == \
        {"captions": 40, "dialogues": 120, "representations": 40}
    assert stages["representations"]["provider"] == "offline"
    assert [row["kind"] for row in found["recipes"]] == ["offline", "offline"]
    tasks = report(api, world.name, run=world.finished_run)["dialogues"]["tasks"]
    assert {(task["asked_share"], task["count"], task["existing"]) for task in tasks} == {(1, 40, 40)}


def test_texts_of_the_default_view(made):
    found = report(made.api, made.dataset.name)
    assert (found["view"], found["trial"]) == ("default", False)
    captions = made.dataset.captions()
    assert len(captions) > figures.SAMPLE
    check_texts(found, captions, made.dataset.dialogues())


@pytest.mark.parametrize("params", [
    {"run": "first"}, {"run": "second"}, {"recipe": "old"}, {"recipe": "new"}, {"recipe": "talk"},
    {"view": "all"}, {"run": "first", "view": "default"}, {"recipe": "new", "run": "first"}],
    ids=lambda params: "-".join(f"{k}-{v}" for k, v in params.items()))
def test_texts_of_a_run_a_recipe_and_a_view(made, params):
    params = {k: v if k == "view" else getattr(made, v) for k, v in params.items()}
    found = report(made.api, made.dataset.name, **params)
    assert {k: found.get(k) for k in params} == params
    captions, dialogues = made.dataset.captions(**params), made.dataset.dialogues(**params)
    if captions:
        check_texts(found, captions, dialogues)
    else:
        assert found["captions"]["measured"] == 0
        assert not {"words", "characters", "sentences", "lexical"} & set(found["captions"])
        assert found["captions"]["openings"]["commonest"] == []
        assert found["dialogues"]["measured"] == len(dialogues)


def scoped(made, params):
    return [c for c in made.captions if all(c[k] == getattr(made, v) for k, v in params.items())]


@pytest.mark.parametrize("params", [{}, {"run": "first"}, {"recipe": "new"}], ids=str)
def test_counts_of_captions(made, params):
    found = report(made.api, made.dataset.name, **{k: getattr(made, v) for k, v in params.items()})
    found, rows = found["captions"], scoped(made, params)
    usable = [c for c in rows if not c.get("dropped") and not c.get("rejected")]
    names = collections.Counter(c["dropped"] for c in rows if c.get("dropped"))
    flags = collections.Counter(flag for c in rows for flag in c.get("flags", []))
    near = [c for c in rows if "near_duplicate" in (c.get("dropped"), *c.get("flags", []))]
    assert found["count"] == len(rows) and found["usable"] == len(usable)
    assert found["dropped"] == sum(names.values())
    assert found["dropped_share"] == pytest.approx(sum(names.values()) / len(rows), abs=1e-12)
    assert found["flagged"] == sum("flags" in c for c in rows)
    assert found["rejected"] == sum(c.get("rejected", False) for c in rows)
    assert found["verdicts"] == {name: sum(c.get("verdict") == name for c in rows)
                                 for name in ("accepted", "rejected", "corrected")}
    assert found["filters"] == [{"filter": name, "dropped": names[name], "flagged": flags[name]}
                                for name in sorted({*names, *flags})]
    assert found["duplicates"]["marked_near"] == len(near)
    assert found["duplicates"]["marked_exact"] == names["exact_duplicate"]
    assert found["duplicates"]["marked_near_share"] == pytest.approx(len(near) / len(rows), abs=1e-12)


@pytest.mark.parametrize("params", [{}, {"run": "first"}, {"recipe": "new"}], ids=str)
def test_near_duplicates_that_are_left(made, params):
    params = {k: getattr(made, v) for k, v in params.items()}
    found = report(made.api, made.dataset.name, **params)["captions"]["duplicates"]["near"]
    signatures = {c["id"]: struct.unpack("<112H", bytes.fromhex(c["signature"][2:]))
                  for c in made.captions if "signature" in c}
    expected = figures.near(made.dataset.captions(**params), signatures)
    assert expected["count"] > 0
    assert_same(found, expected)


@pytest.mark.parametrize("params", [{}, {"run": "second"}, {"recipe": "old"}], ids=str)
def test_money_tokens_and_time(made, params):
    found = report(made.api, made.dataset.name, **{k: getattr(made, v) for k, v in params.items()})
    captions, dialogues = scoped(made, params), made.dialogues
    failures = made.failures
    if "run" in params:
        dialogues, failures = ([row for row in rows if row["run"] == made.second]
                               for rows in (dialogues, failures))
    if "recipe" in params:
        dialogues, failures = [], [f for f in failures if f["run"] == made.first and f["stage"] == "captions"]
    expected = []
    for stage, rows in (("captions", captions), ("dialogues", dialogues)):
        for provider in "pq":
            some = [row for row in rows if row["provider"] == provider]
            failed = [f for f in failures if f["stage"] == stage and provider == "p"]
            if some:
                expected.append(expected_usage(stage, provider, some, failed))
    assert_same(found["usage"], expected)
    assert found["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in expected), abs=1e-12)
    reasons = collections.Counter((f["stage"], f["reason"]) for f in failures)
    assert found["failures"] == {"count": len(failures), "reasons": [
        {"stage": stage, "reason": reason, "count": n} for (stage, reason), n in sorted(reasons.items())]}


def test_recipes_and_prompts(made):
    found = report(made.api, made.dataset.name)
    kinds = {made.old: "openai", made.new: "mixed", made.talk: "openai"}
    assert {row["recipe"]: row["kind"] for row in found["recipes"]} == kinds
    for row in found["recipes"]:
        mine = [r for r in made.captions + made.dialogues if r["recipe"] == row["recipe"]]
        assert row["rows"] == len(mine)
        assert row["dropped"] == sum(bool(r.get("dropped")) for r in mine)
        assert row["usable"] == sum(not r.get("dropped") and not r.get("rejected") for r in mine)
        assert row["cost_usd"] == pytest.approx(sum(r["cost"] for r in mine) / 1e9, abs=1e-12)
    prompts = collections.Counter(c["prompt"] for c in made.captions)
    assert {row["prompt"]: row["rows"] for row in found["prompts"] if row["stage"] == "captions"} == prompts


def test_asked_and_got(made):
    found = report(made.api, made.dataset.name, run=made.second)
    asked = {task["task"]: (task.get("asked"), task.get("asked_share"), task["count"], task["existing"])
             for task in found["dialogues"]["tasks"]}
    mine = collections.Counter(d["task"] for d in made.dialogues if d["run"] == made.second)
    whole = collections.Counter(d["task"] for d in made.dialogues)
    assert asked == {
        "multiple_choice": (40, 0.25, mine["multiple_choice"], whole["multiple_choice"]),
        "question_answering": (None, None, mine["question_answering"], whole["question_answering"]),
        "complex_reasoning": (5, 0.125, mine["complex_reasoning"], whole["complex_reasoning"])}
    for task in report(made.api, made.dataset.name)["dialogues"]["tasks"]:
        assert not {"asked", "asked_share", "existing"} & set(task)
        assert task["count"] == whole[task["task"]]


def test_the_papers_figures_stand_beside_those_of_language_models(made):
    found = report(made.api, made.dataset.name)
    assert "paper_note" not in found
    assert found["paper"]["words"] == {"mean": 129, "min": 51, "max": 483}
    assert (found["paper"]["type_token_ratio"], found["paper"]["entropy"]) == (0.68, 6.07)
    assert found["paper"]["cost_usd_per_caption"] == 0.0003
    assert found["paper"]["dialogues"] == {"multiple_choice": 171000, "question_answering": 199000,
                                           "complex_reasoning": 100000}


def test_every_figure_has_a_definition(made):
    found = report(made.api, made.dataset.name, run=made.second)
    definitions = found.pop("definitions")
    for path in set(numbers(found)):
        parts = path.split(".")
        assert any(".".join(parts[:n]) in definitions for n in range(1, len(parts) + 1)), path
    assert all(len(text) < 300 and text.endswith(".") for text in definitions.values())


def test_definitions_name_nothing_that_is_not_there(made):
    found = report(made.api, made.dataset.name, run=made.second)
    definitions = found.pop("definitions")
    for path in definitions.keys() - {"usage.truncated"}:  # of embeddings, which are not here
        nodes = [found]
        for part in path.split("."):
            nodes = [item for node in nodes for item in (node if isinstance(node, list) else [node])]
            nodes = [node[part] for node in nodes if part in node]
        assert nodes, path


def test_the_document_defines_the_figures_in_the_same_words(made):
    definitions = report(made.api, made.dataset.name, run=made.second)["definitions"]
    report_schema = resolve(CONTRACT.document, CONTRACT.document["components"]["schemas"]["Report"])
    compared = 0
    for path, text in definitions.items():
        node = report_schema
        for part in path.split("."):
            node = node.get("items", node)["properties"][part]
        if "description" in node and path != "paper":
            assert " ".join(node["description"].split()) == " ".join(text.split()), path
            compared += 1
    assert compared > 50


def test_the_same_rows_give_the_same_report(made):
    one, other = (report(made.api, made.dataset.name) for _ in range(2))
    for each in (one, other):
        del each["generated_at"], each["took_seconds"]
    assert one == other


def test_nothing_to_report_on(api, dataset):
    found = report(api, dataset.name)
    assert found["warnings"] == [] and found["usage"] == [] and found["recipes"] == []
    assert found["captions"]["count"] == 0 and found["captions"]["openings"]["captions"] == 0
    assert found["captions"]["duplicates"]["repeated"] == {"count": 0, "exact": True}
    assert "dropped_share" not in found["captions"]
    assert all(task["questions"] == 0 for task in found["dialogues"]["tasks"])
    assert "paper" in found


def test_captions_of_one_word_and_of_none(server, new_dataset):
    api = Api(server.base)
    dataset = new_dataset(api)
    rows = Rows(server.database, dataset)
    recipe, run = rows.recipe(), rows.run()
    texts = ["...", "Alone", "two words"]
    rows.captions([{"seed": seed, "recipe": recipe, "run": run, "text": t}
                   for seed, t in zip(rows.seed_ids(3), texts)])
    found = report(api, dataset.name)["captions"]
    assert found["words"]["mean"] == pytest.approx(4 / 3)
    assert found["lexical"]["captions"] == 2
    assert found["lexical"]["normalised_entropy"] == 1
    assert found["lexical"]["distinct_3"] == {"different": 0, "total": 0, "exact": True, "standard_error": 0}
    assert found["lexical"]["self_bleu_4"] == 0
    assert found["openings"] == {"captions": 0, "different": 0, "uncounted": 0, "commonest": []}


def test_warnings(server, new_dataset):
    api = Api(server.base)
    dataset = new_dataset(api)
    rows, rng = Rows(server.database, dataset), random.Random(3)
    recipe, talk, run = rows.recipe(), rows.recipe("dialogues"), rows.run()
    captions = rows.captions([
        {"seed": seed, "recipe": recipe, "run": run, "signature": "\\x" + f"{i // 2:04x}" * 112,
         "text": ("In this picture " if i % 3 == 0 else "") + text(rng) if i % 10 else "Just the same words.",
         **({"dropped": "near_duplicate"} if i % 7 == 0 else {})}
        for i, seed in enumerate(rows.seed_ids(140))])
    question = "What is it?\nA: the long right one\nB: no\nC: nor\nD: not"
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": "A"}] * 8
    long = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "x" * 6000}]
    usable = [c["id"] for c in captions if "dropped" not in c]
    rows.dialogues([{"caption": c, "task": "multiple_choice", "recipe": talk, "run": run,
                     "conversations": turns} for c in usable[:30]]
                   + [{"caption": usable[0], "task": "question_answering", "recipe": talk, "run": run,
                       "conversations": long}])
    rows.failures([{"seed": seed, "run": run, "stage": "dialogues", "reason": "schema"}
                   for seed in rows.seed_ids(10)])
    rows.set_to_work(run)
    found = report(api, dataset.name)
    rows.stop_work(run)
    assert [w["code"] for w in found["warnings"]] == [
        "changing", "one_opening", "marked_near_duplicates", "near_duplicates", "repeated_captions", "many_dropped",
        "letters_unbalanced", "right_is_longest", "too_long", "many_failed"]
    sentences = {w["code"]: w["message"] for w in found["warnings"]}
    assert '"in this picture"' in sentences["one_opening"]
    assert "100, 0, 0 and 0" in sentences["letters_unbalanced"]
    assert "stage dialogues" in sentences["many_failed"]


def test_more_different_runs_of_words_than_are_counted_exactly(server, new_dataset):
    api = Api(server.base)
    dataset = new_dataset(api)
    rows, rng = Rows(server.database, dataset), random.Random(9)
    recipe, run = rows.recipe(), rows.run()
    texts = [" ".join(f"w{rng.randrange(40000)}" for _ in range(900)) for _ in range(1000)]
    rows.captions([{"seed": seed, "recipe": recipe, "run": run, "text": t}
                   for seed, t in zip(rows.seed_ids(len(texts)), texts)])
    found = report(api, dataset.name)["captions"]["lexical"]
    split = [t.split() for t in texts]
    assert_same(found["distinct_1"], figures.distinct(split, 1))
    for n in (2, 3):
        exact, estimate = figures.distinct(split, n), found[f"distinct_{n}"]
        assert exact["different"] > 524288 and estimate["exact"] is False
        assert estimate["total"] == exact["total"]
        error = estimate["standard_error"]
        assert 0.003 < error < 0.005
        assert abs(estimate["different"] / exact["different"] - 1) < 4 * error
        assert estimate["ratio"] == pytest.approx(estimate["different"] / estimate["total"], rel=1e-5)
