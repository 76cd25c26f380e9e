"""What the benchmarks share: the load server, the service on a private PostgreSQL, CPU times, tables."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.client import Api  # noqa: E402
from support.cluster import Cluster, Database  # noqa: E402
from support.dataset import Dataset  # noqa: E402
from support.seeds import HOW, WHAT, WHERE, WHO  # noqa: E402
from support.server import Server, binary  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


# ---- CPU and memory ----

def _stat(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace") \
        .rsplit(")", 1)[1].split()


def cpu_seconds(pid):
    """User and system time of a process and of the children it has waited for."""
    fields = _stat(pid)
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS


def cluster_cpu(cluster):
    """The same of PostgreSQL: the first process, with its ended children, and those that run."""
    postmaster = int((cluster.data / "postmaster.pid").read_text().split()[0])
    total = cpu_seconds(postmaster)
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(folder.name)
        except OSError:
            continue
        if int(fields[1]) == postmaster:
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def peak_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def load_average():
    return os.getloadavg()[0]


# ---- the load server ----

class LlmServer:
    """bench/llm_server in a process of its own."""

    def __init__(self, mode="fixed", window_s=5, **control):
        command = [llm_server(), "--mode", mode, "--window", str(window_s)]
        if control:
            command += ["--control", json.dumps(control)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the load server did not start"
        self.root = self.url.removesuffix("/v1")

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.root + path, data=data), timeout=30) as reply:
            return json.load(reply)

    def control(self, **change):
        return self._ask("/control", change)

    def stats(self):
        return self._ask("/stats")

    def sample(self):
        """The last request."""
        return self._ask("/sample")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def llm_server():
    path = binary().parent / "bench/llm_server"
    if not path.exists():
        sys.exit(f"no load server at {path}: build the target llm_server")
    return str(path)


# ---- the service ----

def max_in_flight(most, threads):
    """The setting that means so many calls of the whole process: it used to be one of each thread."""
    text = subprocess.run([binary(), "serve", "--help"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    at = text.index("--llm-max-in-flight")
    each = "each stage thread" in " ".join(text[at:at + 300].split("--llm-timeout")[0].split())
    return most // threads if each else most


class Service:
    """The service with the load server as its provider, on a private PostgreSQL with fsync on."""

    def __init__(self, cluster, url, most, threads=2, **settings):
        self.cluster = cluster
        self.server = Server(Database(cluster, "bench"), MONOCEROS_LLM_URL=url,
                             MONOCEROS_LLM_MODEL="test-model", MONOCEROS_STAGE_THREADS=threads,
                             MONOCEROS_LLM_MAX_IN_FLIGHT=max_in_flight(most, threads),
                             MONOCEROS_LOG_LEVEL="warn", **settings)
        self.server.migrate()
        self.server.start()
        self.api = Api(self.server.base)
        self.pid = self.server.process.pid

    def dataset(self, texts, shards=16):
        dataset = Dataset(self.api, f"bench-{len(texts)}", shards)
        dataset.load(texts)
        return dataset

    def cpu(self):
        return cpu_seconds(self.pid), cluster_cpu(self.cluster)

    def count(self, sql):
        return self.server.database.value(sql)

    def stop(self):
        if os.environ.get("BENCH_KEEP_LOG"):
            pathlib.Path(os.environ["BENCH_KEEP_LOG"]).write_bytes(self.server.log())
        try:
            self.server.stop()
        finally:
            self.server.destroy()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def seeds(n):
    """n distinct texts, n at most 90,000; the first k of n are seeds(k)."""
    step = 77_773  # prime to the number of combinations, so that neighbours differ in all parts
    total = len(WHO) * len(WHAT) * len(HOW) * len(WHERE)
    assert n <= total, f"there are {total} different seeds"

    def text(i):
        i, who = divmod(i, len(WHO))
        i, what = divmod(i, len(WHAT))
        i, how = divmod(i, len(HOW))
        who = WHO[who]
        return f"{who[0].upper()}{who[1:]} {WHAT[what]} {WHERE[i % len(WHERE)]} {HOW[how]}."
    return [text(i * step % total) for i in range(n)]


# ---- tables ----

def table(title, columns, rows):
    """Prints rows of texts and numbers, the first column to the left."""
    cells = [[str(c) for c in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print(f"\n{title}")
    for i, row in enumerate(cells):
        first, *rest = row
        print("  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:]))]))
        if i == 0:
            print("  ".join("-" * w for w in widths))
    sys.stdout.flush()


def median(values):
    return statistics.median(values)


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
