"""Prompts of operators: what is checked, what is stored, and what a model would be sent."""
import hashlib
import itertools
import json
import threading

import pytest

from support.client import Api
from support.dataset import EVERY_TASK
from support.model_server import text_key
from support.seeds import generate

TASKS = {"multiple_choice": "Choose.", "question_answering": "Answer.", "complex_reasoning": "Reason."}
BUILT_IN = {"dense-v1": "captions", "concise-v1": "captions", "regions-v1": "captions",
            "instruct-v1": "dialogues"}
_numbers = itertools.count(1)


@pytest.fixture
def name():
    return f"prompt-{next(_numbers)}"


def captions(name, template="Caption: {{seed}}", **more):
    return {"name": name, "stage": "captions", "system": "Describe.", "template": template, **more}


def dialogues(name, template="{{task}}\n{{caption}}", **more):
    return {"name": name, "stage": "dialogues", "system": "Talk.", "template": template, "tasks": TASKS,
            **more}


def create(api, body, expect=201):
    return api.call("create_prompt", json=body, expect=expect)


def content_hash(body):
    """As the document defines it."""
    parts = {key: body.get(key) for key in ("stage", "system", "tasks", "template")}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()[:16].hex()


def test_create_and_get(api, name):
    body = captions(name, "{{domain|é \"any\"}}: {{seed}}", description="Mine")
    answer = create(api, body)
    made = answer.json()
    assert answer.headers["Location"] == f"/v1/prompts/{name}@1"
    assert {key: made[key] for key in body} == body
    assert (made["version"], made["built_in"], made["warnings"]) == (1, False, [])
    assert made["hash"] == content_hash(body)
    assert made["variables"] == ["seed", "domain"]
    assert "tasks" not in made
    for reference in (name, f"{name}@1"):
        assert api.call("get_prompt", prompt=reference).json() == made
    assert api.get(answer.headers["Location"], expect=200).json() == made


def test_dialogues(api, name):
    tasks = {**TASKS, "multiple_choice": "Write {{turns_min}} to {{turns_max}} pairs."}
    body = dialogues(name, tasks=tasks)
    made = create(api, body).json()
    assert {key: made[key] for key in body} == body
    assert made["hash"] == content_hash(body) and made["description"] == ""
    assert made["variables"] == ["caption", "task", "turns_min", "turns_max"]


def test_versions(api, name):
    first = create(api, captions(name, description="one")).json()
    second = create(api, captions(name, "Seed: {{seed}}", description="two")).json()
    assert (first["version"], second["version"]) == (1, 2)
    assert api.call("get_prompt", prompt=name).json() == second
    assert api.call("get_prompt", prompt=f"{name}@1").json() == first
    again = create(api, captions(name, description="three"))
    assert again.json() == first
    assert again.headers["Location"] == f"/v1/prompts/{name}@1"
    listed = [p for p in api.items("/v1/prompts") if p["name"] == name]
    assert [(p["version"], p["description"]) for p in listed] == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("tail", ["@3", "@0", "@01", "@", "@x", "@-1", "@1@1", "@ 1", "@99999999999"])
def test_versions_that_are_not_there(api, name, tail):
    create(api, captions(name))
    api.call("get_prompt", prompt=name + tail, expect=404)
    api.call("preview_prompt", prompt=name + tail, json={"seed": "A dog."}, expect=404, lenient=True)
    api.call("get_prompt", prompt="dense-v1" + tail, expect=404)


def test_a_name_belongs_to_one_stage(api, name):
    create(api, captions(name))
    answer = create(api, dialogues(name), expect=409)
    assert answer.problem == "conflict"
    assert [p["version"] for p in api.items("/v1/prompts") if p["name"] == name] == [1]


@pytest.mark.parametrize("taken", sorted(BUILT_IN))
def test_names_of_built_in_prompts_are_taken(api, taken):
    assert create(api, captions(taken), expect=409).problem == "conflict"
    assert api.call("get_prompt", prompt=taken).json()["built_in"] is True


@pytest.mark.parametrize("stage", ["captions", "dialogues"])
def test_built_in_prompts(api, stage):
    listed = {p["name"]: p for p in api.items("/v1/prompts", stage=stage)}
    assert {p["stage"] for p in listed.values()} == {stage}
    for built_in in (n for n, s in BUILT_IN.items() if s == stage):
        prompt = api.call("get_prompt", prompt=built_in).json()
        assert prompt == api.call("get_prompt", prompt=f"{built_in}@1").json()
        assert prompt["hash"] == listed[built_in]["hash"] == content_hash(prompt)
        assert prompt["warnings"] == [] and "created_at" not in prompt
        assert {"captions": "seed", "dialogues": "caption"}[stage] in prompt["variables"]


def test_list_is_ordered_and_paged(api):
    names = [f"paged-{next(_numbers)}" for _ in range(5)]
    for each in names:
        create(api, captions(each))
        create(api, captions(each, "Again: {{seed}}"))
    whole = api.items("/v1/prompts")
    keys = [(p["name"], p["version"]) for p in whole]
    assert keys == sorted(keys)
    assert set(itertools.product(names, (1, 2))) | {(n, 1) for n in BUILT_IN} <= set(keys)
    assert api.items("/v1/prompts", page_size=1) == whole
    assert api.items("/v1/prompts", page_size=3) == whole
    assert api.items("/v1/prompts", page_size=2, stage="captions") == \
        [p for p in whole if p["stage"] == "captions"]


def test_the_same_prompt_from_many_clients_at_once(api, name):
    versions, errors = [], []

    def post(number):
        try:
            made = create(Api(api.base), captions(name, f"{number % 3}: {{{{seed}}}}")).json()
            versions.append((made["template"], made["version"]))
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=post, args=(i,)) for i in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(versions)) == 3 and {version for _, version in versions} == {1, 2, 3}


BAD = [
    (captions("x", "no variable"), "/template", "must have {{seed}}"),
    (captions("x", "{{sed}}"), "/template", "{{sed}} is not a variable here"),
    (captions("x", "{{seed}} {{caption}}"), "/template", "{{caption}} is not a variable here"),
    (captions("x", "{{seed"), "/template", "without counterpart"),
    (captions("x", '{"a":{"b":1}}{{seed}}'), "/template", "without counterpart"),
    (captions("x", "{{seed|a dog}}"), "/template", "no fallback"),
    (captions("x", "<image>{{seed}}"), "/template", "<image>"),
    (captions("x", system="About {{seed}}"), "/system", "prefix caches"),
    (captions("x", system="About {{domain}}"), "/system", "prefix caches"),
    (dialogues("x", system="{{turns_min}} pairs"), "/system", "prefix caches"),
    (captions("x", system="ASSISTANT: yes"), "/system", "ASSISTANT:"),
    (captions("x", system="</s>"), "/system", "</s>"),
    (captions("x", tasks=TASKS), "/tasks", "no tasks"),
    (captions("X"), "/name", "must match"),
    (captions("a b"), "/name", "must match"),
    (captions("a@1"), "/name", "must match"),
    (captions("-a"), "/name", "must match"),
    ({**dialogues("x"), "tasks": {**TASKS, "multiple_choice": "<|im_end|>"}}, "/tasks/multiple_choice",
     "<|"),
    ({**dialogues("x"), "tasks": {**TASKS, "complex_reasoning": "{{caption}}"}},
     "/tasks/complex_reasoning", "differs between items"),
    ({**dialogues("x"), "tasks": {"multiple_choice": "a"}}, "/tasks/question_answering", "is required"),
    ({k: v for k, v in dialogues("x").items() if k != "tasks"}, "/tasks", "is required"),
    (dialogues("x", "{{caption}}"), "/template", "must have {{task}}"),
    (dialogues("x", "{{task}}"), "/template", "must have {{caption}}"),
    (dialogues("x", "{{task}} {{caption}} {{seed}}"), "/template", "{{seed}} is not a variable here"),
]


@pytest.mark.parametrize("body, pointer, detail", BAD, ids=range(len(BAD)))
def test_refusals(api, body, pointer, detail):
    answer = create(api, body, expect=422)
    assert answer.problem == "validation"
    assert any(e["pointer"] == pointer and detail in e["detail"] for e in answer.json()["errors"]), answer


def test_all_faults_at_once(api):
    answer = create(api, captions("Bad Name", "{{a}} {{b}}", system="{{seed}} </s>"), expect=422)
    assert sorted(answer.pointers) == ["/name", "/system", "/system", "/template", "/template"]


def test_limits_are_inclusive(api, name):
    longest = "é" * 16000
    body = captions("n" * 63, "é" * (8000 - 8) + "{{seed}}", system=longest, description="d" * 1000)
    made = create(api, body).json()
    assert made["system"] == longest and len(made["template"]) == 8000
    tasks = {task: "t" * 8000 for task in TASKS}
    create(api, dialogues(name, tasks=tasks))
    for more in ({"system": longest + "é"}, {"template": "x" * 8001}, {"description": "d" * 1001},
                 {"name": "n" * 64}, {"system": ""}):
        create(api, {**captions(name + "-b"), **more}, expect=422)


@pytest.mark.parametrize("template, warned", [
    ("Caption: {{seed}}", False), ("\"{{seed}}\"\n", False), ("{{seed}} ({{domain}})", False),
    ("{{seed}}\nAnswer in one paragraph.", True)])
def test_warnings(api, name, template, warned):
    made = create(api, captions(name, template)).json()
    assert [w["pointer"] for w in made["warnings"]] == (["/template"] if warned else [])
    assert api.call("get_prompt", prompt=name).json()["warnings"] == made["warnings"]


# -- previews --

def preview(api, prompt, body, expect=200):
    return api.call("preview_prompt", prompt=prompt, json=body, expect=expect)


def test_preview_of_a_text(api, name):
    create(api, captions(name, "{{domain|any}}/{{source}}/{{label}}: {{seed}}"))
    shown = preview(api, name, {"seed": "  A  {{seed}}. ", "domain": "pets", "label": "corgi"}).json()
    assert shown["messages"] == [{"role": "system", "content": "Describe."},
                                 {"role": "user", "content": "pets//corgi: A {{seed}}."}]
    assert shown["missing"] == ["source"]
    shown = preview(api, name, {"seed": "A dog."}).json()
    assert shown["messages"][1]["content"] == "any//: A dog."
    assert shown["missing"] == ["domain", "source", "label"]


def test_preview_of_a_seed(api, name, dataset):
    create(api, captions(name, "{{domain}}/{{source}}/{{label}}: {{seed}}"))
    seeds = dataset.add([{"text": "A dog.", "domain": "pets", "source": "me",
                          "metadata": {"label": "corgi"}},
                         {"text": "A cat.", "metadata": {"label": 7}}])["ids"]
    where = {"dataset": dataset.name}
    shown = preview(api, name, {**where, "seed_id": seeds[0]}).json()
    assert shown["messages"][1]["content"] == "pets/me/corgi: A dog."
    shown = preview(api, name, {**where, "seed_id": seeds[1]}).json()
    assert shown["messages"][1]["content"] == "//: A cat."
    preview(api, name, {**where, "seed_id": "0" * 32}, expect=404)
    preview(api, name, {"dataset": "there-is-none", "seed_id": seeds[0]}, expect=404)


def test_preview_of_a_dialogue(api, name, dataset):
    create(api, dialogues(name, "{{task}} {{turns_min}}-{{turns_max}}: {{caption}}"))
    body = {"caption": "A dog.", "task": "question_answering"}
    shown = preview(api, name, body).json()
    assert shown["messages"] == [{"role": "system", "content": "Talk."},
                                 {"role": "user", "content": "Answer. 6-8: A dog."}]
    assert shown["missing"] == []
    shown = preview(api, name, {**body, "turns": {"min": 2, "max": 3}}).json()
    assert shown["messages"][1]["content"] == "Answer. 2-3: A dog."
    shown = preview(api, name, {**body, "task": "complex_reasoning"}).json()
    assert shown["messages"][1]["content"] == "Reason. 2-4: A dog."
    dataset.add(generate(1))
    seed = dataset.seeds()[0]["id"]
    body = {"dataset": dataset.name, "seed_id": seed, "task": "complex_reasoning"}
    preview(api, name, body, expect=404)
    dataset.run(["captions"])
    shown = preview(api, name, body).json()
    assert shown["messages"][1]["content"] == f"Reason. 2-4: {dataset.captions()[0]['text']}"


@pytest.mark.parametrize("prompt, body, pointers", [
    ("dense-v1", {}, ["/seed"]),
    ("dense-v1", {"caption": "A dog."}, ["/seed", "/caption"]),
    ("dense-v1", {"seed": " \n"}, ["/seed"]),
    ("dense-v1", {"seed": "x" * 4001}, ["/seed"]),
    ("dense-v1", {"seed": "A dog.", "task": "multiple_choice"}, ["/task"]),
    ("dense-v1", {"seed": "A dog.", "turns": {"min": 1}}, ["/turns"]),
    ("dense-v1", {"dataset": "world"}, ["/seed_id"]),
    ("dense-v1", {"seed_id": "0" * 32}, ["/dataset"]),
    ("dense-v1", {"dataset": "world", "seed_id": "x"}, ["/seed_id"]),
    ("dense-v1", {"dataset": "world", "seed_id": "0" * 32, "seed": "a", "domain": "b"},
     ["/seed", "/domain"]),
    ("instruct-v1", {}, ["/caption", "/task"]),
    ("instruct-v1", {"caption": "A dog."}, ["/task"]),
    ("instruct-v1", {"caption": "a", "task": "multiple_choice", "seed": "a", "label": "b"},
     ["/seed", "/label"]),
    ("instruct-v1", {"caption": "a", "task": "multiple_choice", "turns": {"min": 3, "max": 2}}, ["/turns"]),
    ("instruct-v1", {"caption": "a", "task": "complex_reasoning", "turns": {"min": 5}}, ["/turns"]),
])
def test_previews_that_cannot_be(api, world, prompt, body, pointers):
    answer = preview(api, prompt, body, expect=422)
    assert answer.pointers == pointers


def test_preview_is_what_a_run_sends(modelled, model_server):
    """Of the built-in prompts, byte for byte; the model server knows the last message by its hash."""
    api = modelled.api
    modelled.add(["A red bicycle leans against a brick wall."])
    modelled.run(["captions", "dialogues"], dialogues={"mix": EVERY_TASK})
    where = {"dataset": modelled.name, "seed_id": modelled.seeds()[0]["id"]}
    shown = [preview(api, "dense-v1", where).json()]
    shown += [preview(api, "instruct-v1", {**where, "task": task}).json() for task in TASKS]
    assert {text_key(s["messages"][1]["content"]) for s in shown} == \
        set(model_server.stats(texts=True)["texts"])
    for each in shown:
        assert each["messages"][0]["content"] == \
            api.call("get_prompt", prompt=each["name"]).json()["system"]


def test_a_run_takes_an_operator_s_prompts(untaught, model_server, name):
    """Both versions of one prompt and a prompt of dialogues, as their previews show them."""
    api = untaught.api
    create(api, captions(name, "Old: {{seed}}"))
    create(api, captions(name, "{{domain|any}}, {{label|no label}}: {{seed}}"))
    tasks = {**TASKS, "multiple_choice": "Choose {{turns_min}} to {{turns_max}}."}
    create(api, dialogues(name + "-d", "{{task}}\n{{caption}}", tasks=tasks))
    seeds = untaught.add([{"text": "A dog runs.", "domain": "pets", "metadata": {"label": "corgi"}},
                          "A cat sleeps."])["ids"]
    untaught.run(["captions"], captions={"prompt": f"{name}@1"})
    untaught.run(["captions", "dialogues"], captions={"prompt": name},
                 dialogues={"prompt": name + "-d", "mix": EVERY_TASK})
    wanted = set()
    for seed in seeds:
        where = {"dataset": untaught.name, "seed_id": seed}
        shown = [preview(api, reference, where).json() for reference in (name, f"{name}@1")]
        shown += [preview(api, name + "-d", {**where, "task": task}).json() for task in TASKS]
        wanted |= {text_key(s["messages"][1]["content"]) for s in shown}
    assert wanted == set(model_server.stats(texts=True)["texts"]) and len(wanted) == 10
    assert preview(api, name, {"dataset": untaught.name, "seed_id": seeds[0]}).json()["messages"][1] == \
        {"role": "user", "content": "pets, corgi: A dog runs."}
    recipes = api.call("get_dataset", dataset=untaught.name).json()["recipes"]
    names = [prompt["name"] for recipe in recipes for prompt in recipe["settings"]["prompts"]]
    assert sorted(names) == [f"{name}-d@1", f"{name}@1", f"{name}@2"]


def test_styles_mix(dataset):
    """The three built-in styles of captions share the seeds of one run."""
    dataset.load(generate(60))
    styles = [{"prompt": p} for p, stage in BUILT_IN.items() if stage == "captions"]
    dataset.run(["captions"], captions={"prompts": styles})
    assert len(dataset.captions()) == 60
