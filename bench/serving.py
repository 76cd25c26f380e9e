"""POST /v1/embeddings: how long one text takes, and how many texts a second requests of 2,048 reach, beside a
plain Python server (bench/peers/embed_server.py: aiohttp and numpy) asked by the same client in turns; then
the exports of representations. The service embeds with its built-in encoder, whose vectors have 1,280 values as
the Python server's have. Medians of the rounds.

usage: bench/serving.py [--rounds N] [--single N] [--rows N]
"""
import argparse
import http.client
import json
import subprocess
import time
import urllib.parse

import measure
from measure import ROOT, Cluster, Service, median, table
from support.peers import install_node, install_python

DIMENSION = 1280
MANY = 2048
FORMATS = ("base64", "float")


class Client:
    """One connection that is kept."""

    def __init__(self, base):
        host = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(host.hostname, host.port, timeout=600)

    def embed(self, texts, encoding_format):
        """Seconds from the first byte sent to the last received, and the bytes of the answer."""
        body = json.dumps({"model": "offline", "input": texts, "encoding_format": encoding_format}).encode()
        started = time.perf_counter()
        self.connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - started
        assert answer.status == 200, content[:500]
        return seconds, content

    def get(self, path):
        """Reads and forgets; seconds and bytes."""
        started = time.perf_counter()
        self.connection.request("GET", path)
        answer, n = self.connection.getresponse(), 0
        assert answer.status == 200, answer.read(500)
        while piece := answer.read(1 << 20):
            n += len(piece)
        assert n == int(answer.headers["Content-Length"])
        return time.perf_counter() - started, n


class Plain:
    """The Python server in a process of its own."""

    def __init__(self, python):
        self.process = subprocess.Popen([python, ROOT / "bench/peers/embed_server.py", str(DIMENSION)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().strip()
        self.pid = self.process.pid
        assert self.base, "the Python server did not start"

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def check(client, texts):
    """Both formats have the vectors, of the dimension."""
    for encoding_format in FORMATS:
        data = json.loads(client.embed(texts, encoding_format)[1])["data"]
        assert len(data) == len(texts)
        length = len(data[0]["embedding"])
        assert length == (DIMENSION if encoding_format == "float" else -(-DIMENSION * 4 // 3) * 4), length


def ask(base, pid, texts, single):
    """Figures of one server in one round."""
    client = Client(base)
    check(client, texts[:3])
    figures = {}
    for encoding_format in FORMATS:
        times = sorted(client.embed([texts[i % len(texts)]], encoding_format)[0] for i in range(single))
        figures[f"one {encoding_format}"] = times[len(times) // 2]
        figures[f"one {encoding_format} 99"] = times[len(times) * 99 // 100]
        cpu = measure.cpu_seconds(pid)
        seconds = [client.embed(texts, encoding_format)[0] for _ in range(3)]
        figures[f"many {encoding_format}"] = len(texts) / median(seconds)
        figures[f"cpu {encoding_format}"] = (measure.cpu_seconds(pid) - cpu) / 3 / len(texts)
    return figures


def export(service, dataset):
    """Seconds and bytes of each file."""
    client, figures = Client(service.server.base), {}
    for name, query in (("npy", ""), ("npy", "?dtype=float16"), ("safetensors", ""), ("ids", "")):
        seconds, n = client.get(f"{dataset.path}/representations.{name}{query}")
        figures[name + (" float16" if query else "")] = (seconds, n)
    return figures


def mean(rounds, server, key):
    return median([figures[server][key] for figures in rounds])


def show(rounds, names):
    ours = names[0]
    for encoding_format in FORMATS:
        rows = []
        for name in names:
            one, many = (mean(rounds, name, f"{k} {encoding_format}") for k in ("one", "many"))
            rows.append([name, f"{one * 1e3:.2f}", f"{mean(rounds, name, f'one {encoding_format} 99') * 1e3:.2f}",
                         f"{many:,.0f}", f"{mean(rounds, name, f'cpu {encoding_format}') * 1e6:.0f}",
                         f"{one / mean(rounds, ours, f'one {encoding_format}'):.1f}",
                         f"{mean(rounds, ours, f'many {encoding_format}') / many:.1f}"])
        table(f"encoding_format {encoding_format}: one text in ms, requests of {MANY:,} texts in texts a second, "
              "CPU in µs a text",
              ["server", "median", "99 %", "texts/s", "CPU", "one takes", "we are faster by"], rows)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=1000, help="requests of one text a round")
    parser.add_argument("--rows", type=int, default=50000, help="rows of the exports; 0: none")
    return parser.parse_args()


def main():
    args = parse()
    # The tests with the official clients, which take nothing long, find them here.
    for missing in (install_node(ROOT / "bench/peers/node/openai.mjs")[1],
                    install_python(["openai", "safetensors", "numpy"])[1]):
        if missing:
            print(f"without an official client: {missing}")
    python, missing = install_python(["aiohttp", "numpy"])
    if missing:
        print(f"without the Python server: {missing}")
    texts, rounds = measure.seeds(MANY), []
    cluster = Cluster(safe=True)
    plain = Plain(python) if python else None
    try:
        with Service(cluster, "http://127.0.0.1:1/v1", 8) as service:
            for number in range(args.rounds):
                print(f"round {number + 1} of {args.rounds}, load average {measure.load_average():.1f}", flush=True)
                figures = {"monoceros": ask(service.server.base, service.pid, texts, args.single)}
                if plain:
                    figures["aiohttp and numpy"] = ask(plain.base, plain.pid, texts, args.single)
                rounds.append(figures)
            show(rounds, list(rounds[0]))
            if args.rows:
                show_exports(service, args.rows)
    finally:
        if plain:
            plain.stop()
        cluster.remove()


def show_exports(service, rows):
    dataset = service.dataset(measure.seeds(rows))
    dataset.run(["captions", "representations"], captions={"provider": "offline"})
    before = measure.peak_bytes(service.pid)
    made = [export(service, dataset) for _ in range(3)]
    lines = []
    for name in made[0]:
        seconds, n = median([m[name][0] for m in made]), made[0][name][1]
        lines.append([name, f"{rows:,}", f"{n / 1e6:,.0f}", f"{seconds:.2f}", f"{rows / seconds:,.0f}",
                      f"{n / 1e6 / seconds:,.0f}"])
    grown = (measure.peak_bytes(service.pid) - before) / 2**20
    table(f"Exports, read and dropped by one client; the service's peak memory grew by {grown:.0f} MiB",
          ["file", "rows", "MB", "seconds", "rows/s", "MB/s"], lines)


if __name__ == "__main__":
    main()
