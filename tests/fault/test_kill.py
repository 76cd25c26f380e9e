"""kill -9 at ten moments of a run: what comes out is what an undisturbed run gives, byte for byte."""
import hashlib
import os
import random
import threading

import pytest
import requests

from support.client import Api
from support.cluster import Database
from support.dataset import ALL_STAGES, Dataset, stage_of
from support.seeds import generate, real_seeds
from support.server import Server, sanitized
from support.wait import until

KILLS = 10
MIX = {"multiple_choice": 0.4, "question_answering": 0.4, "complex_reasoning": 0.3}
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1, "MONOCEROS_RANGE_SIZE": 16,
            "MONOCEROS_FLUSH_MS": 20, "MONOCEROS_STAGE_THREADS": 2}
RESULTS = {
    "seeds": "shard_id, seed_id, text",
    "captions": "shard_id, seed_id, recipe_id, variant, encode(hash, 'hex'), text, dropped, flags::text",
    "dialogues": "shard_id, seed_id, encode(caption_hash, 'hex'), task, recipe_id, encode(hash, 'hex'),"
                 " conversations::text, turns",
    "embeddings": "shard_id, seed_id, encode(caption_hash, 'hex'), encoder_id, encode(vector, 'hex')",
    "moments": "count, mean::text, trace",
    "transfers": "method, parameters::text, state",
}


def seeds_for_this():
    if os.environ.get("MONOCEROS_FULL"):
        return list(dict.fromkeys(real_seeds()[1]))
    return generate(400 if sanitized() else 1500, seed=9)


def results(database):
    """A digest and the number of rows of every table of results."""
    found = {}
    for table, columns in RESULTS.items():
        rows = database.execute(f"SELECT row({columns})::text COLLATE \"C\" AS r FROM {table} ORDER BY 1")
        found[table] = (rows.count("\n") + 1 if rows else 0,
                        hashlib.sha256(rows.encode()).hexdigest())
    return found


def made(database):
    return database.value("SELECT (SELECT count(*) FROM captions) + (SELECT count(*) FROM dialogues)"
                          " + (SELECT count(*) FROM embeddings) AS n")


def import_until_done(dataset, texts):
    """What a client does whose connection breaks: the same again."""
    def attempt():
        try:
            return dataset.load(texts, expect=(200, 422, 503)).status == 200
        except requests.RequestException:
            return False
    until(attempt, "the import to succeed")


@pytest.fixture(scope="module")
def texts():
    return seeds_for_this()


@pytest.fixture(scope="module")
def undisturbed(cluster, texts):
    server = Server(Database(cluster), **SETTINGS)
    try:
        server.migrate()
        server.start()
        dataset = Dataset(Api(server.base), "kills")
        dataset.load(texts)
        dataset.run(dialogues={"mix": MIX})
        yield results(server.database), made(server.database)
        server.stop()
    finally:
        server.destroy()


def test_a_run_that_is_killed_ten_times(new_server, texts, undisturbed):
    expected, rows = undisturbed
    rng = random.Random(20)
    server = new_server(**SETTINGS)
    database = server.database
    dataset = Dataset(Api(server.base), "kills")
    import_until_done(dataset, texts)
    run = dataset.start(dialogues={"mix": MIX})["id"]
    kills = 0
    for moment in sorted(rng.randrange(rows) for _ in range(KILLS)):
        until(lambda at=moment: made(database) >= at, f"{moment} rows to be there", pause=0.005)
        kills += dataset.api.call("get_run", run=run).json()["state"] in ("queued", "running")
        server.kill()
        server.start()
        dataset.api = Api(server.base)
    done = dataset.wait(run)
    assert kills >= KILLS // 2, "most of the kills must meet the run at work"
    assert results(database) == expected
    assert database.value("SELECT count(*) FROM tasks") == 0
    assert database.value("SELECT count(*) FROM moments_parts") == 0
    assert database.value("SELECT count(*) FROM failures") == 0
    for name in ALL_STAGES:
        stage = stage_of(done, name)
        assert (stage["failed"], stage["done"] + stage["existing"]) == (0, stage["total"])


def test_killed_while_it_imports(new_server, texts, undisturbed):
    """Batches that were stored stay, and the same import again adds the rest."""
    expected, _ = undisturbed
    server = new_server(**SETTINGS)
    dataset = Dataset(Api(server.base), "kills")
    rng = random.Random(4)
    for _ in range(3):
        client = threading.Thread(target=import_quietly, args=(server.base, texts))
        client.start()
        server_has = rng.randrange(len(texts))
        until(lambda n=server_has: server.database.value("SELECT count(*) FROM seeds") >= n
              or not client.is_alive(), "seeds to arrive", pause=0.002)
        server.kill()
        client.join()
        server.start()
    import_until_done(dataset, texts)
    assert results(server.database)["seeds"] == expected["seeds"]


def import_quietly(base, texts):
    """An import whose server dies under it."""
    try:
        requests.post(f"{base}/v1/datasets/kills/seeds/import", timeout=60,
                      headers={"Content-Type": "application/octet-stream"},
                      data=(f"{text}\n".encode() for text in texts))
    except requests.RequestException:
        pass
