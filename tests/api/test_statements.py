"""Every SQL statement prepares on a fresh schema, and the hot ones stay on their indexes."""
import json

import pytest

from support.cluster import Database
from support.server import ROOT, sanitized
from support.statements import Statements, literal, load

pytestmark = pytest.mark.skipif(sanitized(), reason="PostgreSQL alone is at work here")

NAMES = sorted(load())
BIG = {"seeds", "captions", "dialogues", "embeddings", "failures", "tasks", "review_items",
       "review_verdicts"}
SHARD = 65536
RUN = "11111111-1111-1111-1111-111111111111"
RECIPE = "22222222-2222-2222-2222-222222222222"
ENCODER = "33333333-3333-3333-3333-333333333333"
REVIEW = "55555555-5555-5555-5555-555555555555"
# What may read a whole table: removals and sweeps, which are rare and in the background.
COLD = {"delete_slice", "deletes_sweep", "encoder_undo", "dataset_get", "dataset_put", "datasets_list"}

FILL = f"""
INSERT INTO datasets (owner, name, shards) VALUES ('default', 'plans', 4);
INSERT INTO recipes (recipe_id, stage, kind, settings) VALUES
    ('{RECIPE}', 'captions', 'offline', '{{}}'), ('44444444-4444-4444-4444-444444444444', 'captions',
    'offline', '{{}}');
INSERT INTO dataset_recipes (dataset, recipe_id) SELECT 1, recipe_id FROM recipes;
INSERT INTO encoders VALUES ('{ENCODER}', 'offline', 'offline', 'offline-encoder-1', 1280);
INSERT INTO runs (run_id, dataset, sequence, state, stages, request, caption_recipe, dialogue_recipe,
                  encoder_id, encoder_name, view, caption_settings, dialogue_settings, mix_tasks, mix_bounds)
SELECT CASE WHEN n = 1 THEN '{RUN}'::uuid ELSE md5('run' || n)::uuid END, 1, n,
       CASE WHEN n = 1 THEN 'running' ELSE 'succeeded' END,
       '{{captions,dialogues,representations}}', '{{}}', '{RECIPE}', '{RECIPE}', '{ENCODER}', 'offline',
       '{{{RECIPE}}}', '{{"provider":"offline"}}', '{{"provider":"offline","mix":{{"multiple_choice":1}}}}',
       '{{multiple_choice}}', '{{"\\\\xff"}}'
FROM generate_series(1, 200) n;
INSERT INTO seeds (shard_id, seed_id, text, source)
SELECT {SHARD} + n % 4, md5(n::text)::uuid, 'seed ' || n, 's' FROM generate_series(1, 20000) n;
INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model, finish_reason,
                      tokens_in, tokens_out)
SELECT shard_id, seed_id, recipe_id, 0, decode(left(md5(seed_id::text || recipe_id), 16), 'hex'),
       repeat('word ', 60), '{RUN}', 'm', 'stop', 1, 1
FROM seeds, (SELECT recipe_id FROM recipes) r;
INSERT INTO dialogues (shard_id, seed_id, caption_hash, task, recipe_id, hash, conversations, turns,
                       run_id, model, finish_reason, tokens_in, tokens_out)
SELECT shard_id, seed_id, hash, 'multiple_choice', recipe_id, decode('00000000', 'hex'), '[]', 6,
       '{RUN}', 'm', 'stop', 1, 1
FROM captions;
INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in)
SELECT shard_id, seed_id, hash, '{ENCODER}', decode(repeat('00', 2560), 'hex'), '{RUN}', 1 FROM captions;
INSERT INTO failures (shard_id, run_id, stage, seed_id, item, reason, detail)
SELECT shard_id, '{RUN}', 'captions', seed_id, '1', 'timeout', '' FROM seeds;
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state, token, seeds)
SELECT {SHARD} + n % 4, CASE WHEN n % 50 = 0 THEN '{RUN}'::uuid ELSE md5('run' || n % 200)::uuid END,
       'captions', md5(n::text)::uuid, md5(n::text)::uuid, 1, now(),
       CASE WHEN n % 50 = 0 THEN 'ready' ELSE 'finished' END, 1, 64
FROM generate_series(1, 20000) n;
UPDATE captions SET verdict = 'rejected', rejected = true WHERE left(seed_id::text, 2) = '00';
INSERT INTO reviews (review_id, dataset, sequence, label, sample, seed, selection, lease_seconds)
SELECT CASE WHEN n = 1 THEN '{REVIEW}'::uuid ELSE md5('review' || n)::uuid END, 1, n, '', 200, 0, '{{}}', 900
FROM generate_series(1, 100) n;
INSERT INTO review_items (shard_id, seed_id, caption_hash, review_id, place, recipe_id, variant, token,
                          reviewer, lease_until, revision, verdict)
SELECT c.shard_id, c.seed_id, c.hash, CASE WHEN c.n % 100 = 0 THEN '{REVIEW}'::uuid
       ELSE md5('review' || (c.n % 100 + 1))::uuid END, c.n / 100 + 1, c.recipe_id, c.variant, 1, 'ann', now(), 1,
       CASE WHEN c.n % 3 = 0 THEN 'accepted' END
FROM (SELECT *, row_number() OVER (ORDER BY seed_id, recipe_id) AS n FROM captions) c;
INSERT INTO review_verdicts (shard_id, seed_id, caption_hash, review_id, revision, reviewer, verdict)
SELECT shard_id, seed_id, caption_hash, review_id, 1, 'ann', 'accepted' FROM review_items
WHERE verdict IS NOT NULL;
VACUUM ANALYZE;
"""


def migrated(cluster):
    database = Database(cluster)
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        database.execute(path.read_text(encoding="utf-8"))
    return database


@pytest.fixture(scope="module")
def fresh(cluster):
    return migrated(cluster)


@pytest.fixture(scope="module")
def empty(cluster):
    return migrated(cluster)


@pytest.mark.parametrize("name", NAMES)
def test_prepares(fresh, name):
    out = fresh.execute(f"PREPARE s AS {load()[name]};\n"
                        "SELECT array_to_json(parameter_types::text[]) FROM pg_prepared_statements;")
    assert "unknown" not in json.loads(out)


@pytest.fixture(scope="module")
def full(fresh):
    fresh.execute(FILL)
    return Statements(fresh)


def sample(kind, position, name):
    """A plausible value for a parameter of this type."""
    if name.startswith(("task_renew",)) and kind.endswith("[]"):
        return [{"bigint[]": SHARD, "uuid[]": RUN, "text[]": "captions"}[kind]] * 8
    values = {"bigint": SHARD + 1 if position == 1 else 1, "integer": 1, "smallint": 0, "boolean": False,
              "double precision": 1.0, "text": "x", "uuid": RUN, "bytea": b"\0" * 8, "json": "{}",
              "jsonb": "{}", "interval": "1 s", "timestamp with time zone": "2026-01-01"}
    elements = {"uuid[]": [RUN] * 64, "text[]": ["1"] * 64, "bytea[]": [b"\0" * 8] * 64,
                "integer[]": [1] * 64, "bigint[]": [1] * 64, "boolean[]": [True] * 64,
                "double precision[]": [1.0] * 64}
    return {**values, **elements}[kind]


# Where the plausible value of the type would make no sense.
SPECIAL = {
    "export_finish": {6: "{}"},
    "manifest_finish": {6: "{}"},
    "seeds_list": {2: "plans", 3: -1, 4: "0" * 32, 5: None, 6: None, 7: 101},
    "captions_list": {2: "plans", 3: -1, 6: 0, 7: None, 8: None, 9: None, 10: True, 11: "usable", 12: 101,
                      14: None, 15: 10, 16: 1000, 17: "s", 18: None},
    "captions_reviewed": {2: "plans", 3: -1, 6: 0, 7: None, 8: None, 9: None, 10: False, 11: "any", 12: 101,
                          13: "rejected", 14: None, 15: 10, 16: 1000, 17: "s", 18: "d"},
    "review_create": {7: "{}", 9: [RUN] * 64, 12: [0] * 64},
    "review_draw": {2: "0" * 32, 3: "0" * 32, 4: -1, 7: [RECIPE, "4" * 32], 8: True, 9: None, 10: None,
                    13: "usable", 14: None, 15: "none"},
    "review_candidates": {2: REVIEW},
    "review_claim": {2: REVIEW},
    "review_get": {2: REVIEW},
    "review_items_load": {2: REVIEW},
    "review_leased": {2: REVIEW},
    "review_verdict_put": {2: REVIEW},
    "human_recipe_put": {2: RECIPE, 3: "{}"},
    "verdicts_list": {2: REVIEW, 5: None, 6: None},
    "dialogues_list": {2: "plans", 3: -1, 5: "00", 6: "", 8: None, 9: None, 10: None, 11: True,
                       12: "monoceros", 13: 101},
    "runs_list": {2: "plans", 4: None, 5: "{}", 6: 101},
    "failures_list": {2: "plans", 3: -1, 8: None, 9: None, 10: None, 11: 101},
    "slice_page": {4: -1, 5: ENCODER, 6: [RECIPE, RUN], 8: None, 9: None, 10: "2999-01-01", 12: 51},
    "representations_list": {2: "plans", 3: -1, 6: 0, 7: ENCODER, 8: 51},
    "caption_get": {4: "00" * 8},
    "recipe_use": {4: "{}"},
    "prompt_get": {2: "x"},
    "prompt_put": {2: "x", 8: "{}"},
    "prompt_preview": {4: "x"},
    "dialogue_get": {4: "00" * 8, 5: "00" * 4},
    "report_texts": {3: "0" * 32, 4: 0, 5: None, 6: None, 7: True, 8: [RECIPE, RUN]},
    "report_signatures": {3: "0" * 32, 4: 0, 5: None, 6: None, 7: True, 8: [RECIPE, RUN]},
    "report_conversations": {3: b"", 4: "", 6: None, 7: None, 8: True, 9: [RECIPE, RUN]},
    "report_captions": {2: None, 3: None},
    "report_dialogues": {2: None, 3: None, 4: None},
    "report_embeddings": {2: None},
    "report_failures": {3: None, 4: None},
    "gap_keys": {3: "0" * 32, 4: 0, 5: [RECIPE, RUN], 6: ENCODER},
    "gap_rows": {2: ENCODER},
    "transfer_create": {4: "{}"},
    "transfers_list": {5: None, 6: None},
    "replica_seen": {2: "{}"},
    "run_create": {5: "{}", 8: "{}", 9: None, 10: None, 14: None, 19: "{}", 23: "{}"},
    "export_create": {8: "{}", 12: "{}", 19: "{}"},
    "export_look": {2: [RECIPE, RUN], 3: "{}", 4: [RECIPE, RUN]},
    "export_size": {2: [RECIPE, RUN], 3: "{}"},
    "exports_list": {2: "plans", 4: None, 5: "{}", 6: 101},
}


def scans(node, found):
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG:
        found.append(node["Relation Name"])
    for child in node.get("Plans", []):
        scans(child, found)
    return found


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in COLD])
def test_stays_on_its_indexes(full, name, mode):
    out = full.database.execute(f"PREPARE s AS {full.texts[name]};\n"
                                "SELECT array_to_json(parameter_types::text[]) FROM pg_prepared_statements;")
    kinds = json.loads(out)
    special = SPECIAL.get(name, {})
    values = [special.get(i, "default" if i == 1 and kind == "text" else
                          "plans" if i == 2 and kind == "text" else sample(kind, i, name))
              for i, kind in enumerate(kinds, 1)]
    arguments = f"({', '.join(literal(v) for v in values)})" if values else ""
    out = full.database.execute(f"PREPARE s AS {full.texts[name]};\nSET plan_cache_mode = {mode};\n"
                                f"EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE s{arguments};")
    plan = json.loads(out)[0]["Plan"]
    assert not scans(plan, []), json.dumps(plan, indent=1)


def conditions(node, table, found):
    if node.get("Relation Name") == table:
        found.append(node.get("Index Cond", ""))
    for child in node.get("Plans", []):
        conditions(child, table, found)
    return found


RANGED = [f"{verb}_{stage}" for verb in ("load", "finish") for stage in ("captions", "dialogues", "embed")]
PAGED = ["moments_page", "prepare_page"]
RANGED += PAGED


@pytest.mark.parametrize("name", RANGED)
@pytest.mark.parametrize("when", ["empty", "full"])
def test_a_range_is_read_by_its_ends(empty, full, name, when):
    """Whatever the tables were like when the plan was made: a connection keeps it for ever."""
    database = empty if when == "empty" else full.database
    values = [SHARD, RUN, RUN] + ([1] if name.startswith("finish") else [])
    out = database.execute(f"SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;\n"
                           f"PREPARE s AS {load()[name]};\nSET plan_cache_mode = force_generic_plan;\n"
                           f"EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE s({', '.join(map(literal, values))});")
    plan = json.loads(out)[0]["Plan"]
    seeds, = [c for c in conditions(plan, "seeds", []) if "seed_id" in c]
    assert name in PAGED or ("seed_id >= tasks.lo" in seeds and "seed_id <= tasks.hi" in seeds)
    assert all("seed_id = s.seed_id" in c and "item" in c for c in conditions(plan, "failures", []))
    for table in ("captions", "dialogues", "embeddings"):
        assert all("seed_id" in c for c in conditions(plan, table, [])), table


def test_a_scan_would_be_noticed(full):
    out = full.database.execute("EXPLAIN (FORMAT JSON) SELECT text FROM seeds WHERE text LIKE '%x%'")
    assert scans(json.loads(out)[0]["Plan"], []) == ["seeds"]
