"""Canaries: secrets go through everything that there is, and are looked for wherever things are kept
or shown."""
import os
import subprocess

import pytest

from conftest import model_settings, unique_name
from support import keys
from support.client import CONTRACT, Api
from support.dataset import EVERY_TASK, Dataset
from support.samples import Samples
from support.seeds import generate
from support.server import run

LLM_KEY, ENCODER_KEY, PASSWORD = "sk-canary-llm-7f3a", "sk-canary-encoder-91bc", "canary-password-55d0"


def with_password(url):
    return f"{url}&password={PASSWORD}"


def dump(database):
    """All rows of all tables, as text."""
    done = subprocess.run(["pg_dump", "--data-only", "--inserts", "--username=postgres",
                           f"--host={database.cluster.home}", database.name],
                          stdout=subprocess.PIPE, check=True, env={**os.environ, "PGCONNECT_TIMEOUT": "10"})
    return done.stdout.decode()


@pytest.fixture
def guarded(new_server, model_server):
    """A server whose model servers want keys, and who wants one too; at its most talkative."""
    made = new_server(start=False, MONOCEROS_AUTH="keys", MONOCEROS_LLM_API_KEY=LLM_KEY,
                      MONOCEROS_ENCODER_API_KEY=ENCODER_KEY, MONOCEROS_LOG_LEVEL="debug",
                      **model_settings(model_server))
    made.settings["MONOCEROS_DATABASE_URL"] = with_password(made.database.url)
    made.migrate()
    return made.start()


def tell_all(api, samples):
    """Every answer that a GET gives."""
    return "".join(api.call(o.id, **samples.arguments(o)).content.decode("latin-1")
                   for o in CONTRACT.operations if o.method == "GET")


def test_secrets_stay_where_they_are(guarded, model_server):
    root = keys.create(guarded, "admin")
    api = Api(guarded.base, root)
    world = Dataset(api, unique_name("canary"))
    world.load(generate(30))
    run_id = world.run(dialogues={"mix": EVERY_TASK})["id"]
    samples = Samples(world, run_id)

    # What goes wrong is kept with its cause: here the model server repeats its key in each error.
    model_server.control(faults=[{"kind": "echo_key"}])
    world.add(["Something that no model describes."])
    world.wait(world.start(["captions"])["id"])
    model_server.control(faults=[])
    failures = world.failures()
    assert any("Bearer ****" in str(f) for f in failures), failures

    made = api.call("create_key", json={"name": "canary", "scopes": ["read", "export"]}).json()
    rotated = api.call("rotate_key", key=made["id"], json={}).json()
    for bad in (made["key"][:-1], keys.forged(secret="c" * 43), keys.forged(id=made["id"])):
        Api(guarded.base, bad).call("list_datasets", expect=401)
    Api(guarded.base, rotated["key"]).call("list_keys", expect=403)
    signed = Api(guarded.base, made["key"]).call(
        "sign_url", json={"url": f"/v1/datasets/{world.name}/representations.ids"}).json()["url"]
    Api(guarded.base).get(signed, expect=200)
    config = run("config", **guarded.settings).stdout.decode()

    shown = {"the answers": tell_all(api, samples), "the log": guarded.log().decode(),
             "the database": dump(guarded.database), "monoceros config": config}
    secrets = {"key of the language model": LLM_KEY, "key of the encoder": ENCODER_KEY,
               "password of the database": PASSWORD, "secret of a key": made["key"][18:61],
               "secret of a rotated key": rotated["key"][18:61], "secret of the first key": root[18:61],
               "secret that nobody has": "c" * 43, "signature": signed[-64:]}
    for where, text in shown.items():
        for what, secret in secrets.items():
            assert secret not in text, f"{where}: {what}"
    # The places were the right ones: what is not secret is there.
    assert made["id"] in shown["the answers"] and made["id"] in shown["the log"]
    assert made["id"] in shown["the database"] and "api_key" in config
