"""The life of a dataset."""
import pytest

from conftest import unique_name
from support.seeds import generate
from support.wait import until


def test_put_creates_and_confirms(api):
    name = unique_name("life")
    made = api.call("put_dataset", dataset=name, json={"shards": 3, "description": "Größe ☃"}).json()
    assert (made["name"], made["shards"], made["description"]) == (name, 3, "Größe ☃")
    assert made["seeds"] == 0 and made["recipes"] == []
    for body in ({}, {"shards": 3}, {"description": "Größe ☃"}, {"shards": 3, "description": "Größe ☃"}):
        assert api.call("put_dataset", dataset=name, json=body).json() == made
    assert api.call("get_dataset", dataset=name).json() == made


def test_defaults(api):
    made = api.call("put_dataset", dataset=unique_name("defaults"), json={}).json()
    assert made["shards"] == 16 and made["description"] == "" and made["vector_type"] == "float16"


@pytest.mark.parametrize("kind, other", [("float16", "float32"), ("float32", "float16")])
def test_the_type_of_vectors_never_changes(api, kind, other):
    name = unique_name("vectors")
    made = api.call("put_dataset", dataset=name, json={"vector_type": kind}).json()
    assert made["vector_type"] == kind
    for body in ({}, {"vector_type": kind}):
        assert api.call("put_dataset", dataset=name, json=body).json() == made
    answer = api.call("put_dataset", dataset=name, json={"vector_type": other}, expect=409)
    assert answer.problem == "conflict" and "vector_type" in answer.json()["detail"]
    assert api.call("put_dataset", dataset=name, json={"vector_type": "float64"},
                    expect=422).pointers == ["/vector_type"]


@pytest.mark.parametrize("body, field", [({"shards": 4}, "shards"), ({"description": "b"}, "description"),
                                         ({"shards": 3, "description": "b"}, "description")])
def test_put_with_something_else_is_a_conflict(api, body, field):
    name = unique_name("conflict")
    made = api.call("put_dataset", dataset=name, json={"shards": 3, "description": "a"}).json()
    answer = api.call("put_dataset", dataset=name, json=body, expect=409)
    assert answer.problem == "conflict" and field in answer.json()["detail"]
    assert api.call("get_dataset", dataset=name).json() == made


@pytest.mark.parametrize("shards", [1, 1024])
def test_extreme_numbers_of_shards(api, new_dataset, shards):
    dataset = new_dataset(api, shards)
    dataset.add(generate(20))
    assert len(dataset.seeds(page_size=7)) == 20


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "x" * 63, "a..b", "9-"])
def test_good_names(api, name):
    api.call("put_dataset", dataset=name, json={})
    assert api.call("get_dataset", dataset=name).json()["name"] == name
    api.call("delete_dataset", dataset=name)


@pytest.mark.parametrize("name", ["A", "-a", ".a", "_a", "x" * 64, "a b", "a\u00e4", "a:b", "a+b", "~"])
def test_bad_names(api, name):
    answer = api.call("put_dataset", dataset=name, json={}, expect=422)
    assert answer.pointers == ["/dataset"]
    api.call("get_dataset", dataset=name, expect=404)
    api.call("create_seeds", dataset=name, json={"seeds": [{"text": "a"}]}, expect=404)


def test_list_is_in_the_order_of_names(api):
    names = [unique_name(text) for text in ("zz-list", "zz-lisa", "zz-list-a", "zz-list.b")]
    for name in names:
        api.call("put_dataset", dataset=name, json={"shards": 1})
    found = [item["name"] for item in api.items("/v1/datasets", page_size=2)]
    assert found == sorted(found)
    assert set(names) <= set(found) and len(set(found)) == len(found)


def test_delete_hides_at_once_and_removes_the_rows(api, dataset, database):
    dataset.load(generate(50))
    dataset.run()
    number = database.value(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    answer = api.call("delete_dataset", dataset=dataset.name).json()
    assert answer == {"name": dataset.name, "state": "deleting"}
    api.call("get_dataset", dataset=dataset.name, expect=404)
    api.call("delete_dataset", dataset=dataset.name, expect=404)
    assert dataset.name not in {item["name"] for item in api.items("/v1/datasets")}
    counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE shard_id / 65536 = {number})"
                        for table in ("seeds", "captions", "dialogues", "embeddings", "failures",
                                      "tasks"))
    until(lambda: database.value(f"SELECT {counts} AS n") == 0, "the rows of the dataset to go")


def test_a_deleted_name_is_free_and_its_number_is_not(api, dataset, database):
    dataset.load(generate(10))
    api.call("delete_dataset", dataset=dataset.name)
    again = api.call("put_dataset", dataset=dataset.name, json={"shards": 2}).json()
    assert again["seeds"] == 0 and again["shards"] == 2
    numbers = database.query(f"SELECT number FROM datasets WHERE name = '{dataset.name}'")
    assert len({row["number"] for row in numbers}) == 2
    assert dataset.seeds() == []


def test_runs_of_a_deleted_dataset_are_gone(api, dataset):
    dataset.load(generate(5))
    run = dataset.run(["captions"])
    api.call("delete_dataset", dataset=dataset.name)
    api.call("get_run", run=run["id"], expect=404)
    api.call("get_run_result", run=run["id"], expect=404)
    api.call("cancel_run", run=run["id"], expect=404)
