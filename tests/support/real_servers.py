"""Real servers of the OpenAI protocol for tests, with models of random weights that are made here.

`obtain()` answers why a server cannot be had on this machine, or None; nothing of the system is changed.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import urllib.request

import pytest

from support import tiny_model
from support.server import ROOT, free_port
from support.wait import until

FETCH_S = 300


class RealServer:
    """A server in a process group of its own, which ends with the tests. What it does of the protocol:
    `keys`, asks for one; `schemas`, holds answers to them; `caches`, tells of tokens that it had; `refuses`,
    says no to what is longer than its context."""

    name = None
    keys = schemas = caches = refuses = True

    def __init__(self, folder, api_key, context=8192, slots=2):
        self.folder, self.api_key, self.context, self.slots = pathlib.Path(folder), api_key, context, slots
        self.port = free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = self.root + "/v1"
        self.log = self.folder / "log"
        self.model = self.served = "tiny-random"  # as it is asked for, and as it calls itself
        self.process = None

    @classmethod
    def obtain(cls):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command()], cwd=self.folder,
                                            env=self.environment(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        until(self.is_ready, f"{self.name} to become ready", pause=0.05)
        return self

    def environment(self):
        return dict(os.environ)

    def is_ready(self):
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.log_tail()}"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.root + "/health",
                                                                                  timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def kill(self):
        """SIGKILL to all of it: what was being answered is gone."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


class LlamaServer(RealServer):
    """llama.cpp's server as Debian packages it; it holds answers to a schema by a grammar."""

    name = "llama-server"
    tool = ROOT / "tools/llama_server.sh"

    @classmethod
    def obtain(cls):
        try:
            done = subprocess.run([cls.tool, "fetch"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=FETCH_S, check=False)
        except subprocess.TimeoutExpired:
            return f"{cls.name} could not be fetched within {FETCH_S} s"
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def command(self):
        path = self.folder / "tiny.gguf"
        if not path.exists():
            path.write_bytes(tiny_model.gguf())
        return [self.tool, "run", "--model", path, "--alias", self.model, "--host", "127.0.0.1",
                "--port", str(self.port), "--api-key", self.api_key, "--parallel", str(self.slots),
                "--ctx-size", str(self.context * self.slots), "--threads", "1"]


class Vllm(RealServer):
    """vLLM on the CPU, where tools/vllm_server.sh has fetched it."""

    name = "vllm"
    tool = ROOT / "tools/vllm_server.sh"

    @classmethod
    def obtain(cls):
        done = subprocess.run([cls.tool, "run", cls.name, "--help"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def command(self):
        path = self.folder / "model"
        if not path.exists():
            tiny_model.folder(path, self.context)
        return [self.tool, "run", self.name, "serve", path, "--served-model-name", self.model, "--host", "127.0.0.1",
                "--port", str(self.port), "--api-key", self.api_key, "--max-num-seqs", str(self.slots),
                "--max-model-len", str(self.context), "--dtype", "float32", "--enforce-eager",
                "--enable-prompt-tokens-details"]


class Transformers(Vllm):
    """The server of Hugging Face's transformers: no keys, no schemas, no limits, one answer at a time."""

    name = "transformers"
    keys = schemas = caches = refuses = False

    def __init__(self, folder, api_key, **settings):
        super().__init__(folder, api_key, **settings)
        self.model = str(self.folder / "model")
        self.served = self.model + "@main"

    def command(self):
        tiny_model.folder(self.model, self.context)
        return [self.tool, "run", self.name, "serve", self.model, "--host", "127.0.0.1", "--port", str(self.port),
                "--device", "cpu"]


class MiniLm(RealServer):
    """A small pretrained text encoder behind examples/embeddings_server.py."""

    name = "all-MiniLM-L6-v2"
    tool = ROOT / "tools/minilm.sh"

    def __init__(self, folder):
        super().__init__(folder, None)

    @classmethod
    def obtain(cls):
        try:
            done = subprocess.run([cls.tool, "fetch"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=FETCH_S, check=False)
        except subprocess.TimeoutExpired:
            return f"{cls.name} could not be fetched within {FETCH_S} s"
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def command(self):
        return [self.tool, "run", "--port", str(self.port), "--name", self.name]


def made(kind, **settings):
    """A server of the kind, started, in a folder that goes with it; for fixtures. Skips where there is
    none, or where it does not start: both are no fault of the service."""
    missing = kind.obtain()
    if missing:
        pytest.skip(missing)
    folder = tempfile.mkdtemp(prefix="monoceros-real-")
    server = kind(folder, **settings)
    try:
        try:
            server.start()
        except AssertionError as problem:
            pytest.skip(str(problem))
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
