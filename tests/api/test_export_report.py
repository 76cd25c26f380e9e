"""The report in the manifest of an export: of all that the frozen view picks, and of nothing else."""
import json

import pytest

from conftest import unique_name
from support.client import Api
from support.dataset import EVERY_TASK, Dataset
from support.exporting import make
from support.report_rows import assert_same, check_texts
from support.seeds import generate

TEXTS = ("measured", "words", "characters", "sentences", "lexical", "openings")


@pytest.fixture(scope="module")
def whole(server):
    dataset = Dataset(Api(server.base), unique_name("frozen"), 4)
    dataset.load(generate(60))
    dataset.finished_run = dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})["id"]
    return dataset


def report_of(dataset, **body):
    """(the export, the report of its manifest.json as a file)"""
    export = make(dataset, ["llava"], **body)
    return export, json.loads(export.file("manifest.json"))["report"]


def test_figures_are_those_of_the_rows(whole):
    export, found = report_of(whole)
    captions, dialogues = whole.captions(), whole.dialogues()
    assert len(captions) == 60 and len(dialogues) == 180
    check_texts(found, captions, dialogues)
    request = export.answer["request"]
    assert (found["dataset"], found["view"], found["dialogue_recipes"], found["trial"]) == \
        (whole.name, request["view"], request["dialogue_recipes"], True)
    counts = export.manifest["counts"]
    assert (found["captions"]["count"], found["dialogues"]["count"]) == (counts["captions"], counts["dialogues"])
    assert [(row["stage"], row["rows"]) for row in found["usage"]] == [("captions", 60), ("dialogues", 180)]


def test_texts_are_measured_as_in_the_ordinary_report(whole):
    ordinary = whole.api.call("get_report", dataset=whole.name).json()
    found = report_of(whole)[1]
    assert_same({key: found["captions"][key] for key in TEXTS},
                {key: ordinary["captions"][key] for key in TEXTS})
    frozen_tasks, tasks = found["dialogues"]["tasks"], ordinary["dialogues"]["tasks"]
    assert frozen_tasks == tasks


def test_it_is_of_the_view_and_not_of_what_is_selected_of_it(whole):
    export, found = report_of(whole, limit=10)
    assert export.manifest["counts"]["captions"] == 10
    assert found == report_of(whole)[1]


def test_other_recipes_and_more_seeds_do_not_change_it(server):
    dataset = Dataset(Api(server.base), unique_name("frozen"), 4)
    dataset.load(generate(40))
    dataset.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})
    before, found = report_of(dataset)
    dataset.load(generate(20, seed=2))
    dataset.run(["captions", "dialogues"], captions={"prompt": "concise-v1"}, dialogues={"mix": EVERY_TASK})
    after, other = report_of(dataset)
    assert after.answer["request"]["view"] != before.answer["request"]["view"] and other != found
    again, same = report_of(dataset, **{k: v for k, v in before.answer["request"].items() if k != "formats"})
    assert same == found
    assert again.contents() == before.contents()
