"""Fixtures of the suites that talk to a running server over HTTP."""
import contextlib
import itertools
import json
import re
import warnings

import pytest

from support.client import CONTRACT, Api
from support.cluster import Cluster, Database
from support.dataset import EVERY_TASK, Dataset
from support.model_server import DEFAULTS as MODEL_DEFAULTS
from support.model_server import ModelServer
from support.samples import Samples
from support.seeds import generate
from support.server import Server

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    """What looks back at the whole session goes last."""
    items.sort(key=lambda item: item.path.name.startswith("test_zz_"))


def pytest_sessionfinish(session):
    """Keeps which operation was seen with which status, for whoever wants to look."""
    cache = getattr(session.config, "cache", None)
    if cache is not None and CONTRACT.seen:
        seen = {f"{operation} {status}": n for (operation, status), n in sorted(CONTRACT.seen.items())}
        with warnings.catch_warnings():  # a read-only tree is no fault
            warnings.simplefilter("ignore")
            cache.set("monoceros/coverage", json.loads(json.dumps(seen)))


@pytest.fixture(scope="session")
def cluster():
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def server(cluster):
    """The server that most tests share, with the settings as they are."""
    made = Server(Database(cluster))
    made.migrate()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def database(server):
    return server.database


@pytest.fixture(scope="module")
def guarded_server(cluster):
    """One that wants keys, for a file of tests."""
    made = Server(Database(cluster), MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=0)
    try:
        made.migrate()
        made.start()
        yield made
        made.stop()
    finally:
        made.destroy()


@contextlib.contextmanager
def replicas(cluster, n=2, **settings):
    """So many servers on one database."""
    database = Database(cluster)
    made = [Server(database, **settings) for _ in range(n)]
    try:
        made[0].migrate()
        for one in made:
            one.start()
        yield made
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.destroy()


@pytest.fixture
def api(server):
    return Api(server.base)


@pytest.fixture
def dataset(api, request):
    return Dataset(api, unique_name(request.node.name))


def unique_name(text):
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-")
    return f"{plain}-{next(_numbers)}"


@pytest.fixture
def new_dataset(request):
    """Makes datasets with names of their own: new_dataset(api, shards=4)."""
    return lambda api, shards=4, **settings: Dataset(api, unique_name(request.node.name), shards,
                                                     **settings)


@pytest.fixture
def new_server(cluster):
    """Makes servers on a database of their own: new_server(MONOCEROS_…=…), started and migrated."""
    made = []

    def make(start=True, database=None, **settings):
        one = Server(database or Database(cluster), **settings)
        made.append(one)
        if start:
            one.migrate()
            one.start()
        return one

    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.destroy()


@pytest.fixture(scope="session")
def world(server):
    """A small dataset that has been through all stages; tests only read it."""
    made = Dataset(Api(server.base), "world")
    made.load(generate(40, seed=7))
    run = made.run(dialogues={"mix": EVERY_TASK})
    made.finished_run = run["id"]
    return made


@pytest.fixture(scope="session")
def samples(world):
    return Samples(world, world.finished_run)


@pytest.fixture(scope="session")
def _models():
    with ModelServer(dimension=64) as made:
        yield made


@pytest.fixture
def model_server(_models):
    """An OpenAI-compatible server that behaves unless it is told otherwise; see its module."""
    _models.control(reset=True, **MODEL_DEFAULTS)
    yield _models
    _models.control(reset=True, **MODEL_DEFAULTS)


@pytest.fixture(scope="session")
def modelled_server(cluster, _models):
    """A server with the provider `llm` and the encoder `embeddings`, both the model server."""
    made = Server(Database(cluster), **model_settings(_models))
    made.migrate()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def modelled(modelled_server, model_server, new_dataset):
    """A dataset on that server."""
    return new_dataset(Api(modelled_server.base))


@pytest.fixture
def untaught(new_server, model_server, new_dataset):
    """A dataset on a server of its own, whose providers have learned nothing from other tests."""
    return new_dataset(Api(new_server(**model_settings(model_server)).base))


def model_settings(models):
    return {"MONOCEROS_LLM_URL": models.url, "MONOCEROS_LLM_MODEL": "test-model",
            "MONOCEROS_ENCODER_URL": models.url, "MONOCEROS_ENCODER_MODEL": "test-encoder"}
