"""Starts the service with a dataset that has everything, and lets Schemathesis at it.

Usage: harness.py SCHEMATHESIS FOLDER REQUESTS [ARGUMENTS OF schemathesis run]
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support import keys  # noqa: E402
from support.client import CONTRACT, Api  # noqa: E402
from support.cluster import Cluster, Database  # noqa: E402
from support.examples import Examples  # noqa: E402
from support.model_server import ModelServer  # noqa: E402
from support.server import Server  # noqa: E402


SEQUENCES, ROUNDS_MAX = 100, 30


def prepare(server, models, folder):
    """The dataset, and what the hooks and the configuration want to know of it; the key."""
    key = keys.create(server, "admin")
    api = Api(server.base, key)
    examples = Examples(api, models, server.database)
    spared = [one["id"] for one in api.items("/v1/keys") if "admin" in one["scopes"]]
    folder.mkdir(parents=True, exist_ok=True)
    names = folder / "names"
    names.mkdir(exist_ok=True)
    for kind, value in {**examples.real, "dataset": examples.dataset.name}.items():
        (names / f"{kind}.txt").write_text(f'"{value}"\n', encoding="ascii")
    world = {"real": examples.real, "authorization": key, "dataset": examples.dataset.name,
             "spared_keys": spared}
    (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
    (folder / "embeddings.safetensors").write_bytes(examples.embeddings())
    shutil.copy(HERE / "schemathesis.toml", folder)
    return key


class Sessions:
    """Runs of Schemathesis, one after the other, against one server."""

    def __init__(self, program, folder, server, key, wanted):
        # Each operation gets the same share of the requests that are wanted.
        share = -(-wanted // len(CONTRACT.operations))
        self.folder, self.output, self.code = folder, folder / "output.txt", 0
        self.command = [program, "run", f"{server.base}/openapi.json", "--checks", "all", "--header",
                        f"Authorization: Bearer {key}", "--max-examples", str(share),
                        "--report", "json", "--report-json-path", "report.json"]
        self.environment = {**os.environ, "MONOCEROS_SCHEMATHESIS": str(folder),
                            "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"}

    def run(self, *arguments):
        with self.output.open("ab") as output:
            done = subprocess.run([*self.command, *arguments], cwd=self.folder, env=self.environment,
                                  stdout=output, stderr=output, check=False)
        self.code = self.code or done.returncode

    def all(self):
        """Single requests, then sequences: of these Schemathesis gives up after a few at a time."""
        self.run("--phases", "examples,coverage,fuzzing")
        for seed in range(1, ROUNDS_MAX + 1):
            if self.said("Scenarios:", "") >= SEQUENCES:
                break
            self.run("--phases", "stateful", "--seed", str(seed))

    def said(self, before, after):
        """The sum of what stands between the two words, in all sessions."""
        text = self.output.read_text(encoding="utf-8")
        return sum(map(int, re.findall(rf"{before}\s+(\d+){after}", text)))


def summary(server):
    """What the server's own log says: requests, and those that it answered with 5xx."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith(b'{"time"')]
    answers = [line for line in lines if line.get("event") == "request"]
    broken = [line for line in answers if line["status"] >= 500 and line.get("operation") != "readyz"]
    return answers, broken


def main():
    program, folder, wanted, *arguments = sys.argv[1:]
    folder, wanted = pathlib.Path(folder), int(wanted)
    shutil.rmtree(folder, ignore_errors=True)
    cluster, models = Cluster(), ModelServer(dimension=64)
    try:
        models.start()
        server = Server(Database(cluster), MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=0,
                        MONOCEROS_REQUEST_THREADS=16,
                        MONOCEROS_LLM_URL=models.url, MONOCEROS_LLM_MODEL="test-model",
                        MONOCEROS_ENCODER_URL=models.url, MONOCEROS_ENCODER_MODEL="test-encoder")
        server.migrate()
        server.start()
        key = prepare(server, models, folder)
        start = time.monotonic()
        sessions = Sessions(program, folder, server, key, wanted)
        print(f"schemathesis: {sessions.output} has all that it says", flush=True)
        if arguments:
            sessions.run(*arguments)
        else:
            sessions.all()
        took = time.monotonic() - start
        server.stop()
        answers, broken = summary(server)
        (folder / "server.log").write_bytes(server.log())
    finally:
        models.stop()
        cluster.remove()
    print(sessions.output.read_text(encoding="utf-8"))
    sequences, links = sessions.said("Scenarios:", ""), sessions.said("API Links:", " covered")
    print(f"schemathesis: {len(answers)} requests in {took:.0f} s, {len(broken)} answered with 5xx, "
          f"{sequences} sequences over {links} links, exit code {sessions.code}; all is in {folder}")
    for line in broken[:10]:
        print(json.dumps(line))
    too_little = not arguments and (len(answers) < wanted or sequences < SEQUENCES or not links)
    if too_little:
        print(f"schemathesis: {wanted} requests and {SEQUENCES} sequences over links were wanted")
    return sessions.code or int(bool(broken) or too_little)


if __name__ == "__main__":
    sys.exit(main())
