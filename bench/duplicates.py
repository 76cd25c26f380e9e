"""The pass over duplicates alone: captions put there by SQL, one in forty of them near another one and
one in eighty the same, and a run that has nothing left to do but to compare them.

The limit beside it is PostgreSQL alone: grouping the same signatures by each of their fourteen bands,
which names candidates and decides nothing.

usage: bench/duplicates.py [CAPTIONS]   (default: 200000)
"""
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.cluster import Cluster, Database  # noqa: E402
from support.server import Server  # noqa: E402

SHARDS = 16
RUN, RECIPE = "1" * 32, "2" * 32
LOW, HIGH = "0" * 32, "f" * 32
# What `n` takes its text and signature from, and whether all of it.
LIKE = "CASE WHEN n % 40 = 0 THEN n - 1 ELSE n END AS src, n % 80 = 0 AS same"
PARTS = " || ".join(f"sha256(convert_to('{part}' || {'src' if part < 'g' else 'CASE WHEN same THEN src ELSE n END'},"
                    " 'UTF8'))" for part in "abcdefg")


def fill(database, captions):
    database.execute(f"""
INSERT INTO datasets (owner, name, shards) VALUES ('default', 'bench', {SHARDS});
INSERT INTO recipes (recipe_id, stage, kind, settings) VALUES ('{RECIPE}', 'captions', 'offline', '{{}}');
INSERT INTO runs (run_id, dataset, sequence, state, stages, request, caption_recipe, view, filters)
VALUES ('{RUN}', 1, 1, 'paused', '{{captions}}', '{{}}', '{RECIPE}', '{{{RECIPE}}}',
        '{{"exact_duplicate": {{"action": "drop"}}, "near_duplicate": {{"action": "drop"}}}}');
CREATE TEMP TABLE base AS
SELECT n, 65536 + n % {SHARDS} AS shard_id, md5(n::text)::uuid AS seed_id, {LIKE}
FROM generate_series(1, {captions}) n;
INSERT INTO seeds (shard_id, seed_id, text) SELECT shard_id, seed_id, 'seed ' || n FROM base;
INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model, finish_reason,
                      tokens_in, tokens_out, signature)
SELECT shard_id, seed_id, '{RECIPE}', 0, decode(left(md5('h' || n), 16), 'hex'),
       'Picture ' || src || CASE WHEN same OR src = n THEN '' ELSE ' too' END
       || repeat(' shows ' || md5(src::text), 20), '{RUN}', 'm', 'stop', 1, 1, {PARTS}
FROM base ORDER BY shard_id, seed_id;
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, state)
SELECT 65536 + g, '{RUN}', s, '{LOW}', '{HIGH}', 1, now(), 'finished'
FROM generate_series(0, {SHARDS - 1}) g, unnest('{{plan,captions}}'::text[]) s;
ANALYZE;
""")


def run_pass(server, database):
    started = time.monotonic()
    database.execute("UPDATE runs SET state = 'running', started_at = now()")
    while database.value("SELECT state FROM runs") == "running":
        time.sleep(0.05)
    return time.monotonic() - started, server.resident_bytes("VmHWM")


def group_by_bands(database):
    started = time.monotonic()
    for band in range(14):
        database.execute("SELECT count(*) FROM (SELECT 1 FROM captions"
                         f" GROUP BY substr(signature, {16 * band + 1}, 16) HAVING count(*) > 1) g")
    return time.monotonic() - started


def main():
    captions = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 200000
    cluster = Cluster(safe=True)
    server = Server(Database(cluster))
    database = server.database
    try:
        server.migrate()
        fill(database, captions)
        grouped = group_by_bands(database)
        server.start()
        before = server.resident_bytes("VmHWM")
        took, peak = run_pass(server, database)
        dropped = database.value("SELECT count(*) FROM captions WHERE duplicate_of IS NOT NULL")
        server.stop()
    finally:
        server.destroy()
        cluster.remove()
    print(f"captions {captions}, dropped {dropped} of {captions // 40}")
    print(f"{'the pass':34}{took:8.2f} s{captions / took:12.0f} captions/s")
    print(f"{'memory of the server, peak':34}{peak / 2**20:8.0f} MiB{(peak - before) / captions:10.0f} bytes a caption")
    print(f"{'fourteen groupings in PostgreSQL':34}{grouped:8.2f} s")
    print(f"{'ratio to them':34}{took / grouped:8.2f}")


main()
