"""A server that wants keys behind a relay, and what the orchestrators are held to."""
import itertools
import re

import pytest

from relay import Relay
from support import keys
from support.client import Api
from support.cluster import Database
from support.server import Server

_numbers = itertools.count(1)
WAIT = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]


class Service:
    """What a test sees of the server: its relay, a key for the orchestrator, and the API."""

    def __init__(self, server, relay):
        self.relay = relay
        self.key = keys.create(server, "read", "write", "run")
        self.api = Api(server.base, self.key)

    def runs(self, dataset):
        return self.api.items(f"/v1/datasets/{dataset}/runs")

    def the_run(self, dataset):
        """The only run of the dataset."""
        run, = self.runs(dataset)
        return run

    def check_made(self, dataset, seeds):
        """Each seed has its caption, once."""
        captions = self.api.items(f"/v1/datasets/{dataset}/captions")
        assert len({c["seed_id"] for c in captions}) == len(captions) == seeds

    def check_sent_twice(self, dataset):
        """A POST of a run that came twice: the same key, and the same run."""
        first, second = self.relay.seen("POST", "/runs")
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
        assert len(self.runs(dataset)) == 1


@pytest.fixture(scope="module")
def keyed_service(cluster, _models):
    server = Server(Database(cluster), MONOCEROS_AUTH="keys", MONOCEROS_LLM_URL=_models.url,
                    MONOCEROS_LLM_MODEL="test-model")
    try:
        server.migrate()
        server.start()
        with Relay(server.base) as relay:
            yield Service(server, relay)
        server.stop()
    finally:
        server.destroy()


@pytest.fixture
def service(keyed_service, model_server):
    keyed_service.relay.reset()
    return keyed_service


@pytest.fixture
def held(model_server):
    """The model server asks everybody to wait: runs on the provider `llm` go on, but get nowhere until
    this is called."""
    model_server.control(faults=WAIT)
    return lambda: model_server.control(faults=[])


@pytest.fixture
def name(request):
    """For a dataset of the test's own."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:48].strip("-") + f"-{next(_numbers)}"
