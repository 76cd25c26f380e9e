"""kill -9, a stopped process and a lost lease in the middle of an export: nothing of it is visible
before all is, and begun again it comes to the same bytes."""
import hashlib
import os
import signal

import pytest
import requests

from support.client import Api
from support.cluster import Database
from support.dataset import EVERY_TASK, Dataset
from support.exporting import Export, check_digests, make
from support.seeds import generate
from support.server import Server, sanitized
from support.wait import until

SEEDS = 3000
SHARDS = 4
# So that a server notices the death of another one soon.
SETTINGS = {"MONOCEROS_LEASE": 2, "MONOCEROS_RENEW": 1, "MONOCEROS_EXPORT_THREADS": 1}
# Captions are read slowly, so that there is time to strike in between.
SLOW = """
CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN PERFORM pg_sleep(0.001); RETURN true; END $$;
CREATE POLICY slowly ON captions USING (slowly());
ALTER TABLE captions ENABLE ROW LEVEL SECURITY;
ALTER TABLE captions FORCE ROW LEVEL SECURITY;
"""
FAST = """ALTER TABLE captions NO FORCE ROW LEVEL SECURITY; ALTER TABLE captions DISABLE ROW LEVEL SECURITY;
          DROP POLICY slowly ON captions; DROP FUNCTION slowly()"""
BODY = {"formats": ["llava", "llava-array", "npy", "webdataset"], "files": 2}


@pytest.fixture(scope="module")
def place(cluster):
    """A server, its dataset, and what an undisturbed export of it is."""
    server = Server(Database(cluster), **SETTINGS)
    server.migrate()
    server.start()
    dataset = Dataset(Api(server.base), "exported", SHARDS)
    dataset.load(generate(SEEDS))
    dataset.run(dialogues={"mix": EVERY_TASK})
    export = make(dataset, **BODY)
    yield server, dataset, {f["name"]: f["sha256"] for f in export.manifest["files"]}
    server.destroy()


def seeds_done(server, export):
    """Of its groups so far; None before one has begun."""
    done = server.database.value("SELECT sum(done) FILTER (WHERE attempts > 0) FROM tasks "
                                 f"WHERE run_id = '{export.id}' AND stage = 'export'")
    return None if done is None else int(done)


def invisible(export):
    """Nobody sees anything of it: no manifest, no file, not even under a name that is on the disk."""
    answer = export.api.call("get_export", export=export.id).json()
    assert answer["state"] in ("queued", "running") and "manifest" not in answer
    export.api.call("get_export_result", export=export.id, expect=404)
    directory = export.directory
    for name in ["manifest.json", "pretrain.json", "pretrain-00000-of-00002.jsonl",
                 *(os.listdir(directory) if directory.is_dir() else [])]:
        response = requests.get(f"{export.api.base}/v1/exports/{export.id}/files/{name}", timeout=20)
        assert response.status_code == 404, name


def whole(export, expected):
    """It is what it would have been, and nothing is left beside it."""
    export.wait()
    assert {f["name"]: f["sha256"] for f in export.manifest["files"]} == expected
    check_digests(export)
    until(lambda: sorted(os.listdir(export.directory)) == sorted([*expected, "manifest.json", "README.md"]),
          "the names of the files")
    for name, digest in expected.items():
        assert hashlib.sha256((export.directory / name).read_bytes()).hexdigest() == digest


def begun(server, dataset, seeds):
    server.database.execute(SLOW)
    export = Export(dataset, **BODY)
    export.directory = server.database.artefacts / export.id
    until(lambda: (seeds_done(server, export) or -1) >= seeds or seeds == 0 == seeds_done(server, export),
          "the export to be on its way")
    return export


@pytest.mark.parametrize("seeds", [700] if sanitized() else [0, 700, 2200])
def test_killed_in_the_middle(place, seeds):
    server, dataset, expected = place
    export = begun(server, dataset, seeds)
    invisible(export)
    server.kill()
    server.database.execute(FAST)
    server.start()
    invisible_or_done(export)
    whole(export, expected)


def invisible_or_done(export):
    """The restart may be as fast as we are."""
    state = export.api.call("get_export", export=export.id).json()["state"]
    assert state in ("queued", "running", "succeeded")


def test_killed_while_it_is_put_together(place):
    """Every group is made; the task of the manifest is what is cut off."""
    server, dataset, expected = place
    server.database.execute("""
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
        CREATE TRIGGER never BEFORE UPDATE OF manifest ON exports FOR EACH ROW EXECUTE FUNCTION never()""")
    export = Export(dataset, **BODY)
    export.directory = server.database.artefacts / export.id
    until(lambda: export.directory.is_dir() and any(n.startswith("manifest.json") for n in
                                                     os.listdir(export.directory)), "the manifest")
    invisible(export)
    server.kill()
    server.database.execute("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                               WHERE pid <> pg_backend_pid() AND datname = current_database();
                               DROP TRIGGER never ON exports; DROP FUNCTION never()""")
    server.start()
    whole(export, expected)


def test_a_process_that_comes_back_writes_nothing(place):
    """One is stopped, another one takes its group over; when it goes on, its files go."""
    server, dataset, expected = place
    other = Server(server.database, **SETTINGS)
    try:
        export = begun(server, dataset, 700)
        server.process.send_signal(signal.SIGSTOP)
        server.database.execute("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                   WHERE datname = current_database() AND query LIKE '%captions c%'
                                     AND pid <> pg_backend_pid()""")
        server.database.execute(FAST)
        other.start()
        export.api = Api(other.base)
        export.wait()
        server.process.send_signal(signal.SIGCONT)
        whole(export, expected)
        other.stop()
        export.api = Api(server.base)
        whole(export, expected)
    finally:
        server.process.send_signal(signal.SIGCONT)
        other.destroy()


def test_a_cancelled_one_stops_and_leaves_nothing(place):
    server, dataset, _ = place
    export = begun(server, dataset, 500)
    export.api.call("cancel_export", export=export.id)
    export.wait("cancelled")
    until(lambda: not export.directory.exists(), "the files to go")
    until(lambda: int(server.database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
        "AND datname = current_database() AND query LIKE '%FROM captions c%'")) == 0, "the reading to end")
    server.database.execute(FAST)
    export.api.call("get_export_result", export=export.id, expect=404)


def test_two_processes_share_the_groups(place):
    server, dataset, _ = place
    other = Server(server.database, **SETTINGS)
    try:
        other.start()
        server.database.execute(SLOW)
        export = Export(dataset, ["llava"], files=SHARDS)
        until(lambda: int(server.database.value(
            f"SELECT count(DISTINCT worker) FROM tasks WHERE run_id = '{export.id}'")) == 2,
            "both to have a group")
        server.database.execute(FAST)
        export.wait()
        check_digests(export)
        other.stop()
    finally:
        other.destroy()


def test_a_shard_is_read_as_of_one_moment(place):
    """What happens to the captions while a shard is being read is not in its files, in none of them."""
    server, _, _ = place
    dataset = Dataset(Api(server.base), "moment", 1)
    dataset.load(generate(3000))
    dataset.run(["captions"])
    ids = {c["id"] for c in dataset.captions(page_size=1000)}
    server.database.execute(SLOW)
    export = Export(dataset, ["llava", "captions"], include=["captions"])
    until(lambda: (seeds_done(server, export) or 0) >= 1000, "the export to be on its way")
    server.database.execute("UPDATE captions SET rejected = true WHERE shard_id / 65536 = "
                            "(SELECT number FROM datasets WHERE name = 'moment')")
    server.database.execute(FAST)
    export.wait()
    assert {r["id"] for r in export.rows("pretrain")} == {r["id"] for r in export.rows("captions")} == ids
