"""The front door: its help, its errors, and the private cluster that it makes."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ["demo", "test", "build", "serve", "sanitize", "fmt", "lint", "bench", "parity", "openapi", "clients",
            "orchestrators", "trainers", "schemathesis", "psql", "clean"]


def dev(*arguments, cwd=ROOT, timeout=120):
    environment = {**os.environ, "DEV_SKIP_PACKAGES": "1"}
    return subprocess.run([str(ROOT / "dev"), *arguments], capture_output=True, text=True, cwd=cwd,
                          timeout=timeout, check=False, env=environment, stdin=subprocess.DEVNULL)


def sql(url: str, statement: str) -> str:
    done = subprocess.run(["psql", "--no-psqlrc", "-Atqc", statement, url], capture_output=True,
                          text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_help_lists_every_command():
    done = dev("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command}" in done.stdout, command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command):
    done = dev(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: ./dev {command}")


@pytest.mark.parametrize("arguments, sentence", [
    (["destroy"], "no command named destroy"),
    (["demo", "--fast"], "unknown option --fast"),
    (["demo", "--port", "http"], "--port needs a number"),
    (["demo", "/nowhere.txt"], "cannot read the seeds in /nowhere.txt"),
    (["build", "faster"], "no preset named faster"),
    (["cluster", "start"], "needs a directory"),
    (["cluster", "paint", "x"], "no cluster command named paint"),
])
def test_a_mistake_is_named(arguments, sentence):
    done = dev(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.fixture(params=["plain", "it's a long and unusual name " + "x" * 90])
def cluster_directory(request, tmp_path):
    directory = tmp_path / request.param / "pg"
    yield directory
    dev("cluster", "remove", str(directory))


def test_a_cluster_keeps_its_rows_over_stop_and_crash(cluster_directory):
    directory = str(cluster_directory)
    started = dev("cluster", "start", directory)
    assert started.returncode == 0, started.stderr
    url = started.stdout.strip()
    assert url.startswith("postgresql:///monoceros?host=/")
    sql(url, "CREATE TABLE kept (n int)")
    assert sql(url, "SELECT current_user, current_setting('is_superuser')") == "monoceros|off"
    assert sql(url, "SELECT current_setting('fsync'), current_setting('listen_addresses')") == "on|"
    sql(url, "INSERT INTO kept VALUES (1)")
    assert dev("cluster", "stop", directory).returncode == 0
    assert dev("cluster", "start", directory).stdout.strip() == url
    sql(url, "INSERT INTO kept VALUES (2)")
    assert dev("cluster", "kill", directory).returncode == 0
    again = dev("cluster", "start", directory, "--fast")
    assert again.stdout.strip() == url
    assert sql(url, "SELECT count(*), current_setting('fsync') FROM kept") == "2|off"
    assert dev("cluster", "start", directory).stdout.strip() == url


def test_a_cluster_is_for_its_owner_only(cluster_directory):
    url = dev("cluster", "start", str(cluster_directory), "--fast").stdout.strip()
    socket = pathlib.Path(url.split("host=")[1].split("&")[0])
    assert socket.stat().st_mode & 0o777 == 0o700
    assert [p for p in socket.iterdir() if p.name == ".s.PGSQL.5432"]


def test_a_removed_cluster_leaves_nothing(tmp_path):
    directory = tmp_path / "pg"
    url = dev("cluster", "start", str(directory), "--fast").stdout.strip()
    socket = pathlib.Path(url.split("host=")[1].split("&")[0])
    assert dev("cluster", "remove", str(directory)).returncode == 0
    assert not socket.exists()
    assert not socket.parent.joinpath("data").exists()
    assert dev("cluster", "stop", str(directory)).returncode == 0
