"""The real nginx with the configuration of examples/nginx, in a directory of its own."""
import pathlib
import re
import shutil
import subprocess
import tempfile

import requests

from support.server import ROOT, free_port
from support.tls import make_pair, trusting
from support.wait import PATIENCE, until

PROGRAM = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
EXAMPLE = ROOT / "examples/nginx/nginx.conf"


class Nginx:
    """In front of the service at `upstream`, host:port. `timeouts` are in seconds, by directive."""

    def __init__(self, upstream, **timeouts):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="mono-nginx-", dir="/tmp"))
        self.home.chmod(0o755)  # its workers are somebody else
        self.port = free_port()
        self.base = f"https://localhost:{self.port}"
        self.certificate, key = make_pair(self.home)
        self.context = trusting(self.certificate)
        text = EXAMPLE.read_text()
        for pattern, value in {
                r"server 127\.0\.0\.1:8080;": f"server {upstream};",
                r"listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                r"\n *listen \[::\]:443 ssl;": "",
                r"/etc/monoceros/tls/fullchain\.pem": str(self.certificate),
                r"/etc/monoceros/tls/key\.pem": str(key),
                r"/run/nginx-monoceros\.pid": str(self.home / "pid"),
                r"/var/log/nginx/monoceros\.": f"{self.home}/",
                r"(?m)^http \{": "http {\n" + "".join(f"    {kind}_temp_path {self.home}/{kind};\n" for kind in (
                    "client_body", "proxy", "fastcgi", "scgi", "uwsgi")),
                **{rf"{name} \d+s;": f"{name} {s}s;" for name, s in timeouts.items()}}.items():
            text, n = re.subn(pattern, lambda _, value=value: value, text)
            assert n, f"{pattern} is not in {EXAMPLE}"
        (self.home / "nginx.conf").write_text(text)
        self.process = None

    def _arguments(self, *more):
        return [PROGRAM, "-p", self.home, "-c", self.home / "nginx.conf", "-e", self.home / "error.log", *more]

    def check(self):
        done = subprocess.run(self._arguments("-t"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0 and b"[warn]" not in done.stdout, done.stdout.decode()

    def start(self):
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "QUIT", *self._arguments("-g", "daemon off;")],
                                        stdin=subprocess.DEVNULL)
        until(self._is_up, "nginx to answer")
        return self

    def _is_up(self):
        assert self.process.poll() is None, (self.home / "error.log").read_text()
        try:
            return requests.get(self.base + "/healthz", verify=self.certificate, timeout=10).status_code < 600
        except requests.RequestException:
            return False

    def errors(self):
        return (self.home / "error.log").read_text()

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)
        shutil.rmtree(self.home, ignore_errors=True)
