"""Kill and resume at any moment: nothing is asked for again whose row is in the database, and what is
asked for again is only what was under way or not yet written. The model server counts."""
import collections
import random
import time

import pytest

from conftest import model_settings
from support.client import Api
from support.dataset import Dataset, stage_of
from support.model_server import text_key
from support.seeds import generate
from support.server import sanitized
from support.wait import until

KILLS = 8
WINDOW = 16


@pytest.fixture
def place(new_server, model_server):
    server = new_server(**model_settings(model_server), MONOCEROS_LLM_MAX_IN_FLIGHT=WINDOW,
                        MONOCEROS_LEASE=2, MONOCEROS_RENEW=1, MONOCEROS_RANGE_SIZE=16)
    return server, Dataset(Api(server.base), "paid-once")


def rows(server):
    """The seeds that have a caption, as the model server would know their prompts."""
    texts = server.database.query("SELECT s.text FROM captions c JOIN seeds s USING (shard_id, seed_id)")
    return {text_key("Caption: " + row["text"]) for row in texts}


def calm(model_server):
    """Waits until the server has answered all that it was asked for; the calls by prompt."""
    until(lambda: model_server.stats()["in_flight"] == 0, "the model server to come to rest")
    return collections.Counter(model_server.stats(texts=True)["texts"])


def test_no_call_for_what_is_there(place, model_server):
    server, dataset = place
    n = 400 if sanitized() else 1200
    dataset.load(generate(n))
    model_server.control(reset=True, delay_ms=[5, 60])
    run = dataset.start(["captions"])
    moments = random.Random(7)
    lost_in_all, there, before = 0, set(), collections.Counter()
    for _ in range(KILLS):
        made = len(there)
        until(lambda: len(rows(server)) > made, "rows to be written after a restart", pause=0.02)
        time.sleep(moments.random() * 0.4)
        server.kill()
        calls, now = calm(model_server), rows(server)
        # Rows stay, and what they hold was not asked for again.
        assert there <= now
        assert all(calls[key] == before[key] for key in there)
        # Every call since the last kill made a row or was lost with this one.
        lost = sum(calls.values()) - sum(before.values()) - len(now - there)
        assert lost == sum(1 for key in calls if calls[key] > before[key] and key not in now)
        lost_in_all += lost
        there, before = now, calls
        if len(there) == n:
            break
        server.start()
    if server.process is None:
        server.start()
    done = dataset.wait(run["id"])
    calls = calm(model_server)
    assert stage_of(done, "captions")["done"] == n == len(rows(server))
    assert all(calls[key] == before[key] for key in there)
    assert sum(calls.values()) == n + lost_in_all
    assert lost_in_all > 0, "the kills met no work"
    print(f"{lost_in_all} calls lost in {KILLS} kills of a window of {WINDOW}")


def test_an_answer_that_cannot_be_written_is_kept(place, model_server, cluster):
    """The database goes away for a while: what is in memory waits for it and is not asked for twice."""
    server, dataset = place
    dataset.load(generate(300))
    model_server.control(reset=True, delay_ms=[5, 40])
    run = dataset.start(["captions"])
    until(lambda: len(rows(server)) > 20, "the run to be at work")
    cluster.restart("immediate")
    done = dataset.wait(run["id"])
    assert stage_of(done, "captions")["done"] == 300
    assert model_server.stats()["max_calls_per_text"] == 1
