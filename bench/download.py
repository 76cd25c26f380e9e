"""Downloads of one large file: the service beside nginx, which sends the same file from the same page cache by
sendfile, read by the same client. The client is curl, which throws the bytes away; with several connections each
takes a range of its own. The two take turns within each round, who is first changes, and a ratio is one of the
same round. CPU is that of the server.

usage: bench/download.py [--rounds N] [--mib N] [--connections K,K,…]
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import requests

import measure
from measure import Api, Cluster, Database, Dataset, Server, cpu_seconds, median, table
from support.exports import Export
from support.server import free_port
from support.wait import until

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CONFIGURATION = """
worker_processes 2;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {home}/client_body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {root}; }}
    }}
}}
"""


class Nginx:
    """With sendfile, two workers and nothing else to do."""

    def __init__(self, root):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="mono-nginx-", dir="/tmp"))
        self.home.chmod(0o755)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        configuration = self.home / "nginx.conf"
        configuration.write_text("user root;\n" * (os.geteuid() == 0) +
                                 CONFIGURATION.format(home=self.home, port=port, root=root))
        self.process = subprocess.Popen([NGINX, "-p", self.home, "-c", configuration, "-e", self.home / "error.log",
                                         "-g", "daemon off;"], stdin=subprocess.DEVNULL)
        until(self._is_up, "nginx to answer")

    def _is_up(self):
        assert self.process.poll() is None, (self.home / "error.log").read_text()
        try:
            return requests.get(self.base, timeout=10).status_code
        except requests.RequestException:
            return False

    def cpu(self):
        workers = subprocess.run(["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout.split()
        return sum(cpu_seconds(int(pid)) for pid in workers)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def ranges(size, n):
    step = -(-size // n)
    return [f"{at}-{min(at + step, size) - 1}" for at in range(0, size, step)]


def download(url, size, n):
    """Seconds until n connections have all of the file; one has it without ranges."""
    commands = [["curl", "-fsS", "-o", "/dev/null", "-w", "%{size_download}\n", *(["-r", part] if n > 1 else []), url]
                for part in ranges(size, n)]
    started = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    got = sum(int(process.communicate()[0]) for process in running)
    seconds = time.perf_counter() - started
    assert got == size and not any(process.returncode for process in running), (got, size)
    return seconds


def compare(servers, size, n, rounds):
    """Bytes a second and CPU of each server, by round."""
    figures = {name: [] for name, _, _ in servers}
    for i in range(rounds):
        for name, url, cpu in servers if i % 2 else servers[::-1]:
            before = cpu()
            seconds = download(url, size, n)
            figures[name].append((size / seconds, cpu() - before))
    return figures


def rows_of(n, figures):
    ours, theirs = figures["the service"], figures["nginx"]
    ratios = sorted(a[0] / b[0] for a, b in zip(ours, theirs))
    rate = {name: median([f[0] for f in of]) / 1e6 for name, of in figures.items()}
    cpu = {name: median([f[1] for f in of]) for name, of in figures.items()}
    return [n, f"{rate['the service']:,.0f}", f"{rate['nginx']:,.0f}", f"{median(ratios):.2f}",
            f"{ratios[0]:.2f}-{ratios[-1]:.2f}", f"{cpu['the service']:.2f}", f"{cpu['nginx']:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--connections", default="1,8,64")
    args = parser.parse_args()
    if NGINX is None or shutil.which("curl") is None:
        sys.exit("nginx and curl are needed (Debian: nginx-light, curl)")
    cluster = Cluster()
    server = Server(Database(cluster, "bench"), MONOCEROS_LOG_LEVEL="warn")
    nginx = None
    try:
        server.migrate()
        server.start()
        dataset = Dataset(Api(server.base), "bench")
        export = Export(server.database, dataset.name, {"big.npy": os.urandom(2**20) * args.mib})
        nginx = Nginx(export.folder)
        size = args.mib * 2**20
        file = export.on_disk("big.npy")
        servers = [("the service", server.base + export.path("big.npy"), lambda: cpu_seconds(server.process.pid)),
                   ("nginx", f"{nginx.base}/{file.name}", nginx.cpu)]
        compare(servers, size, 1, 1)  # all is in the page cache now
        table(f"{args.mib} MiB from the page cache, {args.rounds} rounds, medians; load {measure.load_average():.1f}",
              ["connections", "the service, MB/s", "nginx, MB/s", "ratio", "least-most", "CPU, s", "nginx, s"],
              [rows_of(n, compare(servers, size, n, args.rounds)) for n in map(int, args.connections.split(","))])
        server.stop()
    finally:
        if nginx is not None:
            nginx.stop()
        server.destroy()
        cluster.remove()


if __name__ == "__main__":
    main()
