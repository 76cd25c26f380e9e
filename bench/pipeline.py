"""The whole pipeline on the embedded defaults: wall time of import and all stages, and where it goes.

The limit beside it is PostgreSQL alone: the same rows, seeds to embeddings, by COPY into empty
tables with the same keys, in the same cluster and the same minute.

usage: bench/pipeline.py [SEEDS.txt[.gz]]   (default: ../shared/data/seeds-flickr8k-24k.txt.gz)
"""
import pathlib
import subprocess
import sys
import time

from measure import ROOT, Api, Cluster, Database, Dataset, Server, cluster_cpu, cpu_seconds

TABLES = ["seeds", "captions", "dialogues", "embeddings"]


def run_pipeline(server, data, cluster):
    dataset = Dataset(Api(server.base), "bench", shards=16)
    cpu = cpu_seconds(server.process.pid), cluster_cpu(cluster)
    started = time.monotonic()
    dataset.load(data, **({"Content_Encoding": "gzip"} if data[:2] == b"\x1f\x8b" else {}))
    imported = time.monotonic()
    run = dataset.start()
    ended = {}
    while run["state"] not in ("succeeded", "failed", "paused"):
        run = dataset.api.call("get_run", run=run["id"]).json()
        for stage in run["stages"]:
            if stage["total"] and stage["done"] + stage["failed"] + stage["existing"] >= stage["total"]:
                ended.setdefault(stage["name"], time.monotonic() - imported)
        time.sleep(0.05)
    finished = time.monotonic()
    assert run["state"] == "succeeded", run
    return {"import": imported - started, "stages": finished - imported, "wall": finished - started,
            "ended": ended, "server_cpu": cpu_seconds(server.process.pid) - cpu[0],
            "postgres_cpu": cluster_cpu(cluster) - cpu[1], "run": run}


def copy_floor(database, folder):
    """Seconds that COPY takes to put the same rows into empty tables with the same keys."""
    def psql(sql):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, database.url], check=True)
    for table in TABLES:
        psql(f"\\copy (SELECT * FROM {table}) TO '{folder}/{table}' (FORMAT binary)")
        psql(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL)")
    psql("ALTER TABLE floor_embeddings SET (toast_tuple_target = 8160)")
    started = time.monotonic()
    for table in TABLES:
        psql(f"\\copy floor_{table} FROM '{folder}/{table}' (FORMAT binary)")
    return time.monotonic() - started


def main():
    default = ROOT.parent / "shared/data/seeds-flickr8k-24k.txt.gz"
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    if not path.is_file():
        sys.exit(f"{path} is missing: name a file of seeds")
    cluster = Cluster(safe=True)
    server = Server(Database(cluster))
    try:
        server.migrate()
        server.start()
        took = run_pipeline(server, path.read_bytes(), cluster)
        server.stop()
        floor = copy_floor(server.database, str(cluster.home))
    finally:
        server.destroy()
        cluster.remove()
    rows = {s["name"]: s["done"] for s in took["run"]["stages"]}
    print(f"seeds {rows['captions']}, dialogues {rows['dialogues']}, embeddings {rows['representations']}")
    print(f"{'import':34}{took['import']:8.2f} s")
    for name, seconds in took["ended"].items():
        print(f"{'last of ' + name + ', after the import':34}{seconds:8.2f} s")
    print(f"{'all stages':34}{took['stages']:8.2f} s")
    print(f"{'import and all stages':34}{took['wall']:8.2f} s")
    print(f"{'of it CPU, server':34}{took['server_cpu']:8.2f} s")
    print(f"{'of it CPU, PostgreSQL':34}{took['postgres_cpu']:8.2f} s")
    print(f"{'the same rows by COPY alone':34}{floor:8.2f} s")
    print(f"{'ratio to COPY alone':34}{took['wall'] / floor:8.2f}")


if __name__ == "__main__":
    main()
