"""Without its database every operation says so, the process stays alive, and all comes back by itself."""
import pytest

from conftest import unique_name
from support.client import CONTRACT, Api
from support.cluster import Cluster, Database
from support.dataset import EVERY_TASK, Dataset
from support.samples import Samples
from support.seeds import generate
from support.server import Server
from support.wait import until

# create_embeddings is 503 when its encoder is stopped, which has a test of its own.
WITHOUT_DATABASE = {"healthz", "metrics", "openapi", "create_embeddings", "list_seed_templates",
                    "list_providers", "get_problem", "sign_url"}


@pytest.fixture(scope="module")
def alone():
    """A cluster that is stopped and started here, with a server on it."""
    cluster = Cluster()
    server = Server(Database(cluster))
    try:
        server.migrate()
        server.start()
        world = Dataset(Api(server.base), unique_name("alone"))
        world.load(generate(20))
        run = world.run(dialogues={"mix": EVERY_TASK})["id"]
        yield cluster, server, Samples(world, run)
        server.stop()
    finally:
        server.destroy()
        cluster.remove()


@pytest.fixture(scope="module")
def down(alone):
    cluster, server, samples = alone
    api = Api(server.base)
    cluster.stop()
    until(lambda: api.request("GET", "/readyz").status == 503, "the server to notice")
    yield api, samples
    cluster.start()
    until(lambda: api.request("GET", "/readyz").status == 200, "the server to recover")
    for operation in CONTRACT.operations:
        if operation.method == "GET":
            api.call(operation.id, **samples.arguments(operation))
    samples.world.load(generate(60))
    samples.world.run()
    assert len(samples.world.captions()) == 60


@pytest.mark.parametrize("operation", [pytest.param(o, id=o.id) for o in CONTRACT.operations])
def test_operation_without_a_database(down, operation):
    api, samples = down
    if operation.id in WITHOUT_DATABASE:
        api.call(operation.id, expect=200, **samples.arguments(operation))
        return
    arguments = samples.arguments(operation)
    if operation.id == "compute_representations":
        arguments["json"] = {**arguments["json"], "dataset": samples.world.name}
    answer = api.call(operation.id, expect=503, **arguments)
    assert answer.problem == "service-unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_what_is_wrong_with_a_request_is_said_all_the_same(down):
    api, samples = down
    name = samples.world.name
    api.call("put_dataset", dataset="UPPER", json={}, expect=422)
    api.call("create_seeds", dataset=name, json={"seeds": []}, expect=422)
    api.call("list_seeds", dataset=name, params={"page_size": 0}, expect=422)
    api.request("PATCH", samples.world.path, expect=405)


def test_a_server_that_starts_before_its_database(new_server, cluster):
    """It waits for the schema instead of failing, and says that it is not ready."""
    server = new_server(start=False)
    server.start(ready=False)
    api = Api(server.base)

    def answers():
        try:
            return api.request("GET", "/healthz").status == 200
        except OSError:
            assert server.process.poll() is None, server.log_tail()
            return False

    until(answers, "the server to listen")
    assert api.request("GET", "/readyz").status == 503
    api.call("list_datasets", expect=503)
    server.migrate()
    server.wait_ready()
    api.call("list_datasets")
