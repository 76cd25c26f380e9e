"""kill -9 in the middle of preparing a transfer: begun again, it comes to the same constants, and a
transfer that is not ready is never read."""
import pytest

from support import images
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset
from support.seeds import generate
from support.server import Server
from support.wait import until

SEEDS = 300
SHARDS = 3
# So that a server notices the death of another one soon.
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1}
PICTURES = images.vectors(100)
# Embeddings are read slowly, and counted, so that there is time to strike in between.
SLOW = """
CREATE SEQUENCE looked_at;
CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN PERFORM nextval('looked_at'); PERFORM pg_sleep(0.005); RETURN true; END $$;
GRANT ALL ON SEQUENCE looked_at TO PUBLIC;
CREATE POLICY slowly ON embeddings USING (slowly());
ALTER TABLE embeddings ENABLE ROW LEVEL SECURITY;
ALTER TABLE embeddings FORCE ROW LEVEL SECURITY;
"""
FAST = "ALTER TABLE embeddings NO FORCE ROW LEVEL SECURITY; ALTER TABLE embeddings DISABLE ROW LEVEL SECURITY"
CONSTANTS = """SELECT row(t.method, t.parameters, t.scale, t.center, t.count, m.mean, i.mean)::text AS r
               FROM transfers t JOIN moments m USING (moments_id)
               JOIN moments i ON i.moments_id = t.image_moments_id WHERE t.method = 'realign'"""


def place(cluster):
    server = Server(Database(cluster), **SETTINGS)
    server.migrate()
    server.start()
    dataset = Dataset(Api(server.base), "prepared", SHARDS)
    dataset.load(generate(SEEDS))
    dataset.api.call("put_image_moments", encoder="offline", json=images.moments(PICTURES, "pictures"))
    dataset.run(["captions", "representations"])
    return server, dataset


def start(dataset):
    body = {"method": "realign", "image_moments": "pictures"}
    return dataset.api.call("create_transfer", dataset=dataset.name, json=body).json()["id"]


def state(dataset, transfer):
    return dataset.api.call("get_transfer", dataset=dataset.name, transfer=transfer).json()["state"]


def wait_ready(dataset, transfer):
    until(lambda: state(dataset, transfer) == "ready", "the transfer to be ready")


def outcome(server, dataset, transfer):
    constants, = server.database.query(CONSTANTS)
    vectors = {id: v.tobytes() for id, v in dataset.vectors(transfer).items()}
    assert len(vectors) == SEEDS
    return constants["r"], vectors


@pytest.fixture(scope="module")
def undisturbed(cluster):
    server, dataset = place(cluster)
    try:
        transfer = start(dataset)
        wait_ready(dataset, transfer)
        yield outcome(server, dataset, transfer)
        server.stop()
    finally:
        server.destroy()


def looked_at(server):
    return server.database.value("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM looked_at")


def wait_for_the_middle(server, dataset, transfer):
    """Of the pass that is under way or comes next."""
    before = looked_at(server)
    until(lambda: looked_at(server) >= before + SEEDS // 3, "the pass to be under way", pause=0.005)
    assert state(dataset, transfer) == "preparing"
    assert dataset.api.get(dataset.path + "/representations", params={"transfer": transfer},
                           expect=409).problem == "transfer-not-ready"


def test_a_preparation_that_is_killed(cluster, undisturbed):
    server, dataset = place(cluster)
    try:
        server.database.execute(SLOW)
        transfer = start(dataset)
        for _ in range(3):
            wait_for_the_middle(server, dataset, transfer)
            server.kill()
            assert server.database.value("SELECT state FROM transfers WHERE method = 'realign'") == "preparing"
            server.start()
            dataset.api = Api(server.base)
        wait_ready(dataset, transfer)
        server.database.execute(FAST)
        assert outcome(server, dataset, transfer) == undisturbed
        until(lambda: server.database.value("SELECT count(*) FROM tasks WHERE stage = 'prepare'") == 0,
              "its task to be forgotten")
        server.stop()
    finally:
        server.destroy()


def test_a_server_that_ends_in_the_middle(cluster, undisturbed):
    """Drained, it gives the task back, and another server takes it at once."""
    server, dataset = place(cluster)
    try:
        server.database.execute(SLOW)
        transfer = start(dataset)
        wait_for_the_middle(server, dataset, transfer)
        server.stop()
        assert server.database.value("SELECT state FROM tasks WHERE stage = 'prepare'") == "ready"
        server.start()
        dataset.api = Api(server.base)
        wait_ready(dataset, transfer)
        server.database.execute(FAST)
        assert outcome(server, dataset, transfer) == undisturbed
        server.stop()
    finally:
        server.destroy()


def test_a_server_that_lost_its_lease(cluster, undisturbed):
    """Stopped for longer than its lease and woken up again, it writes nothing."""
    server, dataset = place(cluster)
    other = Server(server.database, **SETTINGS)
    try:
        server.database.execute(SLOW)
        transfer = start(dataset)
        wait_for_the_middle(server, dataset, transfer)
        server.process.send_signal(19)  # SIGSTOP
        other.start()
        dataset.api = Api(other.base)
        wait_ready(dataset, transfer)
        constants = server.database.query(CONSTANTS)
        finished = server.database.value("SELECT finished_at::text FROM transfers WHERE method = 'realign'")
        server.process.send_signal(18)  # SIGCONT
        server.stop()
        server.database.execute(FAST)
        assert server.database.query(CONSTANTS) == constants
        assert server.database.value("SELECT finished_at::text FROM transfers WHERE method = 'realign'") == finished
        assert outcome(server, dataset, transfer) == undisturbed
        other.stop()
    finally:
        other.destroy()
        server.destroy()


def test_a_run_that_waits_for_its_transfer(cluster):
    """Killed while it prepares what it names, a run ends only when that is ready."""
    server, dataset = place(cluster)
    try:
        server.database.execute(SLOW)
        run = dataset.start(["representations"],
                            representations={"transfer": "realign", "image_moments": "pictures"})["id"]
        until(lambda: server.database.value("SELECT count(*) FROM tasks WHERE stage = 'prepare'"
                                            " AND state = 'leased'") == 1, "the preparation to begin", pause=0.005)
        before = looked_at(server)
        until(lambda: looked_at(server) >= before + SEEDS // 3, "the pass to be under way", pause=0.005)
        assert dataset.api.call("get_run", run=run).json()["state"] == "running"
        server.kill()
        server.start()
        dataset.api = Api(server.base)
        dataset.wait(run)
        server.database.execute(FAST)
        named, = [t["id"] for t in dataset.result(run)["transfers"] if t["method"] == "realign"]
        assert state(dataset, named) == "ready" and len(dataset.vectors("realign")) == SEEDS
        server.stop()
    finally:
        server.destroy()


def test_a_run_that_is_cancelled_while_it_prepares(cluster):
    """What it left behind is prepared when somebody asks for it."""
    server, dataset = place(cluster)
    try:
        server.database.execute(SLOW)
        run = dataset.start(["representations"],
                            representations={"transfer": "realign", "image_moments": "pictures"})["id"]
        until(lambda: server.database.value("SELECT count(*) FROM tasks WHERE stage = 'prepare'"
                                            " AND state = 'leased'") == 1, "the preparation to begin", pause=0.005)
        dataset.api.call("cancel_run", run=run)
        dataset.wait(run, "cancelled")
        left, = dataset.api.items(dataset.path + "/transfers", method="realign")
        assert left["state"] == "preparing" and left["run"] == run
        server.database.execute(FAST)
        assert start(dataset) == left["id"]
        wait_ready(dataset, left["id"])
        server.stop()
    finally:
        server.destroy()
