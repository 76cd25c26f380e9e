"""Numbers of dialogues that are asked for hold while servers are killed at their work."""
import hashlib
import random

from conftest import model_settings
from support.client import Api
from support.dataset import Dataset, stage_of
from support.seeds import generate
from support.server import sanitized
from support.wait import until

KILLS = 6
SEEDS = 160 if sanitized() else 400
TARGETS = {"multiple_choice": SEEDS // 3, "question_answering": SEEDS // 4}
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1, "MONOCEROS_RANGE_SIZE": 16, "MONOCEROS_FLUSH_MS": 20,
            "MONOCEROS_STAGE_THREADS": 2, "MONOCEROS_LLM_MAX_IN_FLIGHT": 16}


def order(task, caption):
    return hashlib.sha256(f"dialogue:{task}{caption}".encode()).digest()


def ended(database):
    return database.value("SELECT (SELECT count(*) FROM captions) + (SELECT count(*) FROM dialogues)"
                          " + (SELECT count(*) FROM failures) AS n")


def choosing(database):
    return database.value("SELECT count(*) FROM tasks WHERE stage = 'targets' AND state <> 'finished'")


def test_numbers_hold_through_kills(new_server, model_server):
    """Two replicas; three in ten captions fail for one of the tasks and are made up for."""
    model_server.control(delay_ms=2, faults=[
        {"kind": "status", "status": 400, "match": "Task: multiple choice", "hash_share": 0.3}])
    settings = {**SETTINGS, **model_settings(model_server)}
    servers = [new_server(**settings)]
    servers.append(new_server(database=servers[0].database, **settings))
    database = servers[0].database
    dataset = Dataset(Api(servers[0].base), "numbers")
    dataset.load(generate(SEEDS))
    run = dataset.start(["captions", "dialogues"], dialogues={"targets": TARGETS}, max_failed=1)["id"]
    rng = random.Random(11)
    rows = SEEDS + sum(TARGETS.values())
    for moment in sorted(rng.randrange(rows) for _ in range(KILLS)):
        until(lambda at=moment: ended(database) >= at or choosing(database), f"{moment} rows to be there", pause=0.005)
        for server in servers if choosing(database) else servers[:1]:
            server.kill()
            server.start()
    dataset.api = Api(servers[0].base)
    done = dataset.wait(run)
    captions = {c["id"] for c in dataset.captions()}
    failed = {f"{f['seed_id']}-{f['item'].split(':')[0]}" for f in dataset.failures(run=run, page_size=500)}
    dialogues = dataset.dialogues(page_size=500)
    assert len(captions) == SEEDS and failed
    for task, n in TARGETS.items():
        found = [d["caption_id"] for d in dialogues if d["task"] == task]
        left = captions - failed if task == "multiple_choice" else captions
        assert len(found) == len(set(found)) == n
        assert set(found) == set(sorted(left, key=lambda c, t=task: order(t, c))[:n])
        assert stage_of(done, "dialogues")["tasks"][task] == {"asked": n, "got": n}
    assert database.value("SELECT count(*) FROM tasks") == 0
