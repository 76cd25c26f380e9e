"""The program's other commands, and settings that it refuses."""
import json

import pytest

from support.client import Api
from support.cluster import Database
from support.server import ROOT, free_port, run


def settings(database, **more):
    return {"MONOCEROS_DATABASE_URL": database.url, "MONOCEROS_LISTEN": f"127.0.0.1:{free_port()}", **more}


def test_migrate_twice(cluster):
    database = Database(cluster)
    first = run("migrate", **settings(database))
    assert first.returncode == 0, first.stderr
    tables = database.query("SELECT relname, relkind FROM pg_class WHERE relnamespace = "
                            "'public'::regnamespace ORDER BY relname")
    assert run("migrate", **settings(database)).returncode == 0
    assert tables == database.query("SELECT relname, relkind FROM pg_class WHERE relnamespace = "
                                    "'public'::regnamespace ORDER BY relname")


def test_migrations_by_hand(cluster):
    """They are plain SQL that a DBA can run with psql."""
    database = Database(cluster)
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        database.execute(path.read_text(encoding="utf-8"))
    assert database.value("SELECT count(*) FROM datasets") == 0


def test_healthcheck(new_server):
    server = new_server()
    assert run("healthcheck", **server.settings).returncode == 0
    server.stop()
    done = run("healthcheck", **server.settings)
    assert done.returncode != 0 and done.stderr


def test_config_shows_sources_and_hides_secrets(cluster, tmp_path):
    secret = tmp_path / "key"
    secret.write_text("sk-very-secret\n")
    database = Database(cluster)
    done = run("config", "--listen", "127.0.0.1:1234",
               MONOCEROS_DATABASE_URL=database.url + "&password=pw-very-secret",
               MONOCEROS_LLM_URL="http://localhost:9/v1", MONOCEROS_LLM_MODEL="m",
               MONOCEROS_LLM_API_KEY_FILE=secret)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "very-secret" not in text + done.stderr.decode()
    listen, = [line for line in text.splitlines() if line.startswith("listen ")]
    assert "127.0.0.1:1234" in listen and "flag" in listen
    model, = [line for line in text.splitlines() if line.startswith("llm_model")]
    assert "MONOCEROS_LLM_MODEL" in model or "environment" in model
    lease, = [line for line in text.splitlines() if line.startswith("lease ")]
    assert "default" in lease


def test_config_shows_an_encoder_by_its_path(cluster):
    done = run("config", MONOCEROS_ENCODER_PATH="/models/clip", **settings(Database(cluster)))
    path, = [line for line in done.stdout.decode().splitlines() if line.startswith("encoder_path")]
    assert "/models/clip" in path and "MONOCEROS_ENCODER_PATH" in path


@pytest.mark.parametrize("name, value", [
    ("MONOCEROS_LISTEN", "nonsense"), ("MONOCEROS_LISTEN", "127.0.0.1:99999"),
    ("MONOCEROS_HTTP_WORKERS", "0"), ("MONOCEROS_HTTP_WORKERS", "many"), ("MONOCEROS_LEASE", "1"),
    ("MONOCEROS_LOG_LEVEL", "loud"), ("MONOCEROS_LLM_URL", "ftp://x/v1"), ("MONOCEROS_RANGE_SIZE", "-1")])
def test_a_wrong_setting_is_named(cluster, name, value):
    done = run("serve", **{**settings(Database(cluster)), name: value})
    assert done.returncode != 0
    said = done.stderr.decode().lower()
    assert name.lower() in said or name.removeprefix("MONOCEROS_").lower() in said


def test_a_wrong_flag_is_named(cluster):
    done = run("serve", "--colour", "red", **settings(Database(cluster)))
    assert done.returncode != 0 and b"colour" in done.stderr


@pytest.mark.parametrize("auth, status", [("auto", 401), ("none", 200)])
def test_other_machines_are_not_served_without_keys(new_server, auth, status):
    server = new_server(start=False, MONOCEROS_AUTH=auth)
    server.settings["MONOCEROS_LISTEN"] = f"0.0.0.0:{server.port}"
    server.migrate()
    server.start()
    assert Api(server.base).call("list_datasets", expect=status).status == status
    assert (b"without a key" in server.log()) == (auth == "none")


def test_unknown_command():
    done = run("dance")
    assert done.returncode != 0 and b"dance" in done.stderr


def test_tables_is_json():
    assert set(json.loads(run("tables").stdout)) == {"routes", "filters", "settings"}
