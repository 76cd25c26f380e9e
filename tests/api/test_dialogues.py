"""What becomes of the answers that models give for dialogues; how long dialogues are; how many there are."""
import collections
import hashlib

import pytest

from support import answers
from support.dataset import stage_of
from support.dialogues import check_conversations
from support.seeds import generate

HTTP_CASES = [case for case in answers.CASES if case["http"]]
TASKS = {"multiple_choice": "multiple choice", "question_answering": "questions and answers",
         "complex_reasoning": "complex reasoning"}


def sign(case):
    return f"A sign on the boat reads {case['name']} today."


def caption_and_answer(case):
    """The faults that make a seed's caption the one of the table, and its dialogue the case's answer."""
    return [{"kind": "text", "match": f"Caption: case {case['name']} end", "text": f"{answers.CAPTION} {sign(case)}"},
            {"kind": "text", "match": sign(case), "text": case["answer"]}]


@pytest.mark.parametrize("task", list(TASKS))
def test_answers_have_the_verdicts_of_the_table(modelled, model_server, task):
    cases = [case for case in HTTP_CASES if case["task"] == task]
    modelled.load([f"case {case['name']} end" for case in cases])
    model_server.control(faults=[fault for case in cases for fault in caption_and_answer(case)])
    run = modelled.run(["captions", "dialogues"], captions={"filters": {"preset": "paper"}},
                       dialogues={"mix": {task: 1}}, max_failed=1)
    names = {c["id"]: case["name"] for c in modelled.captions() for case in cases if sign(case) in c["text"]}
    seeds = {seed["id"]: seed["text"].split()[1] for seed in modelled.seeds()}
    made = {names[d["caption_id"]]: d for d in modelled.dialogues()}
    failed = {seeds[f["seed_id"]]: f for f in modelled.failures(run=run["id"])}
    assert len(names) == len(cases)
    for case in cases:
        if case["verdict"] == "refused":
            failure = failed.pop(case["name"])
            assert (failure["reason"], failure["calls"]) == (case["reason"], 3), case["name"]
            assert failure["detail"]
        else:
            dialogue = made.pop(case["name"])
            assert (dialogue["turns"], dialogue["calls"]) == (case["turns"], 1), case["name"]
            check_conversations(task, dialogue["conversations"])
    assert not made and not failed


def test_an_answer_that_is_cut_is_kept_as_far_as_it_goes(modelled, model_server):
    """Also when the server says that it was cut."""
    modelled.load(["a dog on a beach", "a cat on a chair"])
    modelled.run(["captions"])
    first, second = modelled.captions()
    whole = answers.text(answers.doc("question_answering", 8))
    model_server.control(reset=True, faults=[
        {"kind": "cut", "match": first["text"], "text": whole[:-20]},
        {"kind": "cut", "match": second["text"], "text": whole[:300]}])
    run = modelled.run(["dialogues"], dialogues={"mix": {"question_answering": 1}}, max_failed=1)
    dialogue, = modelled.dialogues()
    assert (dialogue["caption_id"], dialogue["turns"], dialogue["calls"]) == (first["id"], 7, 1)
    failure, = modelled.failures(run=run["id"])
    assert failure["reason"] == "cut" and "2 of 6 to 8 pairs" in failure["detail"]
    assert model_server.stats()["chat_requests"] == 1 + 3


def test_a_model_is_told_what_was_wrong(modelled, model_server):
    """The second answer is good only for who reads why the first was not."""
    modelled.load(["a dog on a beach"])
    modelled.run(["captions"])
    bad = answers.doc("multiple_choice", 6, p2={"answer": "E"}, p4={"D": "All of the above"})
    told = ('An earlier answer could not be used: pair 2 has the answer "E", which is none of the letters A, B, C, D; '
            'pair 4 has an option that speaks of the others ("All of the above"); each must stand alone; 6 to 8 pairs '
            "are wanted, 4 are good.")
    model_server.control(reset=True, faults=[
        {"kind": "text", "match": told, "text": answers.GOOD["multiple_choice"]},
        {"kind": "text", "match": "Write 6 to 8 pairs.", "text": answers.text(bad)}])
    modelled.run(["dialogues"], dialogues={"mix": {"multiple_choice": 1}})
    dialogue, = modelled.dialogues()
    assert (dialogue["turns"], dialogue["calls"]) == (7, 2)


# -- how long --


def test_dialogues_are_as_long_as_a_run_wants_them(modelled, model_server):
    modelled.load(generate(6))
    every = {task: 1 for task in TASKS}
    lengths = {"turns": {"min": 3, "max": 3}, "reasoning_turns": {"min": 1, "max": 1}}
    usual = modelled.run(["captions", "dialogues"], dialogues={"mix": every})
    other = modelled.run(["dialogues"], dialogues={"mix": every, **lengths})
    recipes = [stage_of(run, "dialogues")["recipe"] for run in (usual, other)]
    assert recipes[0] != recipes[1]
    turns = collections.Counter((d["recipe"], d["task"], d["turns"]) for d in modelled.dialogues())
    assert turns == {(recipes[0], "multiple_choice", 7): 6, (recipes[0], "question_answering", 7): 6,
                     (recipes[0], "complex_reasoning", 4): 6, (recipes[1], "multiple_choice", 3): 6,
                     (recipes[1], "question_answering", 3): 6, (recipes[1], "complex_reasoning", 1): 6}


def test_the_composer_keeps_to_the_length(dataset):
    dataset.load(generate(20))
    dataset.run(["captions", "dialogues"], dialogues={
        "mix": {task: 1 for task in TASKS}, "turns": {"min": 4, "max": 5}, "reasoning_turns": {"min": 2, "max": 2}})
    turns = collections.defaultdict(set)
    for dialogue in dataset.dialogues():
        turns[dialogue["task"]].add(dialogue["turns"])
    assert turns == {"multiple_choice": {4, 5}, "question_answering": {4, 5}, "complex_reasoning": {2}}


# -- how many --


def lowest(captions, task, n):
    """The captions that a number of dialogues of a task is made from."""
    return {c["id"] for c in sorted(captions, key=lambda c: hashlib.sha256(
        f"dialogue:{task}{c['id']}".encode()).digest())[:n]}


def of_task(dialogues, task):
    return {d["caption_id"] for d in dialogues if d["task"] == task}


def counts(run):
    return {task: (n["asked"], n["got"]) for task, n in stage_of(run, "dialogues")["tasks"].items()}


def test_as_many_dialogues_as_are_wanted(dataset):
    dataset.load(generate(60))
    run = dataset.run(["captions", "dialogues"], dialogues={"targets": {"multiple_choice": 17, "complex_reasoning": 5}})
    captions, dialogues = dataset.captions(), dataset.dialogues()
    assert len(captions) == 60 and len(dialogues) == 22
    assert of_task(dialogues, "multiple_choice") == lowest(captions, "multiple_choice", 17)
    assert of_task(dialogues, "complex_reasoning") == lowest(captions, "complex_reasoning", 5)
    assert counts(run) == {"multiple_choice": (17, 17), "complex_reasoning": (5, 5)}
    assert stage_of(run, "dialogues")["total"] == 22
    # A larger number holds the smaller one, and so does a share that is as large.
    more = dataset.run(["dialogues"], dialogues={"targets": {"multiple_choice": 30}})
    stage = stage_of(more, "dialogues")
    assert (stage["existing"], stage["done"]) == (17, 13)
    share = dataset.run(["dialogues"], dialogues={"mix": {"multiple_choice": 1}})
    assert stage_of(share, "dialogues")["existing"] == 30
    assert counts(share) == {"multiple_choice": (60, 60)}


def test_more_dialogues_than_there_are_captions(dataset):
    dataset.load(generate(12))
    run = dataset.run(["captions", "dialogues", "representations"], dialogues={"targets": {"multiple_choice": 100}})
    assert counts(run) == {"multiple_choice": (100, 12)}
    assert len(dataset.vectors()) == 12


def failing(captions, task, n, among):
    """Makes every third of the captions that come first fail for good."""
    order = sorted(captions, key=lambda c: hashlib.sha256(f"dialogue:{task}{c['id']}".encode()).digest())
    bad = [c for i, c in enumerate(order[:among]) if i % 3 == 0]
    return [{"kind": "status", "status": 400, "match": c["text"]} for c in bad[:n]], {c["id"] for c in bad[:n]}


def test_what_fails_is_made_up_for(modelled, model_server):
    modelled.load(generate(50))
    modelled.run(["captions"])
    task = "question_answering"
    captions = modelled.captions()
    faults, bad = failing(captions, task, 9, 27)
    model_server.control(reset=True, faults=faults)
    run = modelled.run(["dialogues"], dialogues={"targets": {task: 20}}, max_failed=1)
    good = [c for c in captions if c["id"] not in bad]
    assert of_task(modelled.dialogues(), task) == lowest(good, task, 20)
    assert counts(run) == {task: (20, 20)}
    stage = stage_of(run, "dialogues")
    assert (stage["failed"], stage["done"], stage["total"]) == (9, 20, 29)
    assert model_server.stats()["chat_requests"] == 29, "nothing is asked twice"


def test_nothing_is_made_up_for_unasked(modelled, model_server):
    modelled.load(generate(20))
    modelled.run(["captions"])
    task = "question_answering"
    faults, bad = failing(modelled.captions(), task, 3, 9)
    model_server.control(reset=True, faults=faults)
    for settings in ({"targets": {task: 10}, "top_up": False}, {"mix": {task: 1}}):
        run = modelled.run(["dialogues"], dialogues=settings, max_failed=1)
        stage = stage_of(run, "dialogues")
        assert (stage["failed"], stage["done"] + stage["existing"]) == (3, stage["total"] - 3)
    assert counts(run) == {task: (20, 17)}


def test_a_share_is_made_up_for_when_it_is_asked_for(modelled, model_server):
    modelled.load(generate(60))
    modelled.run(["captions"])
    task = "multiple_choice"
    captions = modelled.captions()
    faults, bad = failing(captions, task, 4, 12)
    model_server.control(reset=True, faults=faults)
    run = modelled.run(["dialogues"], dialogues={"mix": {task: 0.5}, "top_up": True}, max_failed=1)
    asked, got = counts(run)[task]
    chosen = [c for c in captions if int.from_bytes(hashlib.sha256(
        f"dialogue:{task}{c['id']}".encode()).digest()[:8], "big") < 2**63]
    assert asked == got == len(chosen) and stage_of(run, "dialogues")["failed"] == 4
    good = [c for c in captions if c["id"] not in bad]
    assert of_task(modelled.dialogues(), task) == lowest(good, task, asked)


def test_rounds_end(modelled, model_server):
    """A prompt that nobody can answer does not go through all captions, but four times as many as asked."""
    modelled.load(generate(60))
    modelled.run(["captions"])
    model_server.control(reset=True, faults=[{"kind": "status", "status": 400}])
    run = modelled.run(["dialogues"], dialogues={"targets": {"multiple_choice": 10}}, max_failed=1)
    assert counts(run) == {"multiple_choice": (10, 0)}
    assert stage_of(run, "dialogues")["failed"] == 40 == model_server.stats()["chat_requests"]


def test_targets_under_a_selection_and_a_limit(dataset):
    dataset.add([{"text": text, "source": "kept" if i % 2 else "left"} for i, text in enumerate(generate(60))])
    run = dataset.run(["captions", "dialogues"], select={"source": "kept"}, limit=20,
                      dialogues={"targets": {"multiple_choice": 8}})
    captions = dataset.captions()
    assert len(captions) == 20
    assert of_task(dataset.dialogues(), "multiple_choice") == lowest(captions, "multiple_choice", 8)
    assert counts(run) == {"multiple_choice": (8, 8)}


def test_targets_wait_for_the_duplicates(modelled, model_server):
    """A caption that is dropped when all are there is none of those that are chosen."""
    modelled.load([*generate(20), *(f"twin number {i}" for i in range(12))])
    model_server.control(reset=True, faults=[
        {"kind": "text", "match": "Caption: twin number", "text": answers.CAPTION}])
    run = modelled.run(["captions", "dialogues"], dialogues={"targets": {"question_answering": 16}})
    usable = modelled.captions()
    assert len(usable) == 21 and stage_of(run, "captions")["dropped"] == 11
    assert of_task(modelled.dialogues(), "question_answering") == lowest(usable, "question_answering", 16)
    assert counts(run) == {"question_answering": (16, 16)}
