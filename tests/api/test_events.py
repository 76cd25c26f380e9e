"""The events of a run: what is told, what whoever comes back is told, and what a stream costs."""
import socket
import threading
import urllib.parse

import pytest

from conftest import model_settings
from support.client import CONTRACT, Api
from support.dataset import FINAL, stage_of
from support.events import Events
from support.seeds import generate
from support.wait import until

WAITS = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]


def order(id):
    return tuple(int(n) for n in id.split("-"))


def held_run(dataset, model_server):
    model_server.control(faults=WAITS)
    run = dataset.start(["captions"])["id"]
    until(lambda: dataset.api.call("get_run", run=run).json()["state"] == "running", "the run to begin")
    return run


def test_a_run_is_followed_to_its_end(modelled, model_server):
    modelled.load(generate(20))
    run = held_run(modelled, model_server)
    with Events(modelled.api, run) as events:
        assert events.status == 200
        assert events.headers["Content-Type"] == "text/event-stream"
        assert events.headers["Cache-Control"] == "no-store"
        stream = iter(events)
        told = [next(stream)]
        assert told[0][1]["state"] == "running" and events.retries == [3000]
        model_server.control(faults=[])
        told += list(stream)
    ids = [order(id) for id, _ in told]
    assert ids == sorted(set(ids))
    last = told[-1][1]
    assert last["state"] == "succeeded" and last["progress"] == 1
    assert last == modelled.api.call("get_run", run=run).json()
    assert [r["state"] for _, r in told[:-1]] == ["running"] * (len(told) - 1)
    assert events.retries[-1] >= 3600 * 1000, "browsers do not come back"
    described = CONTRACT.by_id["get_run"].responses[200]["validator"]
    for _, seen in told:
        described.validate(seen)


def test_changes_of_state_are_told(modelled, model_server):
    modelled.load(generate(5))
    run = held_run(modelled, model_server)
    with Events(modelled.api, run) as events:
        stream = iter(events)
        next(stream)

        def follow(state):
            for id, seen in stream:
                if seen["state"] == state:
                    return id
            raise AssertionError(f"no {state}")

        modelled.api.call("pause_run", run=run)
        paused = follow("paused")
        modelled.api.call("resume_run", run=run)
        running = follow("running")
        modelled.api.call("cancel_run", run=run)
        cancelled = follow("cancelled")
        assert list(stream) == []
    assert order(paused) < order(running) < order(cancelled)


def test_whoever_comes_back_is_told_what_is_new(modelled, model_server):
    modelled.load(generate(20))
    run = held_run(modelled, model_server)
    with Events(modelled.api, run) as events:
        first, seen = next(iter(events))
    model_server.control(faults=[])
    modelled.wait(run)
    with Events(modelled.api, run, last=first) as events:
        (last, seen), = list(events)
    assert order(last) > order(first) and seen["state"] == "succeeded"
    with Events(modelled.api, run, last=last) as events:
        assert list(events) == [], "nothing is told twice"
        assert events.status == 200 and events.retries[-1] >= 3600 * 1000


@pytest.mark.parametrize("last", ["", "x", "1", "-", "-1--1", "9" * 40 + "-1", "1-2-3", "99-99"])
def test_an_id_that_was_never_given_counts_as_none(world, last):
    with Events(world.api, world.finished_run, last=last) as events:
        (_, run), = list(events)
    assert run["state"] == "succeeded"


def test_a_retried_run_can_be_followed_again(modelled, model_server):
    modelled.load(generate(40))
    model_server.control(faults=[{"kind": "status", "status": 400, "hash_share": 0.25}])
    run = modelled.run(["captions"], max_failed=1)["id"]
    with Events(modelled.api, run) as events:
        (last, _), = list(events)
    model_server.control(faults=[])
    modelled.api.call("retry_run", run=run)
    with Events(modelled.api, run, last=last) as events:
        told = list(events)
    assert told[-1][1]["state"] == "succeeded" and stage_of(told[-1][1], "captions")["done"] == 40
    assert [order(id) for id, _ in told] == sorted({order(id) for id, _ in told}) and order(told[0][0]) > order(last)


def test_no_such_run(api):
    assert Events(api, "0" * 32).status == 404
    assert Events(api, "nonsense").status == 404


def test_head_answers_at_once(modelled, model_server):
    modelled.load(generate(3))
    run = held_run(modelled, model_server)
    with Events(modelled.api, run, method="HEAD") as events:
        assert events.status == 200 and events.answer.read() == b""
        assert events.headers["Content-Type"] == "text/event-stream"
    model_server.control(faults=[])
    modelled.wait(run)


def open_socket(api, run):
    """A client who asks and reads nothing but the headers."""
    host = urllib.parse.urlsplit(api.base)
    made = socket.create_connection((host.hostname, host.port))
    made.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert made.recv(15) == b"HTTP/1.1 200 OK"
    return made


def test_streams_are_bounded_and_end_with_the_server(new_server, new_dataset, model_server):
    server = new_server(**model_settings(model_server), MONOCEROS_EVENT_STREAMS=3)
    api = Api(server.base)
    dataset = new_dataset(api)
    dataset.load(generate(3))
    run = held_run(dataset, model_server)
    streams = [Events(api, run) for _ in range(3)]
    told = [iter(s) for s in streams]
    assert [next(t)[1]["state"] for t in told] == ["running"] * 3
    answer = api.call("get_run_events", run=run, expect=503)
    assert int(answer.headers["Retry-After"]) > 0
    assert api.call("get_run", run=run).json()["state"] == "running", "others are answered"
    streams.pop().close()
    told.pop()
    reader = open_socket_later(api, run)
    ended = []
    threads = [threading.Thread(target=lambda t=t: ended.append(list(t))) for t in told]
    for thread in threads:
        thread.start()
    server.stop()
    for thread in threads:
        thread.join()
    assert len(ended) == 2, "each stream ended as streams end"
    reader.close()


def open_socket_later(api, run):
    """As soon as the place of a client that has left is free: it is missed when something is sent."""
    found = []

    def attempt():
        host = urllib.parse.urlsplit(api.base)
        made = socket.create_connection((host.hostname, host.port))
        made.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if made.recv(15) == b"HTTP/1.1 200 OK":
            found.append(made)
            return True
        made.close()
        return False

    until(attempt, "the place of a client that has left")
    return found[0]


def test_many_streams_cost_no_thread(modelled, modelled_server, model_server):
    modelled.load(generate(5))
    run = held_run(modelled, model_server)

    def threads():
        with open(f"/proc/{modelled_server.process.pid}/status", encoding="ascii") as file:
            return [line for line in file if line.startswith("Threads:")]

    before = threads()
    streams = [Events(modelled.api, run) for _ in range(20)]
    told = [iter(s) for s in streams]
    first = [next(t) for t in told]
    assert len({id for id, _ in first}) <= 2 and threads() == before
    model_server.control(faults=[])
    assert [list(t)[-1][1]["state"] for t in told] == ["succeeded"] * 20
    assert modelled.wait(run)["state"] in FINAL


def test_a_stream_ends_with_its_dataset(new_server, new_dataset, api, dataset):
    """The run is hidden with the dataset, from whoever follows it too."""
    dataset.load(generate(3))
    run = dataset.start(["captions"])["id"]
    dataset.wait(run)
    api.call("delete_dataset", dataset=dataset.name)
    assert Events(api, run).status == 404


def test_head_has_no_byte_behind_its_headers(world):
    host = urllib.parse.urlsplit(world.api.base)
    with socket.create_connection((host.hostname, host.port)) as made:
        made.sendall(f"HEAD /v1/runs/{world.finished_run}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while piece := made.recv(4096):
            data += piece
    assert data.startswith(b"HTTP/1.1 200 OK\r\n") and data.index(b"\r\n\r\n") == len(data) - 4
