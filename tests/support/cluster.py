"""A throw-away PostgreSQL cluster in a directory of its own, on a Unix socket."""
import glob
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

from support.wait import until

SETTINGS = """
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket}'
max_connections = 200
shared_buffers = 128MB
max_wal_size = 2GB
checkpoint_timeout = 30min
jit = off
random_page_cost = 1.1
fsync = {safe}
full_page_writes = {safe}
"""


def _program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"),
                   key=lambda path: [int(part) if part.isdigit() else 0 for part in path.split("/")])
    path = found[-1] if found else shutil.which(name)
    assert path, f"no {name}: the tests need the Debian package postgresql"
    return path


# Reads until its parent says that all is well, or is gone: then nothing may stay behind.
GUARDIAN = """
read -r line && exit
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
sleep 1
rm -rf "$1"
"""


class Cluster:
    """`safe` keeps fsync on, for tests that care about what survives."""

    _numbers = itertools.count(1)

    def __init__(self, safe=False):
        # A socket's path may have 107 bytes, so the directory must be short.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="mono-pg-", dir="/tmp"))
        self.data = self.home / "data"
        self.log = self.home / "log"
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.home, owner.pw_uid, owner.pw_gid)
        self.home.chmod(0o700)
        self._guardian = subprocess.Popen(["sh", "-c", GUARDIAN, "guardian", self.home], cwd="/",
                                          stdin=subprocess.PIPE, start_new_session=True)
        self._run("initdb", "--pgdata", self.data, "--username=postgres", "--auth-local=trust",
                  "--auth-host=reject", "--encoding=UTF8", "--locale=C", "--no-sync",
                  "--no-instructions")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as out:
            out.write(SETTINGS.format(socket=self.home, safe="on" if safe else "off"))
        self.start()
        self.execute("CREATE ROLE monoceros LOGIN CREATEDB; CREATE ROLE monoceros_service LOGIN",
                     database="postgres")

    def _run(self, program, *args, check=True):
        command = [_program(program), *map(str, args)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C"},
                              check=False)
        if check and done.returncode:
            raise AssertionError(f"{program} failed: {done.stdout.decode(errors='replace')}\n"
                                 + self.log_tail())
        return done.returncode

    def log_tail(self, lines=20):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # -- its life --

    def start(self):
        """Also after kill(), when children of the old server may be ending still."""
        until(lambda: self._run("pg_ctl", "start", "--pgdata", self.data, "--log", self.log, "--wait",
                                "--timeout=60", "--silent", check=False) == 0,
              f"PostgreSQL to start: {self.log_tail()}", timeout=60)

    def stop(self, mode="fast"):
        """`fast` ends sessions and shuts down; `immediate` is a crash to recover from."""
        self._run("pg_ctl", "stop", "--pgdata", self.data, f"--mode={mode}", "--wait", "--timeout=60",
                  "--silent")

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def kill(self):
        """SIGKILL to the server's first process; its children follow by themselves."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{pid}"), "PostgreSQL to die", timeout=30)

    def remove(self):
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--pgdata", self.data, "--mode=immediate", "--wait",
                      "--silent", check=False)
        subprocess.run(["rm", "-rf", self.home], check=False)
        if self._guardian.poll() is None:
            self._guardian.communicate(b"all is well\n")

    # -- databases --

    def database(self, prefix="test"):
        """Makes an empty database that belongs to the role that migrates; its name."""
        name = f"{prefix}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER monoceros", database="postgres")
        return name

    def url(self, database, role="monoceros"):
        host = urllib.parse.quote(str(self.home), safe="")
        return f"postgresql:///{database}?host={host}&user={role}"

    def psql(self, sql, database, role="postgres"):
        done = subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
             f"host={self.home} user={role} dbname={database}"],
            input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise DatabaseError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()

    def execute(self, sql, database):
        """Runs statements as a superuser; what psql printed."""
        return self.psql(sql, database).strip()

    def query(self, sql, database):
        """The rows of one SELECT as dictionaries."""
        text = self.psql(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql.rstrip().rstrip(';')}) t",
                         database)
        return json.loads(text)


class DatabaseError(Exception):
    pass


class Database:
    """One database of a cluster."""

    def __init__(self, cluster, prefix="test"):
        self.cluster = cluster
        self.name = cluster.database(prefix)
        self.url = cluster.url(self.name)  # as its owner
        self.service_url = cluster.url(self.name, "monoceros_service")
        self.artefacts = cluster.home / "artefacts" / self.name

    def execute(self, sql):
        return self.cluster.execute(sql, self.name)

    def query(self, sql):
        return self.cluster.query(sql, self.name)

    def value(self, sql):
        """The only value of the only row of a SELECT."""
        rows = self.query(sql)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return next(iter(rows[0].values()))
