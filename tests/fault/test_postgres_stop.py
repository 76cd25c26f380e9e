"""PostgreSQL goes away under load and comes back: requests are told, work resumes, nothing is lost."""
import itertools
import os
import threading
import time

import pytest
import requests

from support import identity
from support.client import Api
from support.cluster import Cluster, Database
from support.dataset import ALL_STAGES, Dataset, stage_of
from support.model_server import DEFAULTS, ModelServer
from support.seeds import generate
from support.server import Server
from support.wait import until

OUTAGE_S = 10 if os.environ.get("MONOCEROS_FULL") else 4


class Load:
    """Clients that post seeds and read pages, and that try again what was not accepted."""

    def __init__(self, base, name, texts):
        self.base, self.name = base, name
        self.left = iter(texts)
        self.lock = threading.Lock()
        self.accepted, self.refused, self.unknown, self.errors = set(), 0, 0, []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(work,))
                        for work in (self.post, self.post, self.read)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def guard(self, work):
        try:
            work(Api(self.base))
        except BaseException as error:  # raised again by the test
            self.errors.append(error)

    def post(self, api):
        while not self.stopping.is_set():
            with self.lock:
                batch = list(itertools.islice(self.left, 3))
            if not batch:
                return
            while not self.send(api, batch) and not self.stopping.is_set():
                time.sleep(0.05)

    def send(self, api, batch):
        answer = api.call("create_seeds", dataset=self.name, expect=(200, 503),
                          json={"seeds": [{"text": text} for text in batch]})
        if answer.status == 503:
            self.refused += 1
            return False
        self.accepted.update(batch)
        return True

    def read(self, api):
        while not self.stopping.is_set():
            api.call("list_captions", dataset=self.name, expect=(200, 503))
            api.call("list_runs", dataset=self.name, expect=(200, 503))
            time.sleep(0.01)


@pytest.fixture
def place():
    """A cluster that keeps its promises, a server on it and a model server that takes its time."""
    cluster = Cluster(safe=True)
    models = ModelServer(dimension=64, delay_ms=[5, 60]).start()
    server = Server(Database(cluster), **{
        "MONOCEROS_LLM_URL": models.url, "MONOCEROS_LLM_MODEL": "m", "MONOCEROS_ENCODER_URL": models.url,
        "MONOCEROS_ENCODER_MODEL": "e", "MONOCEROS_LLM_MAX_IN_FLIGHT": 8, "MONOCEROS_LEASE": 4,
        "MONOCEROS_RENEW": 1, "MONOCEROS_FLUSH_MS": 50, "MONOCEROS_DRAIN_TIMEOUT": 5})
    try:
        server.migrate()
        server.start()
        yield cluster, server, models
        server.stop()
    finally:
        server.destroy()
        models.stop()
        cluster.remove()


def outage(cluster, server, how):
    """Takes PostgreSQL away for a while and looks at what clients are told meanwhile."""
    api = Api(server.base)
    {"fast": cluster.stop, "immediate": lambda: cluster.stop("immediate"), "kill": cluster.kill}[how]()
    ends = time.monotonic() + OUTAGE_S
    until(lambda: api.request("GET", "/readyz").status == 503, "the server to notice")
    while time.monotonic() < ends:
        answer = api.call("list_datasets", expect=503)
        assert int(answer.headers["Retry-After"]) > 0
        api.call("readyz", expect=503)
        api.call("healthz")
        time.sleep(0.2)
    cluster.start()
    until(lambda: api.request("GET", "/readyz").status == 200, "the server to recover")


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_postgres_stops_under_load(place, how):
    cluster, server, models = place
    dataset = Dataset(Api(server.base), "load")
    first = generate(300)
    dataset.load(first)
    with Load(server.base, "load", generate(3000, seed=8)) as load:
        run = dataset.start(ALL_STAGES)["id"]
        until(lambda: models.stats()["chat_requests"] > 30 and load.accepted, "work to be under way")
        outage(cluster, server, how)
        accepted = len(load.accepted)
        until(lambda: len(load.accepted) > accepted or load.errors, "clients to be served again")
    assert not load.errors, load.errors[0]
    assert load.refused > 0
    done = dataset.wait(run)
    stage = stage_of(done, "captions")
    assert stage["failed"] == 0 and stage["done"] == stage["total"] >= len(first)
    there = {seed["id"] for seed in dataset.seeds()}
    assert {identity.seed_id(text) for text in [*first, *load.accepted]} <= there
    captions = dataset.captions()
    assert len({c["seed_id"] for c in captions}) == len(captions) == stage["done"]
    rest = dataset.run(["captions"])
    assert stage_of(rest, "captions")["done"] == len(there) - len(captions)
    assert server.database.value("SELECT count(*) FROM tasks") == 0


def test_postgres_restarts_again_and_again(place):
    """Many short outages: each breaks what is under way at another place."""
    cluster, server, models = place
    models.control(**{**DEFAULTS, "dimension": 64, "delay_ms": [1, 20]})
    dataset = Dataset(Api(server.base), "again")
    dataset.load(generate(400))
    run = dataset.start(ALL_STAGES)["id"]
    for i in range(6):
        before = models.stats()["chat_requests"]
        cluster.restart(("fast", "immediate")[i % 2])
        until(lambda b=before: models.stats()["chat_requests"] > b + 10 or finished(dataset, run),
              "work to go on")
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 400
    assert stage_of(done, "representations")["done"] == 400
    assert len(dataset.vectors("none")) == 400


def finished(dataset, run):
    answer = dataset.api.call("get_run", run=run, expect=(200, 503))
    return answer.status == 200 and answer.json()["state"] == "succeeded"


def test_an_import_that_meets_the_outage(place):
    """It is told 503 or that the stream broke, what was counted is there, and again adds the rest."""
    cluster, server, _ = place
    dataset = Dataset(Api(server.base), "import")
    texts = generate(4000, seed=6)
    started = threading.Event()

    def stream():
        for start in range(0, len(texts), 100):
            yield "".join(f"{text}\n" for text in texts[start:start + 100]).encode()
            if start == 2000:
                started.set()
                gone.wait()

    gone = threading.Event()
    answers = []
    client = threading.Thread(target=lambda: answers.append(attempt(server, stream())))
    client.start()
    started.wait()
    cluster.stop("immediate")
    gone.set()
    client.join()
    cluster.start()
    until(lambda: dataset.api.request("GET", "/readyz").status == 200, "the server to recover")
    assert answers[0] is None or answers[0] in (422, 503)
    assert dataset.load(texts).json()["received"] == 4000
    assert {seed["id"] for seed in dataset.seeds()} == {identity.seed_id(text) for text in texts}


def attempt(server, stream):
    try:
        return requests.post(f"{server.base}/v1/datasets/import/seeds/import", data=stream, timeout=120,
                             headers={"Content-Type": "application/octet-stream"}).status_code
    except requests.RequestException:
        return None


def test_sigterm_while_the_database_is_down(place):
    cluster, server, models = place
    dataset = Dataset(Api(server.base), "term")
    dataset.load(generate(100))
    run = dataset.start(["captions"])["id"]
    until(lambda: models.stats()["chat_requests"] > 0, "work to be under way")
    cluster.stop()
    server.terminate()
    server.wait()
    cluster.start()
    server.start()
    done = dataset.wait(run)
    assert stage_of(done, "captions")["done"] == 100
