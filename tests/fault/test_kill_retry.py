"""kill -9 in the middle of a retry: every failed item is made once, and the counts are right."""
import random

from conftest import model_settings
from support.client import Api
from support.dataset import EVERY_TASK, Dataset, stage_of
from support.seeds import generate
from support.wait import until

SEEDS, KILLS = 200, 4
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1, "MONOCEROS_RANGE_SIZE": 16,
            "MONOCEROS_FLUSH_MS": 20, "MONOCEROS_STAGE_THREADS": 2, "MONOCEROS_LLM_MAX_IN_FLIGHT": 8}
REFUSES = [{"kind": "status", "status": 400, "message": "no", "hash_share": 0.25}]


def test_a_retry_that_is_killed(new_server, model_server):
    server = new_server(**model_settings(model_server), **SETTINGS)
    database = server.database
    dataset = Dataset(Api(server.base), "kills")
    dataset.load(generate(SEEDS))
    model_server.control(faults=REFUSES)
    run = dataset.run(max_failed=1, dialogues={"mix": EVERY_TASK})
    before = {name: stage_of(run, name) for name in ("captions", "dialogues", "representations")}
    failed = before["captions"]["failed"]
    assert failed > 10
    kept = database.query("SELECT seed_id, xmin::text, ctid::text FROM captions")
    model_server.control(faults=[], delay_ms=30)
    calls = model_server.stats()["chat_requests"]
    dataset.api.call("retry_run", run=run["id"])
    rng = random.Random(5)
    for moment in sorted(rng.randrange(1, failed) for _ in range(KILLS)):
        until(lambda at=moment: database.value("SELECT count(*) FROM captions") >= SEEDS - failed + at,
              f"{moment} captions to be there", pause=0.005)
        server.kill()
        server.start()
        dataset.api = Api(server.base)
    done = dataset.wait(run["id"])
    for name, total in (("captions", SEEDS), ("dialogues", 3 * SEEDS), ("representations", SEEDS)):
        stage = stage_of(done, name)
        assert (stage["total"], stage["done"], stage["failed"], stage["existing"]) == (total, total, 0, 0)
    now = database.query("SELECT seed_id, xmin::text, ctid::text FROM captions")
    assert len(now) == SEEDS and all(row in now for row in kept), "what was made is not written again"
    assert database.value("SELECT count(*) FROM tasks") == 0
    assert dataset.failures() == []
    wanted = failed + 3 * failed + before["dialogues"]["failed"]
    lost = model_server.stats()["chat_requests"] - calls - wanted
    assert 0 <= lost <= 16 * KILLS, "a kill costs the calls in flight and what was not flushed"
