"""Migrations over tables that have rows."""
import pytest

from support.cluster import Database
from support.server import ROOT

RUN, ENCODER, MOMENTS = "1" * 32, "2" * 32, "3" * 32
ENDS = "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'"
BEFORE_REPRESENTATIONS = f"""
INSERT INTO datasets (owner, name, shards) VALUES ('default', 'old', 2);
INSERT INTO encoders (encoder_id, name, kind, model, dimension)
VALUES ('{ENCODER}', 'offline', 'offline', 'offline-encoder-1', 2);
INSERT INTO runs (run_id, dataset, sequence, state, stages, request, encoder_name, encoder_id)
VALUES ('{RUN}', 1, 1, 'running', '{{representations}}', '{{}}', 'offline', '{ENCODER}');
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, state, planned_at)
SELECT 65536 + s, '{RUN}', stage, {ENDS}, 1, 'finished', now()
FROM generate_series(0, 1) s, unnest('{{plan,embed,moments}}'::text[]) stage;
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, state, planned_at)
VALUES (65536, '{RUN}', 'transfer', {ENDS}, 1, 'ready', now());
INSERT INTO moments_parts (shard_id, run_id, count, squares, sum)
VALUES (65536, '{RUN}', 1, 1, '{{1,0}}'), (65537, '{RUN}', 1, 1, '{{0,1}}');
INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in)
VALUES (65536, '{RUN}', '\\x0102030405060708', '{ENCODER}', '\\x003c0000', '{RUN}', 1);
INSERT INTO moments (moments_id, dataset, encoder_id, run_id, side, view, count, mean, trace)
VALUES ('{MOMENTS}', 1, '{ENCODER}', '{RUN}', 'text', '{{}}', 2, '{{0.5,0.5}}', 0.5);
INSERT INTO transfers (transfer_id, dataset, encoder_id, method, moments_id, state, run_id, created_at)
SELECT md5(n::text)::uuid, 1, '{ENCODER}', 'mean_shift', '{MOMENTS}', 'ready', '{RUN}',
       now() - make_interval(days => n)
FROM generate_series(1, 5) n;
"""


def upgrade(cluster, before):
    """A database with rows as they were before encoders had versions."""
    database = Database(cluster)
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        if path.name.startswith("0004"):
            database.execute(before)
        database.execute(f"BEGIN; {path.read_text(encoding='utf-8')}; COMMIT")
    return database


@pytest.fixture
def upgraded(cluster):
    return upgrade(cluster, BEFORE_REPRESENTATIONS)


def test_shards_are_summed_again_before_they_are_added_up(upgraded):
    tasks = upgraded.query("SELECT stage, state FROM tasks WHERE stage IN ('moments', 'transfer')")
    assert tasks == [{"stage": "moments", "state": "ready"}] * 2
    assert upgraded.value("SELECT count(*) FROM moments_parts") == 0


def test_what_was_added_up_is_not_summed_again(cluster):
    database = upgrade(cluster, BEFORE_REPRESENTATIONS + "UPDATE tasks SET state = 'finished';")
    assert database.value("SELECT count(*) FROM tasks WHERE state <> 'finished'") == 0


def test_old_transfers_are_in_the_order_in_which_they_were_made(upgraded):
    rows = upgraded.query("SELECT sequence, finished_at = created_at AS ended FROM transfers ORDER BY created_at")
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5]
    assert all(row["ended"] for row in rows)


def test_what_there_was_is_of_the_first_version(upgraded):
    encoder, = upgraded.query("SELECT version, revision, weights, probes FROM encoders")
    assert encoder == {"version": 1, "revision": "", "weights": "", "probes": None}
    assert upgraded.value("SELECT vector_type FROM datasets") == "float16"
    assert upgraded.value("SELECT count(*) FROM embeddings WHERE truncated") == 0
