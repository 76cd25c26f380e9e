"""The README's commands, run as they stand there. Where it shows an answer, the answer is that, but for
white space, ids, times and what the README leaves out with an ellipsis."""
import json
import os
import pathlib
import re
import subprocess

import numpy
import pytest

from conftest import model_settings
from support.cluster import Database
from support.server import ROOT, Server, binary, environment
from support.wait import REQUEST_S, until

BLOCK = re.compile(r"^```(console|sh|ini)\n(.*?)^```$", re.M | re.S)
ID = re.compile(r"(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f-])")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return [text for found, text in BLOCK.findall(TEXT) if found == kind]


def the_block(kind, word):
    """The only one of its kind with this word in it."""
    found = [text for text in blocks(kind) if word in text]
    assert len(found) == 1, f"{len(found)} blocks of README.md have {word!r}"
    return found[0]


def steps(console):
    """Commands and the answers under them."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        lines = part.splitlines()
        n = 1
        while n < len(lines) and lines[n].startswith("  "):
            n += 1
        yield "\n".join(lines[:n]), "\n".join(lines[n:])


class Shell:
    """A directory of its own, a shell with the program in its path, and a server in the place of
    localhost:8080."""

    def __init__(self, server, directory):
        self.server, self.directory = server, pathlib.Path(directory)
        self.ids = {}  # of the README, as they are here

    def run(self, command):
        command = command.replace("localhost:8080", self.server.base.removeprefix("http://"))
        for shown, here in self.ids.items():
            command = command.replace(shown, here)
        env = environment(**self.server.settings)
        env["PATH"] = f"{binary().resolve().parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=self.directory, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=REQUEST_S, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.decode()

    def compare(self, shown, said):
        """Remembers which id here is which one there."""
        pattern = re.sub(r"\s+", "", shown)
        pattern = TIME.sub("\x01", pattern)
        ids = ID.findall(pattern)
        pattern = ID.sub("\x02", pattern)
        pattern = re.escape(pattern).replace("…", ".*?").replace("\x01", TIME.pattern)
        pattern = pattern.replace("\x02", f"({ID.pattern})")
        found = re.fullmatch(pattern, re.sub(r"\s+", "", said))
        assert found, f"README.md shows\n{shown}\nand the server says\n{said}"
        for there, here in zip(ids, found.groups()):
            assert self.ids.setdefault(there, here) == here, (there, here)

    def session(self, console):
        for command, shown in steps(console):
            ready = '"state":"ready"' in shown  # a reader is slower than the preparation
            self.compare(shown, until(lambda: self.said(command, ready), f"{command} to be ready"))

    def said(self, command, ready):
        said = self.run(command)
        return None if ready and '"state":"preparing"' in said else said


@pytest.fixture(scope="module")
def shell(cluster, tmp_path_factory):
    """With nothing declared, as after `./dev serve`."""
    made = Server(Database(cluster))
    try:
        made.migrate()
        made.start()
        yield Shell(made, tmp_path_factory.mktemp("readme"))
        made.stop()
    finally:
        made.destroy()


def test_every_block_is_run_here():
    known = ["/seeds/import", "image-moments", "MONOCEROS_LLM_URL=", "MONOCEROS_ENCODER_PATH=", '"dry_run"',
             "street.npy          ", "cat street.ids", "keys create", "captions.jsonl ",
             "/exports "]
    for text in blocks("console") + blocks("sh"):
        assert any(word in text for word in known), f"no test runs this block of README.md:\n{text}"


def test_the_session(shell):
    shell.session(the_block("console", "/seeds/import"))


def test_the_moments(shell):
    """After the session, over its dataset."""
    vectors = numpy.random.default_rng(0).standard_normal((5000, 1280), "float32") * 0.02
    vectors[:, 0] += 0.9
    vectors[17] = 0
    numpy.save(shell.directory / "images.npy", vectors)
    shell.session(the_block("console", "image-moments"))


def test_the_files(shell):
    shell.run(the_block("sh", "street.npy          "))
    array = numpy.load(shell.directory / "street.npy")
    ids = (shell.directory / "street.ids").read_text().splitlines()
    assert len(array) == len(ids) == 2
    assert (shell.directory / "street.safetensors").stat().st_size > 0


def test_the_lines(shell):
    """After the session, over its dataset."""
    shell.run(the_block("sh", "captions.jsonl "))
    for name, rows in (("captions.jsonl", 2), ("dialogues.jsonl", 1)):
        lines = [json.loads(line) for line in (shell.directory / name).read_text().splitlines()]
        assert len({line["id"] for line in lines}) == len(lines) == rows, name


def test_the_export(shell):
    """After the session, over its dataset."""
    assert '"succeeded"' in shell.run(the_block("sh", "/exports "))
    rows = [json.loads(line) for line in (shell.directory / "pretrain.jsonl").read_text().splitlines()]
    ids = (shell.directory / "representations.ids").read_text().splitlines()
    assert [row["id"] for row in rows] == ids and len(ids) == 2
    assert numpy.load(shell.directory / "representations.npy").shape == (2, 1280)
    assert {f["name"] for f in json.loads((shell.directory / "manifest.json").read_text())["files"]} == {
        "pretrain.jsonl", "instruct.jsonl", "representations.npy", "representations.ids"}


@pytest.fixture
def declared(new_server, model_server, tmp_path):
    """With the configuration file that the README shows, whose servers are the model server."""
    secret = tmp_path / "llm_key"
    secret.write_text("a-key")
    text = the_block("ini", "[provider big]").replace("/run/secrets/llm_key", str(secret))
    text = re.sub(r"https?://[^\s,]+", model_server.url, text)
    text = text.replace(f"kind = tei\nurl = {model_server.url}", f"kind = tei\nurl = {model_server.url[:-3]}")
    config = tmp_path / "monoceros.ini"
    config.write_text(text)
    model_server.control(dimension=1024)
    made = new_server(start=False)
    made.args = ["--config", config]
    made.migrate()
    return Shell(made.start(), tmp_path)


def test_the_pilot_and_vectors_from_elsewhere(declared):
    session = list(steps(the_block("console", "/seeds/import")))
    for command, _ in session[:2]:
        declared.run(command)
    pilot = declared.run(the_block("sh", '"dry_run"'))
    found = re.search(r'"id":"([0-9a-f]{32})"', pilot)
    assert found, pilot
    run = found.group(1)
    said = declared.run(f"curl -s 'localhost:8080/v1/runs/{run}?wait=60s'")
    assert '"state":"succeeded"' in said and '"estimate":[{' in said, said
    declared.run(the_block("sh", "street.npy          "))
    os.rename(declared.directory / "street.safetensors", declared.directory / "vectors.safetensors")
    base = "base=localhost:8080/v1/datasets/street\n"
    said = declared.run(base + the_block("sh", "cat street.ids"))
    assert said.count('"refused":0') == 2, said


def test_the_keys(guarded_server, tmp_path):
    said = Shell(guarded_server, tmp_path).run(the_block("sh", "keys create"))
    assert said.startswith('{"key":"mono_') and '"datasets":["streets"]' in said


@pytest.mark.parametrize("word", ["MONOCEROS_LLM_URL=", "MONOCEROS_ENCODER_PATH="])
def test_the_settings(new_server, word):
    """`monoceros config` knows what the README exports."""
    exports = "".join(line + "\n" for line in the_block("sh", word).splitlines() if line.startswith("export"))
    said = Shell(new_server(start=False), ROOT).run(exports + "monoceros config")
    for name, value in re.findall(r"(MONOCEROS_\w+)=(\S+)", exports):
        assert value in said, name
