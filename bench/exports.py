"""The whole story at the size of the paper's data: seeds imported, captions, dialogues and representations made on
the embedded defaults, everything exported; time, rates, memory and disk of each part. Beside the export of
representations, in the same run, a binary COPY of the same rows to /dev/null, by the server itself and through a
client.

usage: bench/exports.py [--captions N] [--dialogues N] [--rounds N] [--keep DIR]
"""
import argparse
import gzip
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

from measure import (ROOT, Api, Cluster, Database, Dataset, Server, cluster_cpu, cpu_seconds, load_average, median,
                     peak_bytes, table)
from support.seeds import HOW, WHAT, WHERE, WHO

NAME = "scale"
SHARES = {"multiple_choice": 171, "question_answering": 199, "complex_reasoning": 101}  # of the paper, in thousands
MIB = 2**20
# What is exported one after another: everything of the goal, then each half alone.
WHOLE = {"include": ["captions", "dialogues", "representations"], "formats": ["llava", "captions", "npy"]}
VECTORS = {"include": ["representations"], "formats": ["npy"]}
LINES = {"formats": ["llava"]}
SAME_ROWS = "SELECT seed_id, caption_hash, vector FROM embeddings ORDER BY shard_id, seed_id, caption_hash, encoder_id"


# ---- the database, as ./dev makes it ----

class DevCluster(Cluster):
    """The cluster of `./dev cluster`, with its settings, in a folder that may stay."""

    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.folder = folder / "pg"
        address = urllib.parse.urlsplit(self._dev("start"))
        self.home = pathlib.Path(urllib.parse.parse_qs(address.query)["host"][0])  # where the socket is
        self.data = pathlib.Path(self.execute("SHOW data_directory", "postgres"))
        self.execute("SELECT 'CREATE ROLE monoceros_service LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles"
                     " WHERE rolname = 'monoceros_service') \\gexec", "postgres")

    def _dev(self, action):
        return subprocess.run([ROOT / "dev", "cluster", action, self.folder], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def database(self, prefix="test"):
        return "monoceros"

    def stop(self, mode="fast"):
        self._dev("stop")

    def remove(self):
        self._dev("remove")


# ---- the seeds ----

def scenes(n):
    """n distinct texts of two things in one place, neighbours different in all parts; the first k are scenes(k)."""
    parts = [WHO, WHAT, WHERE, HOW, WHO, WHAT]
    total = 1
    for part in parts:
        total *= len(part)
    step = 20_000_003  # shares no divisor with the lists' lengths
    assert n <= total, f"there are {total} different seeds"
    for i in range(n):
        at, words = i * step % total, []
        for part in parts:
            at, place = divmod(at, len(part))
            words.append(part[place])
        text = "{} {} {} {} and {} {}.".format(*words)
        yield text[0].upper() + text[1:]


# ---- the pipeline ----

PROGRESS = """SELECT stage, count(*) AS ranges, count(*) FILTER (WHERE state <> 'finished') AS open,
sum(done)::bigint AS rows FROM tasks WHERE run_id = '{}' GROUP BY stage"""
OPEN_GROUPS = """SELECT count(*) FROM tasks WHERE run_id = '{}' AND stage = 'export' AND state <> 'finished'"""


class Watch:
    """What a run's tasks say every two seconds: by stage the seconds since the start and the rows until then."""

    def __init__(self, database, run):
        self.database, self.run, self.started = database, run, time.monotonic()
        self.seen, self.ended, self.ranges = {}, {}, {}

    def look(self):
        """Whether the run goes on."""
        now = time.monotonic() - self.started
        rows = self.database.query(PROGRESS.format(self.run))
        for row in rows:
            stage = row["stage"]
            self.seen.setdefault(stage, []).append((now, row["rows"] or 0))
            self.ranges[stage] = row["ranges"]
            if row["open"]:
                self.ended.pop(stage, None)
            else:
                self.ended.setdefault(stage, now)
        return rows or self.database.value(f"SELECT state FROM runs WHERE run_id = '{self.run}'") in ("queued", "running")

    def rate(self, stage, part, parts):
        """Rows a second in one part of as many equal ones of all the rows of a stage."""
        seen, last = self.seen[stage], self.seen[stage][-1][1]
        low = max((s for s in seen if s[1] <= last * part / parts), default=seen[0])
        high = min((s for s in seen if s[1] >= last * (part + 1) / parts), default=seen[-1])
        return (high[1] - low[1]) / (high[0] - low[0]) if high[0] > low[0] else 0


def reset_peak(pid):
    """VmHWM counts from now on."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


class Story:
    """One dataset on one server, and what its parts took."""

    def __init__(self, server, cluster):
        self.server, self.cluster = server, cluster
        self.api = Api(server.base)
        self.dataset, self.parts = None, []

    def part(self, name, work, rows=None, size=None):
        """Does a part of the story and notes what it took; what the work answered."""
        pid = self.server.process.pid
        reset_peak(pid)
        cpu = cpu_seconds(pid), cluster_cpu(self.cluster)
        started = time.monotonic()
        answer = work()
        part = {"name": name, "seconds": time.monotonic() - started, "server_cpu": cpu_seconds(pid) - cpu[0],
                "postgres_cpu": cluster_cpu(self.cluster) - cpu[1], "peak": peak_bytes(pid)}
        part["rows"], part["bytes"] = (f(answer) if callable(f) else f for f in (rows, size))
        part["files_s"] = answer["files_s"] if isinstance(answer, dict) and "files_s" in answer else None
        self.parts.append(part)
        print(f"{name}: {part['seconds']:.1f} s, CPU {part['server_cpu']:.1f} s and of PostgreSQL "
              f"{part['postgres_cpu']:.1f} s, peak {part['peak'] / MIB:.0f} MiB, load average {load_average():.1f}",
              flush=True)
        return answer

    def make(self, captions, dialogues):
        packed = gzip.compress("\n".join(scenes(captions)).encode(), 3)
        self.dataset = Dataset(self.api, NAME, shards=16)
        self.part("import", lambda: self.dataset.load(packed, Content_Encoding="gzip").json(),
                  rows=lambda answer: answer["new"])
        shares = {task: share * dialogues / sum(SHARES.values()) / captions for task, share in SHARES.items()}
        return self.part("stages", lambda: self.run(dialogues={"mix": shares}), rows=captions)

    def run(self, **body):
        run = self.dataset.start(**body)
        watch = Watch(self.server.database, run["id"])
        while watch.look():
            time.sleep(2)
        run = self.api.call("get_run", run=run["id"], params={"wait": "20s"}).json()
        assert run["state"] == "succeeded", run
        return run, watch

    def take_up(self):
        """The dataset that an earlier call has made."""
        self.dataset = Dataset(self.api, NAME, shards=16)
        run = self.api.call("list_runs", dataset=NAME).json()["items"][0]
        assert run["state"] == "succeeded", f"the dataset is not whole: {run}"
        return run

    def export(self, **body):
        """Makes an export and waits for it; the export, with the time at which its last group of files was made.
        What is left then is its report and the manifest."""
        started = time.monotonic()
        made = self.api.call("create_export", dataset=NAME, json=body).json()
        while self.server.database.value(OPEN_GROUPS.format(made["id"])):
            time.sleep(0.25)
        files_s = time.monotonic() - started
        while made["state"] in ("queued", "running"):
            made = self.api.call("get_export", export=made["id"], params={"wait": "20s"}).json()
        assert made["state"] == "succeeded", made
        return {**made, "files_s": files_s}

    def manifest(self, export):
        return self.api.call("get_export_result", export=export["id"]).json()

    def forget(self, export):
        self.api.call("delete_export", export=export["id"])


# ---- the limit ----

def copy_by_server(cluster):
    cluster.execute(f"COPY ({SAME_ROWS}) TO '/dev/null' (FORMAT binary)", "monoceros")


def copy_by_client(cluster):
    cluster.execute(f"\\copy ({SAME_ROWS}) TO '/dev/null' (FORMAT binary)", "monoceros")


# ---- tables ----

def show_stages(run, watch):
    rows = []
    for stage, seen in watch.seen.items():
        done = seen[-1][1]
        begun = next((t for t, n in seen if n), seen[0][0])
        ended = watch.ended.get(stage, seen[-1][0])
        rates = [f"{watch.rate(stage, part, 4):,.0f}" for part in (0, 3)] if done else ["", ""]
        rows.append([stage, f"{watch.ranges[stage]:,}", f"{begun:.0f}", f"{ended:.0f}", f"{done:,}", *rates])
    table("Stages of the run, seconds since its start; rows a second in the first and in the last quarter of the rows",
          ["stage", "tasks", "first rows", "end", "rows", "first", "last"], rows)
    print(", ".join(f"{s['name']}: {s['done']:,} done, {s['dropped']:,} dropped, {s['failed']:,} failed"
                    for s in run["stages"]))


def show_parts(parts):
    """The rates of an export are those of its files."""
    rows = []
    for part in parts:
        each = part["files_s"] or part["seconds"]
        rows.append([part["name"], f"{part['seconds']:.1f}", f"{part['files_s']:.1f}" if part["files_s"] else "",
                     f"{part['rows']:,}" if part["rows"] else "", f"{part['rows'] / each:,.0f}" if part["rows"] else "",
                     f"{part['bytes'] / 1e6:,.0f}" if part["bytes"] else "",
                     f"{part['bytes'] / 1e6 / each:,.0f}" if part["bytes"] else "",
                     f"{part['server_cpu']:.1f}", f"{part['postgres_cpu']:.1f}", f"{part['peak'] / MIB:.0f}"])
    table("The parts in seconds, of exports also until the files were made; CPU in seconds, the service's peak memory"
          " in MiB", ["part", "whole", "files", "rows", "rows/s", "MB", "MB/s", "CPU", "PostgreSQL", "peak"], rows)


def show_disk(database):
    sizes = database.query("SELECT relname, pg_table_size(oid) AS rows, pg_indexes_size(oid) AS indexes FROM pg_class"
                           " WHERE relkind = 'r' AND pg_total_relation_size(oid) > 8 << 20 ORDER BY 2 DESC")
    table("The database in MB", ["table", "rows", "indexes"],
          [[s["relname"], f"{s['rows'] / 1e6:,.0f}", f"{s['indexes'] / 1e6:,.0f}"] for s in sizes])
    print(f"in all {database.value('SELECT pg_database_size(current_database()) AS n') / 1e6:,.0f} MB")


# ---- the whole ----

def export_all(story, rounds):
    def size(made):
        return sum(file["bytes"] for file in story.manifest(made)["files"])

    def count(made):
        return story.manifest(made)["counts"]["captions"]
    story.forget(story.part("export of everything", lambda: story.export(**WHOLE), rows=count, size=size))
    for _ in range(rounds):
        made = story.part("export of npy", lambda: story.export(**VECTORS), rows=count, size=size)
        rows = count(made)
        story.forget(made)
        for name, copy in (("COPY by the server", copy_by_server), ("COPY to a client", copy_by_client)):
            story.part(name, lambda copy=copy: copy(story.cluster), rows=rows)
        story.forget(story.part("export of llava", lambda: story.export(**LINES), rows=count, size=size))


def show_ratios(parts):
    def took(name, key="seconds"):
        return median([part[key] for part in parts if part["name"] == name])
    lines = [part for part in parts if part["name"] == "export of llava"]
    if not lines:
        return
    print(f"\nfiles of npy: {took('export of npy', 'files_s') / took('COPY by the server'):.2f} times COPY by the "
          f"server, {took('export of npy', 'files_s') / took('COPY to a client'):.2f} times COPY to a client")
    print(f"files of llava: {median([p['bytes'] / p['files_s'] for p in lines]) / 1e6:.0f} MB/s")


def show_whole(parts):
    story = [part for part in parts if part["name"] in ("import", "stages", "export of everything")]
    if any(part["name"] == "import" for part in story):
        print(f"from seeds to files: {sum(part['seconds'] for part in story) / 60:.1f} minutes, "
              f"peak {max(part['peak'] for part in story) / MIB:.0f} MiB")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=int, default=1_200_000)
    parser.add_argument("--dialogues", type=int, help="default: the paper's 471 of 1,200")
    parser.add_argument("--rounds", type=int, default=3, help="of the exports that stand beside something")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR",
                        help="keep the database there; one that is there is exported as it is")
    args = parser.parse_args()
    args.dialogues = args.dialogues or args.captions * 471 // 1200
    return args


def tell(args, folder):
    cluster = DevCluster(folder)
    server = Server(Database(cluster), MONOCEROS_ARTEFACTS=folder / "artefacts", MONOCEROS_LOG_LEVEL="warn")
    try:
        server.migrate()
        server.start()
        story = Story(server, cluster)
        if story.api.call("list_datasets").json()["items"]:
            story.take_up()
        else:
            show_stages(*story.make(args.captions, args.dialogues))
        show_disk(server.database)
        export_all(story, args.rounds)
        server.stop()
        show_parts(story.parts)
        show_ratios(story.parts)
        show_whole(story.parts)
    finally:
        server.destroy()
        cluster.stop()
        if not args.keep:
            cluster.remove()


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = args.keep.resolve() if args.keep else pathlib.Path(tempfile.mkdtemp(prefix="monoceros-exports-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the user postgres has to get through
    try:
        tell(args, folder)
    finally:
        if not args.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
