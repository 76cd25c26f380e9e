"""Leases and immutable rows: what a worker may write after another has taken over, and what becomes
of ranges that kill their workers."""
import hashlib
import os
import signal

import pytest

from support import identity
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset, stage_of
from support.seeds import generate
from support.server import ROOT, Server
from support.statements import Statements
from support.wait import until

WAIT = [{"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]
SEEDS = 40


class Held:
    """A run that is under way on a server of its own, kept from ending by the model server."""

    def __init__(self, new_server, model_server, **settings):
        self.models = model_server
        model_server.control(faults=WAIT)
        self.server = new_server(MONOCEROS_LLM_URL=model_server.url, MONOCEROS_LLM_MODEL="test-model",
                                 **{"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1, **settings})
        self.database = self.server.database
        self.dataset = Dataset(Api(self.server.base), "held", 2)
        self.dataset.load(generate(SEEDS))
        self.run = self.dataset.start(["captions"])["id"]
        until(lambda: self.tasks("captions") and self.leased(), "ranges to be claimed")

    def tasks(self, stage="captions"):
        return self.database.query(
            "SELECT shard_id, replace(lo::text, '-', '') AS lo, replace(hi::text, '-', '') AS hi, state,"
            " token, flush_no, attempts, seeds, done, failed, total FROM tasks"
            f" WHERE stage = '{stage}' ORDER BY shard_id, lo")

    def leased(self):
        return self.database.value("SELECT count(*) FROM tasks WHERE state = 'leased'")

    def release(self):
        self.models.control(faults=[])

    def captions(self):
        """Rows as they lie in the table: they are never written twice."""
        return {row["id"]: row for row in self.database.query(
            "SELECT seed_id || '/' || variant AS id, xmin::text, ctid::text, text, run_id FROM captions")}

    def finish(self):
        """Lets the run end and holds the result to what an undisturbed one gives."""
        run = self.dataset.wait(self.run)
        stage = stage_of(run, "captions")
        assert (stage["total"], stage["done"], stage["failed"]) == (SEEDS, SEEDS, 0)
        captions = self.dataset.captions()
        assert sorted(c["seed_id"] for c in captions) == sorted(identity.seed_id(t) for t in
                                                                generate(SEEDS))
        assert self.tasks() == []
        return captions


@pytest.fixture
def held(new_server, model_server):
    return Held(new_server, model_server)


class Worker:
    """A worker that follows the protocol of the statements by hand."""

    def __init__(self, held, name):
        self.held, self.name = held, name
        self.sql = Statements(held.database)
        self.lo = self.token = None

    def claim(self, shard):
        rows = self.sql.run("task_claim", shard, self.held.run, "captions", self.name, 60.0)
        assert rows, "nothing to claim"
        self.shard, (self.lo, _, _, self.token, *_) = shard, rows[0]

    def seeds(self):
        rows = self.sql.run("load_captions", self.shard, self.held.run, self.lo)
        return [row[0] for row in rows if row[2] == "0"]

    def flush(self, number, seeds, text):
        """The two statements of a flush in one transaction."""
        n = len(seeds)
        begun = self.sql.run("flush_task", self.shard, self.held.run, "captions", self.lo,
                             int(self.token), number, 60.0, 20, 0, n, 0, 0, True, "{}")
        texts = [f"{text} {seed}" for seed in seeds]  # or they are duplicates
        hashes = [hashlib.sha256((text + seed).encode()).digest()[:8] for seed in seeds]
        recipe = self.held.database.value("SELECT caption_recipe FROM runs")
        self.sql.run("flush_captions", self.shard, self.held.run, self.lo, int(self.token), number, recipe,
                     seeds, [0] * n, hashes, texts, [None] * n, [""] * n, [None] * n, ["hand"] * n, ["stop"] * n,
                     ["hand"] * n, ["dense-v1"] * n, *[[1] * n] * 7)
        return bool(begun)

    def finish(self):
        return bool(self.sql.run("finish_captions", self.shard, self.held.run, self.lo, int(self.token)))


def expire(held):
    held.database.execute("UPDATE tasks SET lease_until = now() - interval '1 second'"
                          " WHERE state = 'leased'")


def lose(held):
    """The server dies and its leases run out."""
    held.server.kill()
    expire(held)
    held.database.execute("UPDATE tickers SET lease_until = '-infinity'")


def test_a_zombie_writes_nothing(held):
    lose(held)
    shard = held.tasks()[0]["shard_id"]
    zombie, successor = Worker(held, "zombie"), Worker(held, "successor")
    zombie.claim(shard)
    seeds = zombie.seeds()
    assert len(seeds) > 2
    expire(held)
    successor.claim(shard)
    assert successor.lo == zombie.lo and int(successor.token) == int(zombie.token) + 1
    assert not zombie.flush(1, seeds, "The zombie's text, which nobody may ever see in a table.")
    assert held.captions() == {}
    assert not zombie.finish()
    assert successor.flush(1, seeds[:2], "The successor's text, which stays as it is for ever.")
    before = held.captions()
    assert len(before) == 2
    assert not zombie.flush(2, seeds, "The zombie's text, which nobody may ever see in a table.")
    assert held.captions() == before


def test_the_same_flush_twice_writes_once(held):
    lose(held)
    worker = Worker(held, "worker")
    worker.claim(held.tasks()[0]["shard_id"])
    seeds = worker.seeds()
    assert worker.flush(1, seeds[:3], "A text that is flushed twice because its answer was lost.")
    before, task = held.captions(), held.tasks()[0]
    assert not worker.flush(1, seeds[:3], "A text that is flushed twice because its answer was lost.")
    assert held.captions() == before and held.tasks()[0] == task
    assert not worker.flush(3, seeds[3:5], "A flush that skips a number is not the next one.")
    assert held.captions() == before
    assert not worker.finish(), "a range with pending items must not end"
    assert worker.flush(2, seeds[3:], "The rest of the range, so that nothing of it is pending.")
    assert worker.finish()
    assert held.tasks()[0]["state"] == "finished"


def test_rows_of_a_lost_worker_are_kept_and_the_rest_is_made(held):
    lose(held)
    worker = Worker(held, "lost")
    worker.claim(held.tasks()[0]["shard_id"])
    assert worker.flush(1, worker.seeds()[:4], "Made by a worker that was lost right after its flush.")
    before = held.captions()
    assert len(before) == 4
    expire(held)
    held.release()
    held.server.start()
    held.finish()
    after = held.captions()
    assert {id: after[id] for id in before} == before


def test_leases_of_a_killed_server_are_taken_over(held):
    tokens = {(t["shard_id"], t["lo"]): t["token"] for t in held.tasks()}
    held.server.kill()
    assert held.leased() > 0
    held.release()
    other = Server(held.database, **{**held.server.settings, "MONOCEROS_LISTEN": held.server.settings[
        "MONOCEROS_LISTEN"]})
    other.port, other.base = held.server.port, held.server.base
    try:
        other.start()
        until(lambda: all(t["token"] > tokens.get((t["shard_id"], t["lo"]), 0) for t in held.tasks()),
              "every range to be claimed again")
        held.finish()
        other.stop()
    finally:
        other.destroy()


def test_a_server_that_sleeps_through_its_lease(new_server, model_server):
    """Its calls are answered, but somebody else has written the rows meanwhile."""
    held = Held(new_server, model_server)
    model_server.control(faults=[], delay_ms=1500)
    until(lambda: model_server.stats()["in_flight"] > 0, "calls to be in flight")
    sleeper = held.server.process.pid
    os.kill(sleeper, signal.SIGSTOP)
    try:
        other = new_server(database=held.database, **{
            name: value for name, value in held.server.settings.items()
            if name not in ("MONOCEROS_LISTEN", "MONOCEROS_DATABASE_URL")})
        model_server.control(delay_ms=0)
        held.dataset.api = Api(other.base)
        held.finish()
        before = held.captions()
    finally:
        os.kill(sleeper, signal.SIGCONT)
    until(lambda: Api(held.server.base).request("GET", "/readyz").status == 200, "the sleeper to wake")
    again = Dataset(Api(held.server.base), "held", 2)
    again.run(["captions"])
    assert held.captions() == before


def test_two_servers_share_a_run(new_server, model_server):
    held = Held(new_server, model_server, MONOCEROS_RANGE_SIZE=2)
    other = new_server(database=held.database, **{
        name: value for name, value in held.server.settings.items()
        if name not in ("MONOCEROS_LISTEN", "MONOCEROS_DATABASE_URL")})
    model_server.control(faults=[], delay_ms=20)
    held.finish()
    following = Dataset(Api(other.base), "held", 2)
    assert stage_of(following.run(["captions"]), "captions")["existing"] == SEEDS


def test_a_range_that_kills_its_workers_is_split(held):
    """Three claims without a flush: halved, and halved again, until only the bad item is left."""
    before = len(held.tasks())
    for _ in range(3):
        lose(held)
        attempts = {t["attempts"] for t in held.tasks()}
        held.server.start()
        until(lambda: all(t["attempts"] not in attempts for t in held.tasks() if t["state"] == "leased")
              and held.leased(), "the ranges to be claimed again")
    lose(held)
    held.server.start()
    until(lambda: len(held.tasks()) > before, "the ranges to be split")
    ranges = held.tasks()
    for shard in {t["shard_id"] for t in ranges}:
        mine = [t for t in ranges if t["shard_id"] == shard]
        assert all(a["hi"] < b["lo"] for a, b in zip(mine, mine[1:])), "ranges overlap"
    held.release()
    held.finish()


def test_a_single_item_that_kills_its_workers_fails(new_server, model_server):
    held = Held(new_server, model_server, MONOCEROS_RANGE_SIZE=1)
    lose(held)
    victim = held.tasks()[3]
    held.database.execute(f"UPDATE tasks SET attempts = 12 WHERE lo = '{victim['lo']}'")
    held.release()
    held.server.start()
    run = held.dataset.wait(held.run)
    stage = stage_of(run, "captions")
    assert (stage["total"], stage["done"], stage["failed"]) == (SEEDS, SEEDS - 1, 1)
    failure, = held.dataset.failures()
    assert failure["reason"] == "worker_lost" and failure["seed_id"] == victim["lo"]
    assert victim["lo"] not in {c["seed_id"] for c in held.dataset.captions()}
    again = held.dataset.run(["captions"])
    assert stage_of(again, "captions")["done"] == 1


def test_the_queue_is_empty_after_a_run(held):
    held.release()
    held.finish()
    assert held.database.value("SELECT count(*) FROM tasks") == 0
    assert held.database.value("SELECT count(*) FROM moments_parts") == 0


ZEROS, ENCODER, RUN, RECIPE, HASH = "0" * 32, "2" * 32, "1" * 32, "6" * 32, r"\x0102030405060708"
SUMMED = f"""
INSERT INTO datasets (owner, name, shards) VALUES ('default', 'summed', 1);
INSERT INTO encoders (encoder_id, name, kind, model, dimension) VALUES ('{ENCODER}', 'e', 'offline', 'm', 2);
INSERT INTO runs (run_id, dataset, sequence, state, stages, request, encoder_name, encoder_id,
                  representation_settings)
VALUES ('{RUN}', 1, 1, 'running', '{{representations}}', '{{}}', 'e', '{ENCODER}',
        '{{"transfer": "realign"}}');
UPDATE runs SET view = '{{{RECIPE}}}';
INSERT INTO seeds (shard_id, seed_id, text) SELECT 65536, id, 'A seed.' FROM unnest('{{{RUN},{ENCODER}}}'::uuid[]) id;
INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model, finish_reason,
                      tokens_in, tokens_out)
SELECT 65536, seed_id, '{RECIPE}', 0, '{HASH}', 'A caption.', '{RUN}', 'm', 'stop', 1, 1 FROM seeds;
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, state, planned_at)
VALUES (65536, '{RUN}', 'plan', '{ZEROS}', '{"f" * 32}', 1, 'finished', now());
UPDATE tickers SET token = 1, lease_until = 'infinity';
"""


class Summed:
    """A run whose embeddings are all there, and the statements of its last stages by hand."""

    def __init__(self, database):
        for path in sorted((ROOT / "migrations").glob("*.sql")):
            database.execute(path.read_text(encoding="utf-8"))
        database.execute(SUMMED)
        self.database, self.sql = database, Statements(database)

    def claim(self, stage):
        """Opens the stage and takes its task; the token."""
        assert self.sql.run(f"runs_open_{stage}", 1)
        (*_, token, _, _), = self.sql.run("task_claim", 65536, RUN, stage, "worker", 60.0)
        return int(token)

    def sum(self, token):
        self.sql.run("moments_part_insert", 65536, RUN, ZEROS, token, 2, [1.0, 1.0])
        return self.database.value("SELECT count(*) FROM moments_parts")

    def prepare(self, token):
        held = (65536, RUN, ZEROS, token)
        self.sql.run("moments_insert", *held, "3" * 32, 2, [0.5, 0.5], 0.5)
        self.sql.run("transfer_insert", *held, "4" * 32, "none", None, "ready", None)
        self.sql.run("transfer_named", *held, "5" * 32, None)
        return self.database.value("SELECT (SELECT count(*) FROM moments) + (SELECT count(*) FROM transfers)")

    def embed(self, seed):
        self.database.execute(
            "INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in)"
            f" VALUES (65536, '{seed}', '{HASH}', '{ENCODER}', '\\x003c0000', '{RUN}', 1)")

    def take_back(self):
        self.database.execute("DELETE FROM tasks WHERE stage IN ('moments', 'transfer')")


@pytest.fixture
def summed(cluster):
    return Summed(Database(cluster))


def test_a_zombie_sums_nothing_of_a_run_that_begins_again(summed):
    zombie = summed.claim("moments")
    summed.take_back()
    successor = summed.claim("moments")
    assert summed.sum(zombie) == 0
    assert summed.sum(successor) == 1


def test_a_zombie_prepares_no_transfer(summed):
    summed.claim("moments")
    summed.database.execute("UPDATE tasks SET state = 'finished'")
    zombie = summed.claim("transfer")
    summed.database.execute("DELETE FROM tasks WHERE stage = 'transfer'")
    assert summed.prepare(zombie) == 0
    successor = summed.claim("transfer")
    assert summed.prepare(zombie) == 0
    assert summed.prepare(successor) == 3


def test_moments_and_transfers_are_of_the_same_embeddings(summed):
    """Also when others come while the shards are summed."""
    summed.embed(RUN)
    summed.claim("moments")
    summed.embed(ENCODER)
    pages = [summed.sql.run("moments_page", 65536, RUN, ZEROS)]
    summed.database.execute("UPDATE tasks SET state = 'finished'")
    summed.prepare(summed.claim("transfer"))
    pages.append(summed.sql.run("prepare_page", 65536, "3" * 32, ZEROS))
    assert [[bool(vector) for _, vector in page] for page in pages] == [[True, False]] * 2
