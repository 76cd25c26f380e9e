"""Exports of 24,000 real seeds, and what the API says of the same rows."""
import base64
import os
import pathlib
import subprocess
import sys

import numpy
import pytest
import requests

from support import keys
from support.client import Api
from support.cluster import Database
from support.dataset import Dataset
from support.seeds import real_seeds
from support.server import ROOT, Server
from support.wait import PATIENCE, until

FOLDER = ROOT / "examples/training"
WORLD, WORKERS = 4, 2
sys.path[:0] = [str(FOLDER), str(pathlib.Path(__file__).parent)]


class Story:
    """A server that wants keys, its dataset, and the exports that were made of it."""

    def __init__(self, server, place):
        self.server, self.place = server, place
        self.admin = Api(server.base, keys.create(server, "admin"))
        self.key = keys.create(server, "read", "export")
        self.dataset = Dataset(self.admin, "flickr", shards=16, vector_type="float32")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.key}"

    def make(self, seeds):
        self.dataset.load(seeds, Content_Encoding="gzip")
        self.dataset.run()

    def export(self, **body):
        """The URL of a finished export."""
        made = self.admin.call("create_export", dataset=self.dataset.name, json=body).json()
        path = made["links"]["self"]
        answer = until(lambda: self._ended(path), "the export to end")
        assert answer["state"] == "succeeded", answer
        return self.server.base + path

    def _ended(self, path):
        answer = self.admin.get(path, params={"wait": "20s"}, expect=200).json()
        return answer if answer["state"] in ("succeeded", "failed", "cancelled") else None

    def download(self, url, name):
        folder = self.place / name
        subprocess.run([FOLDER / "download.sh", url, folder], check=True, timeout=PATIENCE,
                       env={**os.environ, "MONOCEROS_API_KEY": self.key})
        return folder

    def listed(self, what, **params):
        """All items of a list of the dataset, without a look at each by the document."""
        token, items = None, []
        while True:
            query = {**params, "page_size": 500, **({"page_token": token} if token else {})}
            answer = self.session.get(f"{self.server.base}{self.dataset.path}/{what}", params=query, timeout=PATIENCE)
            answer.raise_for_status()
            items += answer.json()["items"]
            token = answer.json().get("next_page_token")
            if token is None:
                return items


class Told:
    """What the lists of the API have, in the order of exports."""

    def __init__(self, story):
        captions = {c["id"]: c for c in story.listed("captions")}
        vectors = {v["id"]: v["vector_base64"] for v in
                   story.listed("representations", transfer="mean_shift", encoding_format="base64")}
        self.ids = [id for id in captions if id in vectors]
        self.row = {id: row for row, id in enumerate(self.ids)}
        self.captions = [captions[id] for id in self.ids]
        self.texts = {id: captions[id]["text"] for id in self.ids}
        self.vectors = numpy.array([numpy.frombuffer(base64.b64decode(vectors[id]), "<f4") for id in self.ids])
        self.dialogues = [d for d in story.listed("dialogues", format="llava") if d["id"] in self.row]

    def check_pretrain(self, samples):
        assert [s["id"] for s in samples] == self.ids
        for sample in samples:
            human, gpt = sample["conversations"]
            assert sample["caption"] == gpt["value"] == self.texts[sample["id"]] and sample["dialogue_id"] == ""
            assert (human["from"], gpt["from"]) == ("human", "gpt") and human["value"].startswith("<image>\n")

    def check_instruct(self, samples):
        """In the order of captions, and of tasks in each."""
        expected = {d["dialogue_id"]: d for d in self.dialogues}
        assert len(samples) == len(expected)
        assert [self.row[s["id"]] for s in samples] == sorted(self.row[d["id"]] for d in self.dialogues)
        for sample in samples:
            assert sample == {k: expected[sample["dialogue_id"]][k] for k in sample}


@pytest.fixture(scope="session")
def story(cluster, tmp_path_factory):
    packed, _ = real_seeds()
    server = Server(Database(cluster), MONOCEROS_AUTH="keys", MONOCEROS_BAD_KEYS_PER_MINUTE=0)
    try:
        server.migrate()
        server.start()
        made = Story(server, tmp_path_factory.mktemp("exports"))
        made.make(packed)
        yield made
        server.stop()
    finally:
        server.destroy()


@pytest.fixture(scope="session")
def told(story):
    made = Told(story)
    assert len(made.ids) > 20_000 and len(made.dialogues) > 5_000
    return made


@pytest.fixture(scope="session")
def url(story):
    """Of an export in every format, in as many files as there are workers on all ranks."""
    return story.export(formats=["llava", "llava-array", "captions", "npy", "safetensors", "webdataset"],
                        files=WORLD * WORKERS)


@pytest.fixture(scope="session")
def folder(story, url):
    return story.download(url, "float16")


@pytest.fixture(autouse=True)
def key(request, monkeypatch):
    """Where the examples look for it."""
    if "story" in request.fixturenames:
        monkeypatch.setenv("MONOCEROS_API_KEY", request.getfixturevalue("story").key)


@pytest.fixture(params=["directory", "url"])
def where(request, story, url):
    return url if request.param == "url" else request.getfixturevalue("folder")


def once(found, expected):
    """Each of them, once, in whatever order."""
    found = list(found)
    assert len(found) == len(set(found)) == len(expected) and set(found) == set(expected)
