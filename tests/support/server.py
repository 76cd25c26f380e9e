"""The program under test as a child process."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

import requests

from support.wait import PATIENCE, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER_REPORT = re.compile(
    rb"ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def binary():
    path = pathlib.Path(os.environ.get("MONOCEROS_BINARY", ROOT / "build/release/monoceros"))
    assert path.is_file(), f"no program at {path}: build it, or set MONOCEROS_BINARY"
    return path


def sanitized():
    """Whether the program carries a sanitizer, which makes it several times slower."""
    code = binary().read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment(**settings):
    """This process's environment without its MONOCEROS_* variables, plus the given ones."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MONOCEROS_")}
    return {**kept, **{k: str(v) for k, v in settings.items()}}


def run(*args, timeout=PATIENCE, **settings):
    """Runs a subcommand to its end."""
    return subprocess.run([binary(), *args], env=environment(**settings), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)


class Server:
    """`monoceros serve` on a database of its own. Keyword arguments are environment variables."""

    def __init__(self, database, args=(), **settings):
        self.database = database
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.args = list(args)
        # As it is meant to be run: the role that serves owns nothing.
        self.settings = {"MONOCEROS_DATABASE_URL": database.service_url,
                         "MONOCEROS_MIGRATE_DATABASE_URL": database.url,
                         "MONOCEROS_SERVICE_ROLE": "monoceros_service",
                         "MONOCEROS_LISTEN": f"127.0.0.1:{self.port}",
                         "MONOCEROS_ARTEFACTS": str(database.artefacts),
                         "MONOCEROS_LOG_FORMAT": "json", **settings}
        self.process = None
        self._log = tempfile.NamedTemporaryFile(prefix="monoceros-", suffix=".log")

    def migrate(self):
        done = run("migrate", **self.settings)
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def start(self, ready=True):
        assert self.process is None
        # It ends with the tests, whatever ends them.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary(), "serve", *self.args],
                                        env=environment(**self.settings),
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        until(self._is_ready, "the server to become ready", pause=0.02)

    def _is_ready(self):
        code = self.process.poll()
        assert code is None, f"the server ended with {code}:\n{self.log_tail()}"
        try:
            return requests.get(self.base + "/readyz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def terminate(self):
        """Asks it to end; wait() tells how it ended."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        code = self.process.wait(timeout=PATIENCE)
        self.process = None
        return code

    def stop(self):
        """Ends it as an operator would and holds it to a clean exit."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
        code = self.wait()
        assert code == 0, f"the server ended with {code}:\n{self.log_tail()}"
        self.check_log()

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        self.process = None

    def destroy(self):
        """For the end of a test that failed: no questions asked."""
        if self.process is not None:
            self.kill()

    # -- what it wrote --

    def log(self):
        return pathlib.Path(self._log.name).read_bytes()

    def log_tail(self, lines=40):
        return "\n".join(self.log().decode(errors="replace").splitlines()[-lines:])

    def check_log(self):
        found = SANITIZER_REPORT.search(self.log())
        assert not found, self.log()[max(0, found.start() - 200):][:8000].decode(errors="replace")

    def resident_bytes(self, field="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M).group(1)) * 1024
