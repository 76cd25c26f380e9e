"""The report of a frozen view against the rows that the view picks, by the program of bench/."""
import json
import random
import struct
import subprocess

import pytest

from conftest import unique_name
from support import figures
from support.client import Api
from support.dataset import Dataset
from support.report_rows import (TASKS, Made, assert_same, check_texts, conversation, expected_usage,
                                 numbers, text)
from support.server import binary

PROGRAM = "bench/report_view"
# Of the rows that a view does not pick, or of the moment.
ABSENT = {"usable", "failed", "cost_usd_failed", "cost_usd_per_usable_row"}


def frozen(made, view, dialogue_recipes, *enough):
    """The report as it is written."""
    done = subprocess.run(
        [binary().parent / PROGRAM, made.rows.database.url, made.dataset.name, str(made.rows.number),
         str(made.rows.shards), "{%s}" % ",".join(view), "{%s}" % ",".join(dialogue_recipes),
         *map(str, enough)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def picked(made, view, dialogue_recipes):
    """Captions and dialogues of the view: each slot's first in the order of the recipes."""
    slots, talks = {}, {}
    for c in made.captions:
        if c["recipe"] in view and not c.get("dropped") and not c.get("rejected"):
            slots.setdefault((c["seed"], c["variant"]), []).append(c)
    captions = [min(some, key=lambda c: view.index(c["recipe"])) for some in slots.values()]
    ids = {c["id"] for c in captions}
    for d in made.dialogues:
        if d["recipe"] in dialogue_recipes and d["caption"] in ids:
            talks.setdefault((d["caption"], d["task"]), []).append(d)
    return captions, [min(some, key=lambda d: dialogue_recipes.index(d["recipe"])) for some in talks.values()]


class Viewed(Made):
    """With dialogues of a later recipe, some of them for captions and tasks that have one already."""

    def __init__(self, database, dataset):
        super().__init__(database, dataset)
        self.later = self.rows.recipe("dialogues")
        self.add_dialogues(self.later, self.captions[::2])

    def add_dialogues(self, recipe, captions):
        more = []
        for i, caption in enumerate(captions):
            more.append({**self.dialogue(i, caption), "recipe": recipe,
                         "conversations": conversation(self.rng, TASKS[i % 3])})
        self.dialogues += more
        self.rows.dialogues(more)

    def view(self, names):
        return [getattr(self, name) for name in names.split()]


@pytest.fixture(scope="module", name="made")
def _made(server):
    return Viewed(server.database, Dataset(Api(server.base), unique_name("frozen"), 4))


VIEWS = [("new old", "talk"), ("old new", "later talk"), ("old", "talk later"), ("new", ""), ("", "talk")]


@pytest.mark.parametrize("view, dialogue_recipes", VIEWS)
def test_figures_are_those_of_the_picked_rows(made, view, dialogue_recipes):
    view, dialogue_recipes = made.view(view), made.view(dialogue_recipes)
    found = json.loads(frozen(made, view, dialogue_recipes))
    captions, dialogues = picked(made, view, dialogue_recipes)
    assert (found["dataset"], found["view"], found["dialogue_recipes"], found["trial"]) == \
        (made.dataset.name, view, dialogue_recipes, False)
    assert found["captions"]["count"] == found["captions"]["measured"] == len(captions)
    assert found["dialogues"]["count"] == found["dialogues"]["measured"] == len(dialogues)
    assert {t["task"]: t["count"] for t in found["dialogues"]["tasks"]} == \
        {task: sum(d["task"] == task for d in dialogues) for task in TASKS}
    if captions:
        check_texts(found, captions, dialogues)
        signatures = {c["id"]: struct.unpack("<112H", bytes.fromhex(c["signature"][2:]))
                      for c in captions if "signature" in c}
        assert_same(found["captions"]["duplicates"]["near"], figures.near(captions, signatures))
    check_rows(found, captions, dialogues)


def check_rows(found, captions, dialogues):
    """What is said of the rows beside their texts."""
    flags = [c["flags"] for c in captions if c.get("flags")]
    assert found["captions"]["flagged"] == len(flags)
    assert found["captions"]["filters"] == [
        {"filter": name, "flagged": sum(name in some for some in flags)} for name in sorted(set(sum(flags, [])))]
    assert found["captions"]["verdicts"] == {"accepted": sum(c.get("verdict") == "accepted" for c in captions)}
    usage = [expected_usage(stage, provider, some, [])
             for stage, rows in (("captions", captions), ("dialogues", dialogues)) for provider in "pq"
             if (some := [row for row in rows if row["provider"] == provider])]
    assert_same(found["usage"], [{k: v for k, v in row.items() if k not in ABSENT} for row in usage])
    assert found["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in usage), abs=1e-12)
    made_by = {row["recipe"]: row["rows"] for row in found["recipes"]}
    rows = captions + dialogues
    assert made_by == {recipe: sum(r["recipe"] == recipe for r in rows) for recipe in {r["recipe"] for r in rows}}


def test_a_default_view_has_the_texts_of_the_ordinary_report(made):
    ordinary = made.api.call("get_report", dataset=made.dataset.name).json()["captions"]
    found = json.loads(frozen(made, made.view("new old"), made.view("talk")))["captions"]
    for key in ("measured", "words", "characters", "sentences", "lexical", "openings"):
        assert found[key] == ordinary[key]


def test_other_recipes_change_nothing(server):
    """Captions of the same seeds and of new ones, dialogues of the same tasks, failures, seeds, a run."""
    made = Viewed(server.database, Dataset(Api(server.base), unique_name("frozen"), 4))
    view, talks = made.view("new old"), made.view("later talk")
    before = frozen(made, view, talks)
    recipe, talk = made.rows.recipe(), made.rows.recipe("dialogues")
    run = made.rows.run(caption_recipe=f"'{recipe}'", dialogue_recipe=f"'{talk}'")
    seeds = [c["seed"] for c in made.captions[:400]] + made.rows.seed_ids(50)
    made.captions += made.rows.captions([
        {**made.caption(i, seed, recipe, run), "provider": "offline", "text": text(random.Random(i))}
        for i, seed in enumerate(seeds)])
    made.add_dialogues(talk, made.captions[::2])
    made.rows.failures([{"seed": seed, "run": run, "stage": "dialogues", "reason": "schema"}
                        for seed in seeds[:100]])
    made.rows.seeds(3)
    made.rows.set_to_work(run)
    assert frozen(made, view, talks) == before
    assert frozen(made, [recipe, *view], talks) != before
    assert frozen(made, view, [talk, *talks]) != before
    made.rows.stop_work(run)


def test_every_figure_has_a_definition_and_the_reverse(made):
    found = json.loads(frozen(made, made.view("new old"), made.view("talk")))
    definitions = found.pop("definitions")
    for path in set(numbers(found)):
        parts = path.split(".")
        assert any(".".join(parts[:n]) in definitions for n in range(1, len(parts) + 1)), path
    for path in definitions:
        nodes = [found]
        for part in path.split("."):
            nodes = [item for node in nodes for item in (node if isinstance(node, list) else [node])]
            nodes = [node[part] for node in nodes if part in node]
        assert nodes, path


def test_nothing_of_the_moment_is_in_it(made):
    made.rows.set_to_work(made.first)
    found = json.loads(frozen(made, made.view("old"), made.view("talk")))
    made.rows.stop_work(made.first)
    assert not {"generated_at", "took_seconds", "seeds", "failures", "run", "recipe"} & set(found)
    assert "changing" not in {w["code"] for w in found["warnings"]}


def test_enough_shards_are_measured_and_all_rows_counted(made):
    view, talks = made.view("new old"), made.view("talk")
    whole, part = (json.loads(frozen(made, view, talks, *enough)) for enough in ((), (1,)))
    captions, _ = picked(made, view, talks)
    shards = made.rows.shards
    first = [c for c in captions if int(str(c["seed"]).replace("-", "")[:16], 16) % shards == 0]
    assert 0 < len(first) < len(captions) and shards > 1
    assert part["captions"]["measured_shards"] == 1 and whole["captions"]["measured_shards"] == shards
    assert part["captions"]["measured"] == part["captions"]["lexical"]["captions"] == len(first)
    assert part["captions"]["count"] == whole["captions"]["count"] == len(captions)
    assert part["usage"] == whole["usage"] and part["recipes"] == whole["recipes"]
