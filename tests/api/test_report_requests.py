"""Comparisons, and what may go wrong when reports are asked for."""
import concurrent.futures
import math
import random
import subprocess

import pytest

from support import figures
from support.client import Api
from support.dataset import Dataset
from support.rows import Rows
from support.seeds import generate
from support.wait import until

WORDS = ["red", "dog", "boat", "café", "don't", "wall", "of", "the", "a", "beach", "runs", "7", "light"]


def compare(api, a, b, **arguments):
    return api.call("compare_reports", params={"a": a, "b": b}, **arguments)


class Two:
    """One dataset with two recipes for the same seeds, the second of longer captions."""

    def __init__(self, server, dataset):
        self.api, self.dataset = Api(server.base), dataset
        rows, rng = Rows(server.database, dataset), random.Random(11)
        self.old, self.new = rows.recipe(age=10), rows.recipe(age=5)
        self.run = rows.run()
        for recipe, least, vocabulary in ((self.old, 5, WORDS), (self.new, 60, WORDS[3:] + ["extra"])):
            rows.captions([{"seed": f"{i:032x}", "recipe": recipe, "run": self.run, "cost": 1000 * least,
                            "text": " ".join(rng.choices(vocabulary, k=rng.randint(least, 3 * least)))}
                           for i in range(100)])


@pytest.fixture
def two(server, new_dataset):
    return Two(server, new_dataset(Api(server.base)))


def at(node, path):
    """The figure of a report at a path of a comparison."""
    parts = path.split(".")
    if parts[0] == "dialogues":
        node = next(task for task in node["dialogues"]["tasks"] if task["task"] == parts[1])
        parts = parts[2:]
    elif parts[0] == "usage":
        some = [row for row in node["usage"] if row["stage"] == parts[1]]
        node, parts = (some[0] if some else {"failed": 0}), parts[2:]
    for part in parts:
        if isinstance(node, list):
            node = node[0] if node else {}
        if part not in node:
            return None
        node = node[part]
    return node


def test_figures_are_those_of_the_two_reports(two):
    name = two.dataset.name
    found = compare(two.api, f"{name}@recipe:{two.old}", f"{name}@recipe:{two.new}").json()
    one, other = (two.api.call("get_report", dataset=name, params={"recipe": recipe}).json()
                  for recipe in (two.old, two.new))
    assert len(found["figures"]) > 20
    for row in found["figures"]:
        a, b = at(one, row["figure"]), at(other, row["figure"])
        assert (row.get("a"), row.get("b")) == (a, b), row
        assert ("difference" in row) == (a is not None and b is not None), row
        if "difference" in row:
            assert math.isclose(row["difference"], b - a, abs_tol=1e-12), row
        assert ("ratio" in row) == (bool(a) and b is not None), row
        if "ratio" in row:
            assert math.isclose(row["ratio"], b / a, rel_tol=1e-12), row
    names = [row["figure"] for row in found["figures"]]
    assert len(set(names)) == len(names)
    assert {"captions.words.mean", "captions.lexical.entropy", "captions.lexical.self_bleu_4",
            "usage.captions.cost_usd_per_row"} <= set(names)


def test_divergences(two):
    name = two.dataset.name
    found = compare(two.api, f"{name}@recipe:{two.old}", f"{name}@recipe:{two.new}").json()["divergence"]
    old, new = (two.dataset.captions(recipe=recipe) for recipe in (two.old, two.new))
    lengths = [[bucket["count"] for bucket in figures.captions_figures(rows)["words"]["histogram"]]
               for rows in (old, new)]
    assert found["caption_words"] == pytest.approx(figures.jensen_shannon(*lengths), abs=1e-9)
    by_place = figures.vocabulary_divergence(old, new, figures.place)
    assert found["vocabulary"] == pytest.approx(by_place, abs=1e-9)
    assert 0 < found["vocabulary"] <= figures.vocabulary_divergence(old, new) + 1e-9


def test_sides(two, world):
    name = two.dataset.name
    found = compare(two.api, name, f"{name}@run:{two.run}").json()
    assert found["a"] == {"reference": name, "dataset": name, "view": "default", "trial": False,
                          "captions": 100, "dialogues": 0}
    assert found["b"] == {"reference": f"{name}@run:{two.run}", "dataset": name, "run": two.run,
                          "view": "all", "trial": False, "captions": 200, "dialogues": 0}
    found = compare(two.api, world.name, name).json()
    assert (found["a"]["trial"], found["b"]["trial"]) == (True, False)


def test_a_report_equals_itself(two):
    found = compare(two.api, two.dataset.name, two.dataset.name).json()
    assert all(row["difference"] == 0 and row.get("ratio", 1) == 1 for row in found["figures"])
    assert found["divergence"] == {"caption_words": 0, "vocabulary": 0}


def test_nothing_to_compare_with(two, new_dataset):
    empty = new_dataset(two.api)
    found = compare(two.api, two.dataset.name, empty.name).json()
    assert found["divergence"] == {}
    words = next(row for row in found["figures"] if row["figure"] == "captions.words.mean")
    assert set(words) == {"figure", "a"}


@pytest.mark.parametrize("reference", [
    "@", "Upper", "x@", "x@run", "x@run:", "x@run:123", "x@recipe:" + "G" * 32, "x@view:" + "0" * 32,
    "x@run:" + "0" * 33, "@run:" + "0" * 32, "x y", "x@@run:" + "0" * 32, "x@RUN:" + "0" * 32,
    "x@run:" + "0" * 31 + "é"])
def test_what_is_no_reference(api, world, reference):
    answer = compare(api, world.name, reference, expect=422)
    assert answer.problem == "validation" and answer.pointers == ["?b"]
    assert compare(api, reference, world.name, expect=422).pointers == ["?a"]


def test_sides_that_are_left_out(api, world):
    assert api.call("compare_reports", expect=422).pointers == ["?a", "?b"]
    assert api.call("compare_reports", params={"a": world.name}, expect=422).pointers == ["?b"]
    assert api.call("compare_reports", params={"b": "Bad"}, expect=422).pointers == ["?a", "?b"]


def test_sides_that_are_not_there(api, world, dataset):
    for reference in ("there-is-none", f"{world.name}@run:{'0' * 32}", f"{world.name}@recipe:{'0' * 32}",
                      f"{dataset.name}@run:{world.finished_run}"):
        assert compare(api, reference, world.name, expect=404).problem == "not-found"
        assert compare(api, world.name, reference, expect=404).problem == "not-found"


@pytest.mark.parametrize("name", ["run", "recipe"])
def test_ids_of_other_datasets_and_of_nothing(api, world, dataset, name):
    theirs = world.finished_run if name == "run" else world.captions()[0]["recipe"]
    api.call("get_report", dataset=world.name, params={name: theirs})
    for value in (theirs, "0" * 32):
        answer = api.call("get_report", dataset=dataset.name, params={name: value}, expect=404)
        assert answer.problem == "not-found"
    for value in ("x", "0" * 31, "G" * 32):
        answer = api.call("get_report", dataset=dataset.name, params={name: value}, expect=422)
        assert answer.pointers == [f"?{name}"]


class Locked:
    """Holds the captions of a database, so that whoever reads them waits."""

    def __init__(self, database):
        cluster = database.cluster
        self.psql = subprocess.Popen(
            ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
             f"host={cluster.home} user=postgres dbname={database.name}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write("BEGIN; LOCK TABLE captions; SELECT 'held';\n")
        self.psql.stdin.flush()
        assert self.psql.stdout.readline().strip() == "held"

    def release(self):
        if self.psql.poll() is None:
            self.psql.communicate("COMMIT;\n")


def waits_for_lock(database):
    return database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                          " AND application_name = 'monoceros/report'")


@pytest.fixture
def busy(new_server):
    """A server with two request threads of which a report that waits holds one."""
    server = new_server(MONOCEROS_REQUEST_THREADS=2)
    dataset = Dataset(Api(server.base), "busy")
    dataset.add(generate(5))
    dataset.run()
    lock = Locked(server.database)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: Api(server.base).call("get_report", dataset="busy", expect=(200, 503)))
        try:
            until(lambda: waits_for_lock(server.database), "the report to wait")
            yield server, lock, first
        finally:
            lock.release()


def test_reports_leave_threads_to_others(busy):
    server, lock, first = busy
    api = Api(server.base)
    answer = api.call("get_report", dataset="busy", expect=503)
    assert answer.problem == "service-unavailable" and int(answer.headers["Retry-After"]) > 0
    compare(api, "busy", "busy", expect=503)
    api.call("compute_representations", json={"input": ["A dog."]})
    lock.release()
    assert first.result().status == 200
    api.call("get_report", dataset="busy")


def test_a_report_ends_when_the_server_does(busy):
    server, lock, first = busy
    server.terminate()
    until(lambda: b'"draining"' in server.log(), "the server to drain")
    lock.release()
    answer = first.result()
    assert answer.status == 503 and answer.problem == "service-unavailable"
    assert server.wait() == 0
