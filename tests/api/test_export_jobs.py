"""Exports as jobs: what a request resolves to, what is refused, and how an export is followed and ended.
What is in the files is for test_exports_content.py."""
import itertools
import uuid

import pytest

from support import keys
from support.client import Api
from support.dataset import EVERY_TASK, Dataset
from support.events import Events
from support.exporting import make
from support.rows import Rows
from support.seeds import generate
from support.wait import until

OFFLINE = {"provider": "offline", "model": "offline-composer-1"}
REAL = {"provider": "llm", "model": "test-model"}
_numbers = itertools.count(1)


def create(dataset, expect=202, headers=None, formats=("captions",), **body):
    return dataset.api.call("create_export", dataset=dataset.name, expect=expect, headers=headers,
                            json={"formats": list(formats), **body})


@pytest.fixture(scope="module")
def whole(server):
    """A dataset of the offline composer and encoder with everything in it; tests only read it."""
    made = Dataset(Api(server.base), "export-jobs", 8)
    made.load(generate(60))
    made.run(dialogues={"mix": EVERY_TASK})
    return made


@pytest.fixture
def rows(dataset, database):
    return Rows(database, dataset)


def captions(rows, recipe, seeds, made_by, **columns):
    run = rows.run()
    return rows.captions([{"seed": s, "recipe": recipe, "run": run, "text": f"A caption, number {next(_numbers)}.",
                           **made_by, **columns} for s in seeds])


def dialogues(rows, recipe, captions, made_by, task="multiple_choice"):
    talk = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]
    rows.dialogues([{"caption": c["id"], "task": task, "recipe": recipe, "run": c["run"],
                     "conversations": talk, **made_by} for c in captions])


def held(database, dataset, groups=4):
    """An open export of so many groups, each held by somebody for an hour; its id."""
    export = uuid.uuid4().hex
    database.execute(f"""
        INSERT INTO exports (export_id, dataset, sequence, state, include, formats, view, dialogue_view, dtype,
                             files, allow_offline, trial, started_at)
        SELECT '{export}', d.number,
               (SELECT coalesce(max(sequence), 0) + 1 FROM exports x WHERE x.dataset = d.number), 'running', '{{captions}}', '{{captions}}', '{{}}',
               '{{}}', 'float16', {groups}, false, true, now() - interval '10 s'
        FROM datasets d WHERE d.name = '{dataset.name}';
        INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state, token, lease_until)
        SELECT d.number * 65536 + g, '{export}', 'export', '{"0" * 32}', '{"f" * 32}', d.number, now(), 'leased',
               1, now() + interval '1 hour'
        FROM datasets d, generate_series(0, {groups - 1}) g WHERE d.name = '{dataset.name}'""")
    return export


def get(api, export, **arguments):
    return api.call("get_export", export=export, **arguments).json()


# -- what is asked for --

@pytest.mark.parametrize("body, pointers", [
    ({"formats": ["captions", "captions"]}, ["/formats"]),
    ({"formats": ["npy"], "include": ["captions"]}, ["/formats/0"]),
    ({"formats": ["captions", "llava"], "include": ["representations"]}, ["/formats/0", "/formats/1"]),
    ({"formats": ["captions"], "include": ["captions", "captions"]}, ["/include"]),
    ({"formats": ["npy"], "dtype": "bfloat16"}, ["/dtype"]),
    ({"formats": ["captions"], "view": ["0" * 32, "0" * 32]}, ["/view/1"]),
    ({"formats": ["captions"], "view": ["nonsense"]}, ["/view/0"]),
    ({"formats": ["captions"], "view": ["0" * 32]}, ["/view/0"]),
    ({"formats": ["llava"], "dialogue_recipes": ["0" * 32]}, ["/dialogue_recipes/0"]),
    ({"formats": ["captions"], "dialogue_recipes": []}, ["/dialogue_recipes"]),
    ({"formats": ["captions"], "mix": {"multiple_choice": 1}}, ["/mix"]),
    ({"formats": ["llava"], "mix": {"multiple_choice": 0}}, ["/mix"]),
    ({"formats": ["llava"], "mix": {"multiple_choice": 1.5}}, ["/mix/multiple_choice"]),
    ({"formats": ["captions"], "transfer": "none"}, ["/transfer"]),
    ({"formats": ["captions"], "encoder": "offline"}, ["/encoder"]),
    ({"formats": ["npy"], "transfer": "nonsense"}, ["/transfer"]),
    ({"formats": ["captions"], "files": 9}, ["/files"]),
    ({"formats": ["captions"], "select": {"min_length": 5, "max_length": 4}}, ["/select"]),
    ({"formats": ["captions"], "select": {"verdict": "rejected"}}, ["/select/verdict"]),
    ({"formats": ["captions"], "labels": {"Team": "x"}}, ["/labels/Team"])])
def test_what_is_refused(whole, body, pointers):
    before = len(whole.api.items(whole.path + "/exports"))
    answer = create(whole, expect=422, **body)
    assert answer.problem == "validation" and answer.pointers == pointers
    assert len(whole.api.items(whole.path + "/exports")) == before


def test_a_recipe_of_captions_is_none_of_dialogues(whole):
    recipe = whole.captions()[0]["recipe"]
    assert create(whole, expect=422, formats=["llava"], dialogue_recipes=[recipe]).pointers == ["/dialogue_recipes/0"]


@pytest.mark.parametrize("formats, include", [
    (["captions"], ["captions"]),
    (["llava"], ["captions", "dialogues"]),
    (["llava-array"], ["captions", "dialogues"]),
    (["npy"], ["captions", "representations"]),
    (["captions", "safetensors"], ["captions", "representations"]),
    (["webdataset"], ["captions", "dialogues", "representations"])])
def test_what_is_included(whole, formats, include):
    request = create(whole, formats=formats).json()["request"]
    assert request["include"] == include and request["formats"] == formats
    assert ("transfer" in request) == ("representations" in include)
    assert ("dialogue_recipes" in request) == ("dialogues" in include)


def test_everything_is_resolved(whole):
    answer = create(whole, formats=["webdataset", "npy"], labels={"team": "vision"})
    export = answer.json()
    assert answer.headers["Location"] == f"/v1/exports/{export['id']}" and answer.headers["Retry-After"] == "1"
    ready = whole.api.items(whole.path + "/transfers", method="mean_shift", state="ready")
    assert export["request"] == {
        "include": ["captions", "dialogues", "representations"], "formats": ["npy", "webdataset"],
        "view": [whole.captions()[0]["recipe"]], "dialogue_recipes": [whole.dialogues()[0]["recipe"]],
        "transfer": ready[0]["id"], "dtype": "float16", "files": 1, "allow_offline": False}
    assert export["trial"] is True and export["labels"] == {"team": "vision"}
    assert export["progress"] == 0 and "result" not in export and "rows" not in export
    again = create(whole, **export["request"]).json()
    assert again["request"] == export["request"] and again["id"] != export["id"]


def test_what_is_asked_for_is_shown(whole):
    asked = {"formats": ["llava"], "include": ["dialogues"], "limit": 7, "files": 3, "allow_offline": True,
             "dtype": "float32", "dialogue_recipes": [], "mix": {"multiple_choice": 0.25, "complex_reasoning": 1},
             "select": {"source": "s", "domain": "d", "min_length": 0, "max_length": 10**6}}
    create(whole, expect=409, **asked)
    asked["select"] = {"min_length": 1, "max_length": 10**6}
    request = create(whole, **asked).json()["request"]
    assert request == {**asked, "view": request["view"]}


def test_the_bounds_of_a_mix(whole, database):
    export = create(whole, formats=["llava"], mix={"multiple_choice": 0.25, "question_answering": 0,
                                                   "complex_reasoning": 1}).json()
    assert database.execute(f"""SELECT mix_tasks, array_to_string(mix_bounds, ',') FROM exports
                                WHERE export_id = '{export['id']}'""") == \
        "{multiple_choice,complex_reasoning}|\\x4000000000000000,\\xffffffffffffffffff"
    assert export["request"]["mix"] == {"multiple_choice": 0.25, "question_answering": 0, "complex_reasoning": 1}


def test_views_are_frozen(rows, dataset):
    old, new, human = rows.recipe(age=9), rows.recipe(age=1), rows.recipe(kind="human", age=20)
    first, second = rows.recipe("dialogues", age=5), rows.recipe("dialogues", age=2)
    captions(rows, old, rows.seed_ids(3), REAL)
    export = create(dataset, formats=["llava"]).json()
    assert export["request"]["view"] == [human, new, old] and export["trial"] is False
    assert export["request"]["dialogue_recipes"] == [second, first]
    rows.recipe()
    assert get(dataset.api, export["id"])["request"] == export["request"]
    given = create(dataset, formats=["llava"], view=[old, human], dialogue_recipes=[first]).json()["request"]
    assert given["view"] == [old, human] and given["dialogue_recipes"] == [first]


def test_transfers(whole, dataset):
    ready = {t["method"]: t["id"] for t in whole.api.items(whole.path + "/transfers", state="ready")}
    for transfer in ("none", ready["none"]):
        assert create(whole, formats=["npy"], transfer=transfer).json()["request"]["transfer"] == ready["none"]
    assert create(whole, formats=["npy"], encoder="nobody", expect=409).problem == "transfer-not-ready"
    assert create(whole, formats=["npy"], transfer="realign", expect=409).problem == "transfer-not-ready"
    assert create(whole, formats=["npy"], transfer="0" * 32, expect=404).problem == "not-found"
    dataset.load(generate(3))
    dataset.run(["captions"])
    assert create(dataset, formats=["npy"], expect=409).problem == "transfer-not-ready"


def test_nothing_to_export(whole, dataset, rows):
    answer = create(dataset, expect=409)
    assert answer.problem == "nothing-to-export" and whole.api.get("/problems/nothing-to-export").content
    recipe, other = rows.recipe(), rows.recipe()
    seeds = rows.seeds(2)
    captions(rows, recipe, seeds[:1], REAL, dropped="length")
    assert create(dataset, expect=409).problem == "nothing-to-export"
    captions(rows, other, seeds[1:], REAL)
    assert create(dataset, view=[recipe], expect=409).problem == "nothing-to-export"
    for select in ({"source": "nowhere"}, {"domain": "none"}, {"min_length": 1000}, {"max_length": 3},
                   {"verdict": "accepted"}):
        assert create(dataset, select=select, expect=409).problem == "nothing-to-export", select
    create(dataset, select={"min_length": 3, "max_length": 1000})


@pytest.mark.parametrize("shards, files", [(8, 8), (8, 1), (8, 3), (1, 1), (5, 2)])
def test_a_task_for_each_group_of_shards(new_server, new_dataset, shards, files):
    """On a server that nobody works on: its worker cannot make the directory of the files."""
    database = new_server(start=False).database
    server = new_server(database=database, MONOCEROS_ARTEFACTS="/dev/null/artefacts")
    dataset = new_dataset(Api(server.base), shards)
    rows = Rows(database, dataset)
    captions(rows, rows.recipe(), rows.seed_ids(3), REAL)
    export = create(dataset, files=files).json()
    assert export["request"]["files"] == files
    tasks = database.query(f"""SELECT shard_id, stage, lo, hi, token FROM tasks WHERE run_id = '{export['id']}'
                               ORDER BY shard_id""")
    assert [t["shard_id"] - rows.number * 65536 for t in tasks] == [g * shards // files for g in range(files)]
    assert {(t["stage"], t["lo"].replace("-", ""), t["hi"].replace("-", "")) for t in tasks} == \
        {("export", "0" * 32, "f" * 32)}
    waiting = until(lambda: get(dataset.api, export["id"]).get("waiting"), "the worker to say what is wrong")
    assert waiting["code"] == "artefacts" and waiting["detail"]


def test_files_follow_from_the_captions_of_a_shard(dataset, rows, database):
    """As many as would be there if all shards had what the first one has."""
    recipe = rows.recipe()
    database.execute(f"""
        INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model, finish_reason,
                              tokens_in, tokens_out)
        SELECT {rows.number * 65536}, md5(n::text)::uuid, '{recipe}', 0, '\\x0000000000000000', 'A caption.',
               '{rows.run()}', 'm', 'stop', 1, 1 FROM generate_series(1, 40000) n""")
    assert dataset.shards == 4
    exports = [create(dataset, **body).json() for body in ({}, {"limit": 65536}, {"limit": 65537}, {"files": 1})]
    assert [x["request"]["files"] for x in exports] == [3, 1, 2, 1]
    for export in exports:
        dataset.api.call("delete_export", export=export["id"])


# -- offline rows --

def test_offline_and_real_captions_are_not_mixed(dataset, rows):
    offline, real = rows.recipe(kind="offline", age=2), rows.recipe(age=1)
    seeds = rows.seed_ids(4)
    captions(rows, offline, seeds[:2], OFFLINE)
    assert create(dataset).json()["trial"] is True
    captions(rows, real, seeds[2:], REAL)
    answer = create(dataset, expect=409)
    assert answer.problem == "offline-rows-mixed" and dataset.api.get("/problems/offline-rows-mixed").content
    assert "offline: some captions; real: some captions" in answer.json()["detail"]
    assert create(dataset, view=[real]).json()["trial"] is False
    assert create(dataset, view=[offline]).json()["trial"] is True
    assert create(dataset, allow_offline=True).json()["trial"] is False
    captions(rows, real, seeds[:2], REAL)
    assert create(dataset).json()["trial"] is False, "the view picks no offline caption any more"
    assert create(dataset, view=[offline, real], expect=409).problem == "offline-rows-mixed"


def test_a_recipe_of_both(dataset, rows):
    mixed = rows.recipe(kind="mixed")
    seeds = rows.seed_ids(4)
    captions(rows, mixed, seeds[:2], OFFLINE)
    assert create(dataset).json()["trial"] is True
    captions(rows, mixed, seeds[2:], REAL)
    assert create(dataset, expect=409).problem == "offline-rows-mixed"


def test_offline_dialogues_of_real_captions(dataset, rows):
    real, offline, talks = rows.recipe(), rows.recipe("dialogues", "offline", age=2), rows.recipe("dialogues", age=1)
    made = captions(rows, real, rows.seed_ids(40), REAL)
    assert create(dataset, formats=["llava"]).json()["trial"] is False, "there are no dialogues of the recipe"
    dialogues(rows, offline, made, OFFLINE)
    answer = create(dataset, formats=["llava"], expect=409)
    assert "offline: dialogues; real: captions" in answer.json()["detail"]
    create(dataset, formats=["captions"])
    create(dataset, formats=["llava"], include=["captions"])
    create(dataset, formats=["llava"], dialogue_recipes=[talks])
    create(dataset, formats=["llava"], mix={"question_answering": 1})
    create(dataset, formats=["llava"], mix={"multiple_choice": 1e-9})
    create(dataset, formats=["llava"], mix={"multiple_choice": 1}, expect=409)
    dialogues(rows, talks, made, REAL)
    assert create(dataset, formats=["llava"]).json()["trial"] is False, "newer real ones come first"
    create(dataset, formats=["llava"], dialogue_recipes=[offline, talks], expect=409)


def test_offline_vectors_of_real_captions(dataset):
    dataset.load_captions(["A man in a green coat waits at a bus stop in the rain."] +
                          [f"Number {n} of some captions of a street in the evening." for n in range(5)])
    dataset.run(["representations"])
    answer = create(dataset, formats=["npy"], expect=409)
    assert "offline: representations; real: captions" in answer.json()["detail"]
    assert create(dataset, formats=["npy"], allow_offline=True).json()["trial"] is False
    assert create(dataset, formats=["captions"]).json()["trial"] is False


# -- jobs --

def test_a_request_is_made_once(whole, database):
    key = str(uuid.uuid4())
    first = create(whole, headers={"Idempotency-Key": key})
    again = create(whole, headers={"Idempotency-Key": key})
    assert again.content == first.content and again.headers["Idempotency-Replayed"] == "true"
    database.execute(f"DELETE FROM idempotency WHERE key = '{key}'")
    lost = create(whole, headers={"Idempotency-Key": key})
    assert lost.json()["id"] == first.json()["id"] and lost.headers["Idempotency-Replayed"] == "true"
    assert lost.headers["Location"] == first.headers["Location"]


def test_list(whole):
    labels = {"team": "vision", "n": str(next(_numbers))}
    first, second = (make(whole, ["captions"], labels={**labels, "i": str(i)}).id for i in range(2))

    def found(**params):
        return [x["id"] for x in whole.api.items(whole.path + "/exports", **params)]

    assert found()[:2] == [second, first]
    assert found(label=f"n:{labels['n']}", page_size=1) == [second, first]
    assert found(label="i:0", state="succeeded")[0] == first
    assert found(label=f"n:{labels['n']}", state="failed") == []
    answer = whole.api.call("list_exports", dataset=whole.name, params={"label": "nonsense"}, expect=422)
    assert answer.pointers == ["?label"]


def test_one_that_has_succeeded(whole):
    export = make(whole, ["llava", "npy"], files=2).answer
    path = f"/v1/exports/{export['id']}"
    assert export["progress"] == 1 and export["bytes"] > 0 and export["result"] == path + "/result"
    assert not {"error", "waiting", "eta_seconds", "reason"} & set(export)
    manifest = whole.api.get(export["result"], expect=200).json()
    assert export["rows"] == {name: manifest["counts"][name] for name in ("captions", "dialogues", "representations")}
    assert export["rows"]["captions"] == 60
    assert manifest["request"] == export["request"]
    assert export["links"] == {"self": path, "events": path + "/events", "result": path + "/result",
                               "files": path + "/files/", "manifest": path + "/files/manifest.json"}
    assert export["created_at"] <= export["started_at"] <= export["finished_at"] == export["updated_at"]
    answer = whole.api.call("cancel_export", export=export["id"], expect=409)
    assert "succeeded" in answer.json()["detail"]


def test_progress(whole, database):
    export = held(database, whole)
    api = whole.api
    seen = get(api, export)
    assert seen["progress"] == 0 and seen["state"] == "running" and "eta_seconds" not in seen
    database.execute(f"""UPDATE tasks SET total = 100, done = 50 WHERE run_id = '{export}';
                         UPDATE tasks SET state = 'finished' WHERE run_id = '{export}' AND shard_id % 4 = 0""")
    seen = get(api, export)
    assert seen["progress"] == pytest.approx(0.99 * (1 + 3 * 0.5) / 4, abs=1e-4)
    assert 5 <= seen["eta_seconds"] <= 10, "10 s for 62 %"
    answer = api.call("get_export_result", export=export, expect=404)
    assert int(answer.headers["Retry-After"]) > 0
    assert get(api, export, params={"wait": "1ms"})["state"] == "running"
    api.call("delete_export", export=export)


def test_error(whole, database):
    export = held(database, whole)
    database.execute(f"""UPDATE exports SET state = 'failed', reason = 'The vectors are gone.', finished_at = now()
                         WHERE export_id = '{export}'""")
    seen = get(whole.api, export, params={"wait": "20s"})
    assert seen["error"] == {"type": "/problems/export-failed", "title": "Export failed",
                             "detail": "The vectors are gone."}
    assert whole.api.get(seen["error"]["type"], expect=200).content
    whole.api.call("cancel_export", export=export, expect=409)


def test_cancel(whole, database):
    export = held(database, whole)
    api = whole.api
    assert "cancel" in get(api, export)["links"]
    database.execute(f"UPDATE tasks SET state = 'finished' WHERE run_id = '{export}' AND shard_id % 4 = 1")
    seen = api.call("cancel_export", export=export).json()
    assert seen["state"] == "cancelled" and "cancel" not in seen["links"] and seen["finished_at"]
    assert database.query(f"""SELECT 1 FROM tasks WHERE run_id = '{export}' AND stage = 'export'
                              AND state <> 'finished'""") == []
    again = api.call("cancel_export", export=export).json()
    assert again["state"] == "cancelled" and again["finished_at"] == seen["finished_at"]
    api.call("get_export_result", export=export, expect=404)
    api.call("cancel_export", export="0" * 32, expect=404)


def test_delete(whole, database):
    api = whole.api
    for export in (make(whole, ["captions"]).id, held(database, whole)):
        assert api.call("delete_export", export=export).json() == {"id": export, "state": "deleting"}
        for operation in ("get_export", "get_export_result", "get_export_events", "cancel_export", "delete_export"):
            api.call(operation, export=export, expect=404)
        assert export not in [x["id"] for x in api.items(whole.path + "/exports")]
        assert database.query(f"""SELECT 1 FROM tasks WHERE run_id = '{export}'
                                  AND stage IN ('export', 'manifest')""") == []


def test_a_deleted_dataset_has_no_exports(dataset):
    dataset.load(generate(5))
    dataset.run(["captions"])
    export = make(dataset, ["captions"]).id
    dataset.api.call("delete_dataset", dataset=dataset.name)
    for operation in ("get_export", "get_export_result", "cancel_export", "delete_export"):
        dataset.api.call(operation, export=export, expect=404)


def test_others_do_not_see_them(guarded_server):
    mine, other = (Api(guarded_server.base, keys.create(guarded_server, "admin", owner=owner))
                   for owner in ("default", "another"))
    dataset = Dataset(mine, "export-jobs-guarded")
    dataset.load(generate(5))
    dataset.run(["captions"])
    export = make(dataset, ["captions"]).id
    for operation in ("get_export", "get_export_result", "get_export_events", "cancel_export", "delete_export"):
        other.call(operation, export=export, expect=404)
    other.call("list_exports", dataset=dataset.name, expect=404)
    other.call("create_export", dataset=dataset.name, json={"formats": ["captions"]}, expect=404)
    assert get(mine, export)["state"] == "succeeded"


def test_events(whole, database):
    api = whole.api
    export = held(database, whole)
    with Events(api, export, kind="export") as events:
        stream = iter(events)
        id, seen = next(stream)
        assert seen == get(api, export) and events.headers["Content-Type"] == "text/event-stream"
        database.execute(f"UPDATE tasks SET total = 100, done = 50 WHERE run_id = '{export}'")
        later, seen = next(stream)
        assert seen["progress"] == 0.495 and later.split("-") == [id.split("-")[0], "200"]
        api.call("cancel_export", export=export)
        (last, seen), = list(stream)
        assert seen["state"] == "cancelled"
    with Events(api, export, last=later, kind="export") as events:
        assert [seen["state"] for _, seen in events] == ["cancelled"]
    with Events(api, export, last=last, kind="export") as events:
        assert list(events) == [] and events.retries[-1] >= 3600 * 1000
    done = make(whole, ["captions"]).answer
    with Events(api, done["id"], kind="export") as events:
        assert [{**seen, "manifest": done["manifest"]} for _, seen in events] == [done]
