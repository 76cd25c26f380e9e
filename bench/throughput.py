"""Rows a second and CPU a row: the service end to end against the clients that people use today.

The server (bench/llm_server) answers about 600 bytes after 50 ms. The service makes captions of all
seeds, and a row counts when it is committed in PostgreSQL with fsync on; the time goes from the POST of
the run to its end. The clients get the same system prompt, prompts and parameters, take turns with the
service in the same minutes, and keep their rows as they do by default. CPU is the client's own after its
start: for the service the whole process, with PostgreSQL's beside it. Medians of the rounds.

usage: bench/throughput.py [--rounds N] [--seeds N] [--in-flight K,K,…] [--peers-at K] [--no-peers]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import measure
from measure import ROOT, Cluster, LlmServer, Service, median, table
from support.peers import LOCAL, install_node, install_python

PEER_S = 300  # after which a client is given up
SETTLE_S = 0.5  # until the CPU of processes that have ended is accounted for

# What each client keeps of its rows, how many prompts it gets, and what it needs from where.
PEERS = [
    ("aiohttp, bare", "python", "aiohttp", "in memory", 12000, ["aiohttp"]),
    ("openai (npm) + p-limit", "node", "openai", "in memory", 4000, []),
    ("openai (PyPI)", "python", "openai", "in memory", 2000, ["openai"]),
    ("litellm", "python", "litellm", "in memory", 1000, ["litellm"]),
    ("datatrove", "python", "datatrove", "file at the end", 3000, ["datatrove", "aiofiles", "aiosqlite", "orjson"]),
    ("datatrove, checkpoints", "python", "datatrove-checkpoints", "files, SQLite; no fsync", 2000,
     ["datatrove", "aiofiles", "aiosqlite", "orjson", "xxhash"]),
]


# ---- the clients ----

def python_command(packages):
    python, missing = install_python(packages)
    return python and [python, ROOT / "bench/peers/python.py"], missing


def node_command():
    script, missing = install_node(ROOT / "bench/peers/node/openai.mjs")
    return script and ["node", script], missing


class Peer:
    def __init__(self, name, kind, client, keeps, prompts, packages):
        self.name, self.client, self.keeps, self.prompts = name, client, keeps, prompts
        self.kind = kind
        self.command, self.missing = node_command() if kind == "node" else python_command(packages)

    def run(self, llm, sample, texts, most):
        """One run over the first texts; figures."""
        llm.control(reset=True)
        with tempfile.TemporaryDirectory() as folder:
            task = pathlib.Path(folder) / "task.json"
            task.write_text(json.dumps({**sample, "url": llm.url, "in_flight": most, "folder": folder,
                                        "prompts": texts[:self.prompts]}), encoding="utf-8")
            client = [] if self.kind == "node" else [self.client]
            told, usage = run_to_end([*self.command, *client, task], pathlib.Path(folder))
        seen = llm.stats()
        if told["rows"] < 0.9 * self.prompts:
            sys.exit(f"{self.name} made {told['rows']} rows only: {told['problem']}")
        cpu = usage.ru_utime + usage.ru_stime - told["cpu_before"]
        return {"rate": told["rows"] / told["seconds"], "rows": told["rows"], "cpu": cpu / told["rows"],
                "rss": usage.ru_maxrss * 1024, "requests": seen["requests"],
                "in_flight": seen["max_in_flight"], "connections": seen["connections"]}


def run_to_end(command, folder):
    """What a client printed and the resources it used, of its children too."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    with open(folder / "printed", "wb") as out, open(folder / "errors", "wb") as errors:
        process = subprocess.Popen(["timeout", "--signal=KILL", str(PEER_S), *command], stdout=out,
                                   stderr=errors, env=environment, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} failed:\n{(folder / 'errors').read_text(errors='replace')[-3000:]}")
    return json.loads((folder / "printed").read_text(encoding="utf-8").splitlines()[-1]), usage


def task_of(sample):
    """The service's own request, as what the clients are to send."""
    system, user = (m["content"] for m in sample.pop("messages"))
    sample.pop("seed", None)
    assert sample.pop("stream", False) is False and "response_format" not in sample
    label = user.index(": ") + 2
    return {"system": system, "prefix": user[:label], "parameters": sample}


# ---- the service ----

def run_service(cluster, llm, most, texts):
    """A run over all texts; figures, and one request as a sample."""
    with Service(cluster, llm.url, most) as service:
        dataset = service.dataset(texts)
        llm.control(reset=True)
        cpu, cpu_llm, started = service.cpu(), llm.stats()["cpu_s"], time.monotonic()
        run = dataset.run(["captions"])
        seconds = time.monotonic() - started
        time.sleep(SETTLE_S)
        used = [after - before for after, before in zip(service.cpu(), cpu)]
        rows = service.count("SELECT count(*) FROM captions")
        usable = service.count("SELECT count(*) FROM captions WHERE dropped IS NULL")
        seen = llm.stats()
        assert rows == len(texts) == run["stages"][0]["done"], (rows, run)
        return {"rate": rows / seconds, "rows": rows, "usable": usable, "cpu": used[0] / rows,
                "cpu_postgres": used[1] / rows, "cpu_server": (seen["cpu_s"] - cpu_llm) / rows,
                "rss": measure.peak_bytes(service.pid), "requests": seen["requests"],
                "in_flight": seen["max_in_flight"], "connections": seen["connections"]}, llm.sample()


# ---- the tables ----

def of(rounds, key):
    return median([figures[key] for figures in rounds])


def spread(rounds):
    rates = [figures["rate"] for figures in rounds]
    return f"{min(rates):,.0f}-{max(rates):,.0f}"


def show_service(ours):
    rows = [[f"{most:,}", f"{of(r, 'rate'):,.0f}", spread(r), f"{of(r, 'cpu') * 1e3:.3f}",
             f"{of(r, 'cpu_postgres') * 1e3:.3f}", f"{of(r, 'cpu_server') * 1e3:.3f}",
             f"{of(r, 'rss') / 2**20:.0f}", f"{of(r, 'rows'):,.0f}", f"{of(r, 'usable'):,.0f}",
             f"{of(r, 'requests'):,.0f}", f"{of(r, 'in_flight'):,.0f}"] for most, r in ours.items()]
    table("The service, rows committed in PostgreSQL; CPU in ms a row",
          ["in flight", "rows/s", "least-most", "CPU", "PostgreSQL", "server", "peak MiB", "rows", "usable",
           "requests", "seen in flight"], rows)


def show_peers(ours, theirs, most):
    best = ours[most] if most in ours else next(iter(ours.values()))
    rate, cpu = of(best, "rate"), of(best, "cpu")
    rows = [["monoceros", f"{rate:,.0f}", spread(best), f"{cpu * 1e3:.3f}", "1.0", "1.0",
             f"{of(best, 'rss') / 2**20:.0f}", f"{of(best, 'in_flight'):.0f}",
             f"{of(best, 'connections'):,.0f}", "PostgreSQL, fsync"]]
    for peer, r in theirs.items():
        rows.append([peer.name, f"{of(r, 'rate'):,.0f}", spread(r), f"{of(r, 'cpu') * 1e3:.3f}",
                     f"{rate / of(r, 'rate'):.1f}", f"{of(r, 'cpu') / cpu:.1f}", f"{of(r, 'rss') / 2**20:.0f}",
                     f"{of(r, 'in_flight'):.0f}", f"{of(r, 'connections'):,.0f}", peer.keeps])
    table(f"Clients at {most} in flight; CPU in ms a row",
          ["client", "rows/s", "least-most", "CPU", "we are faster by", "they use CPU by", "peak MiB",
           "seen in flight", "connections", "keeps its rows"], rows)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=60000)
    parser.add_argument("--in-flight", default="256,1000,2000")
    parser.add_argument("--peers-at", type=int, default=256, help="calls in flight of the other clients")
    parser.add_argument("--no-peers", action="store_true")
    return parser.parse_args()


def main():
    args = parse()
    measure.raise_descriptors()
    LOCAL.mkdir(exist_ok=True)
    texts = measure.seeds(args.seeds)
    peers = [] if args.no_peers else [Peer(*row) for row in PEERS]
    for peer in peers:
        if peer.missing:
            print(f"without {peer.name}: {peer.missing}")
    ours, theirs = {int(most): [] for most in args.in_flight.split(",")}, {p: [] for p in peers if p.command}
    cluster = Cluster(safe=True)
    try:
        with LlmServer() as llm:
            for number in range(args.rounds):
                print(f"round {number + 1} of {args.rounds}, load average {measure.load_average():.1f}", flush=True)
                for most, rounds in ours.items():
                    figures, sample = run_service(cluster, llm, most, texts)
                    rounds.append(figures)
                sample = task_of(sample)
                for peer, rounds in theirs.items():
                    rounds.append(peer.run(llm, sample, texts, args.peers_at))
    finally:
        cluster.remove()
    show_service(ours)
    if theirs:
        show_peers(ours, theirs, args.peers_at)


if __name__ == "__main__":
    main()
