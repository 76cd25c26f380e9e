"""kill -9 in the middle of the pass over duplicates: begun again, it decides and counts the same."""
import hashlib

import pytest

from support.client import Api
from support.cluster import Database
from support.dataset import Dataset, stage_of
from support.seeds import generate
from support.server import Server
from support.wait import until

SEEDS = 400
SHARDS = 4
# So that a server notices the death of another one soon.
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1}
TEXT = ("A long wooden pier leads out over calm grey water to a small white hut with a red roof, and two men "
        "in dark coats lean on its railing while a boat with a green hull is tied to a post below them. Low "
        "hills lie behind, and a thin band of light cloud hangs over the far shore of the ")
ANSWERS = [{"kind": "text", "route": "chat", "match": word, "text": TEXT + end}
           for word, end in ((" beach", "wide lake."), (" kitchen", "wide bay."), (" market", "wide lake."))]
# The alarm for frequent texts looks at the order in which they come.
RUN = {"stages": ["captions", "representations"],
       "captions": {"filters": {"frequency": {"action": "off"}}}}
# Marks come in one statement for each shard: a slow one gives the time to strike between two.
SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
CREATE TRIGGER slowly BEFORE UPDATE ON captions FOR EACH ROW EXECUTE FUNCTION slowly();
"""
ROWS = """SELECT row(shard_id, seed_id, encode(hash, 'hex'), dropped, duplicate_of, flags::text)::text AS r
          FROM captions ORDER BY shard_id, seed_id"""


def place(database, model_server):
    server = Server(database, MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="m", **SETTINGS)
    server.migrate()
    server.start()
    model_server.control(faults=ANSWERS)
    dataset = Dataset(Api(server.base), "doubles", SHARDS)
    dataset.load(generate(SEEDS))
    return server, dataset


def outcome(server, run):
    rows = server.database.query(ROWS)
    vectors = server.database.query("SELECT md5(vector) AS v FROM embeddings ORDER BY shard_id, seed_id")
    captions = stage_of(run, "captions")
    return (hashlib.sha256(repr((rows, vectors)).encode()).hexdigest(), len(vectors), captions["dropped"],
            captions["filters"])


@pytest.fixture
def undisturbed(cluster, _models):
    _models.control(reset=True)
    server, dataset = place(Database(cluster), _models)
    try:
        yield outcome(server, dataset.run(**RUN))
        server.stop()
    finally:
        server.destroy()


def marked_shards(server):
    return server.database.value("SELECT count(DISTINCT shard_id) FROM captions"
                                 " WHERE duplicate_of IS NOT NULL")


def test_a_pass_that_is_killed(cluster, model_server, undisturbed):
    server, dataset = place(Database(cluster), model_server)
    try:
        server.database.execute(SLOW)
        run = dataset.start(**RUN)["id"]
        for moment in (0, 1, 2):
            until(lambda n=moment: server.database.value(
                "SELECT count(*) FROM tasks WHERE stage = 'duplicates' AND state = 'leased'") == 1
                and marked_shards(server) >= n, f"the pass to have marked {moment} shards", pause=0.005)
            assert marked_shards(server) < SHARDS
            assert server.database.value("SELECT count(*) FROM embeddings") == 0
            server.kill()
            server.start()
            dataset.api = Api(server.base)
        found = outcome(server, dataset.wait(run))
        assert found == undisturbed
        _, vectors, dropped, filters = found
        assert dropped > SEEDS // 10 and vectors == SEEDS - dropped
        assert filters["exact_duplicate"]["dropped"] > 0 and filters["near_duplicate"]["dropped"] > 0
        server.stop()
    finally:
        server.destroy()


def test_a_pause_in_the_pass(cluster, model_server, undisturbed):
    """A pause takes hold between two statements, and a resumed run comes to the same."""
    server, dataset = place(Database(cluster), model_server)
    try:
        server.database.execute(SLOW)
        run = dataset.start(**RUN)["id"]
        until(lambda: marked_shards(server) >= 1, "the pass to have marked a shard", pause=0.005)
        dataset.api.call("pause_run", run=run)
        assert dataset.wait(run, "paused")["reason"] == "user"
        assert server.database.value("SELECT state FROM tasks WHERE stage = 'duplicates'") == "ready"
        assert marked_shards(server) < SHARDS
        dataset.api.call("resume_run", run=run)
        assert outcome(server, dataset.wait(run)) == undisturbed
        server.stop()
    finally:
        server.destroy()
