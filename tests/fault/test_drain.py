"""SIGTERM under load: accepted requests are answered, leases are given back, and the exit code is 0."""
import ctypes
import pathlib
import signal
import threading
import time

import pytest
import requests

from support import identity
from support.client import Api
from support.dataset import ALL_STAGES, Dataset, stage_of
from support.seeds import generate
from support.wait import until


@pytest.fixture
def busy(new_server, model_server):
    """A server with a run under way, slowly."""
    model_server.control(delay_ms=[20, 200])
    server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m",
                        MONOCEROS_LLM_MAX_IN_FLIGHT=8)
    dataset = Dataset(Api(server.base), "busy")
    dataset.load(generate(300))
    run = dataset.start(ALL_STAGES)["id"]
    until(lambda: model_server.stats()["chat_requests"] > 20, "work to be under way")
    return server, dataset, run


def end(server):
    """Terminates it and holds it to a clean exit."""
    server.stop()


def test_the_run_goes_on_after_a_restart(busy, model_server):
    server, dataset, run = busy
    end(server)
    assert server.database.value("SELECT count(*) FROM tasks WHERE state = 'leased'") == 0
    stored = server.database.value("SELECT count(*) FROM captions")
    assert server.database.value("SELECT state FROM runs") == "running"
    model_server.control(delay_ms=0)
    server.start()
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 300
    assert stored < 300
    assert len(dataset.vectors("none")) == 300


def test_answers_that_had_come_are_stored(busy, model_server):
    """What was paid for is not thrown away: every answer of the model server is a row."""
    server, _, _ = busy
    end(server)
    answered = model_server.stats()["statuses"].get("200", 0)
    rows = server.database.value("SELECT (SELECT count(*) FROM captions)"
                                 " + (SELECT count(*) FROM dialogues) AS n")
    # An answer on its way when the drain gave up waiting is the only one that may be missing.
    assert answered - 16 <= rows <= answered


def test_no_accepted_request_is_lost(busy):
    server, dataset, _ = busy
    texts = generate(6000, seed=12)
    accepted, errors = [], []

    def post(part):
        try:
            for start in range(part * 2000, (part + 1) * 2000, 5):
                batch = texts[start:start + 5]
                try:
                    answer = requests.post(server.base + dataset.path + "/seeds", timeout=60, json={
                        "seeds": [{"text": text} for text in batch]})
                except requests.ConnectionError:
                    return
                if answer.status_code == 200:
                    accepted.extend(batch)
                elif answer.status_code != 503:
                    errors.append(answer.text)
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=post, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(accepted) > 100, "requests to be accepted")
    end(server)
    for thread in threads:
        thread.join()
    assert not errors
    server.start()
    there = {seed["id"] for seed in dataset.seeds()}
    assert {identity.seed_id(text) for text in accepted} <= there


def test_waiting_clients_are_answered(busy):
    server, _, run = busy
    answers = []

    def wait():
        try:
            answer = Api(server.base).call("get_run", run=run, params={"wait": "60s"}, expect=(200, 503))
            answers.append(answer.json()["state"] if answer.status == 200 else 503)
        except requests.ConnectionError as error:
            # Before the connection was accepted, not in the middle of an answer.
            answers.append("refused" if "refused" in str(error) else error)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)  # so that they wait; if they do not yet, they are refused, which is right too
    end(server)
    for thread in threads:
        thread.join()
    assert set(answers) <= {"running", 503, "refused"}
    assert len(answers) == 4


def test_an_import_under_way_is_finished_or_told(busy):
    server, dataset, _ = busy
    going = threading.Event()
    outcome = []

    def stream():
        yield b"One seed of a stream that is under way.\n"
        going.set()
        time.sleep(0.5)
        yield b"Another seed of a stream that is under way.\n"

    def load():
        try:
            outcome.append(requests.post(server.base + dataset.path + "/seeds/import", data=stream(),
                                         headers={"Content-Type": "application/octet-stream"}, timeout=60))
        except requests.ConnectionError:
            outcome.append(None)

    client = threading.Thread(target=load)
    client.start()
    going.wait()
    end(server)
    client.join()
    if outcome[0] is not None and outcome[0].status_code == 200:
        server.start()
        texts = {seed["text"] for seed in dataset.seeds()}
        assert {"One seed of a stream that is under way.",
                "Another seed of a stream that is under way."} <= texts
    else:
        assert outcome[0] is None or outcome[0].status_code in (422, 503)


def test_readiness_ends_first(busy):
    """While requests under way are waited for, probes are told 503 or nothing, and never 200."""
    server, _, _ = busy
    server.terminate()
    statuses = []
    while server.process.poll() is None:
        try:
            statuses.append(requests.get(server.base + "/readyz", timeout=10).status_code)
        except requests.ConnectionError:
            statuses.append(0)
    assert server.wait() == 0
    first = next((i for i, status in enumerate(statuses) if status != 200), len(statuses))
    assert 200 not in statuses[first:], "ready again after it was not"
    assert set(statuses) <= {0, 200, 503}


def test_drains_again_and_again(new_server, model_server):
    """Starting and ending at many moments of a run, which ends complete all the same."""
    model_server.control(delay_ms=[1, 30])
    server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m",
                        MONOCEROS_RANGE_SIZE=8, MONOCEROS_LLM_MAX_IN_FLIGHT=8)
    dataset = Dataset(Api(server.base), "again")
    dataset.load(generate(400))
    run = dataset.start(["captions", "dialogues"])["id"]
    for _ in range(8):
        before = model_server.stats()["chat_requests"]
        until(lambda b=before: model_server.stats()["chat_requests"] > b + 15
              or dataset.api.call("get_run", run=run).json()["state"] == "succeeded", "work to go on")
        end(server)
        assert server.database.value("SELECT count(*) FROM tasks WHERE state = 'leased'") == 0
        server.start()
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 400
    assert model_server.stats()["max_calls_per_text"] <= 9


def threads_that_take(number, pid):
    """The threads of a process that do not block a signal, the first one first."""
    taking = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text(encoding="ascii")
        blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
        if not int(blocked, 16) >> (number - 1) & 1:
            taking.append(int(task.name))
    return sorted(taking)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_any_thread_may_be_told(new_server, number):
    """The kernel gives a signal to any thread that takes it, and a library may have started threads
    before the program could keep signals from them."""
    server = new_server()
    pid = server.process.pid
    assert pid in threads_that_take(number, pid)
    for i in range(len(threads_that_take(number, pid))):
        thread = threads_that_take(number, server.process.pid)[i]
        assert ctypes.CDLL(None).tgkill(server.process.pid, thread, number) == 0
        assert server.wait() == 0
        server.start()
