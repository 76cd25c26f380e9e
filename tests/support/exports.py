"""Finished exports as they lie in the database and on the disk, for tests of what reads them."""
import hashlib
import os
import pathlib
import secrets


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Export:
    """One with these files, {name: bytes}, of a dataset. It is there before anybody is told its id."""

    def __init__(self, database, dataset, files, state="succeeded", served=True):
        self.database, self.id = database, secrets.token_hex(16)
        self.files = files
        self.folder = database.artefacts / self.id
        self.folder.mkdir(parents=True)
        number = database.value("SELECT number FROM datasets WHERE deleted_at IS NULL"
                                f" AND name = {quoted(dataset)}")
        for name, data in files.items():
            self.on_disk(name).write_bytes(data)
            database.execute(
                "INSERT INTO export_files (export_id, name, path, piece, format, served, rows, bytes, sha256) VALUES"
                f" ('{self.id}', {quoted(name)}, {quoted(self.on_disk(name).name)}, 0, 'llava', {served}, 1,"
                f" {len(data)}, '\\x{hashlib.sha256(data).hexdigest()}')")
        database.execute(
            "INSERT INTO exports (export_id, dataset, sequence, state, include, formats, view, dialogue_view, dtype,"
            " files, allow_offline, trial, finished_at) VALUES"
            f" ('{self.id}', {number}, (SELECT coalesce(max(sequence), 0) + 1 FROM exports WHERE dataset = {number}), {quoted(state)},"
            " '{captions}', '{llava}', '{}', '{}', 'float16', 1, false, true,"
            " date_trunc('second', now()) + interval '0.7 s' - interval '1 hour')")

    def on_disk(self, name):
        """Not under its name: what the database has for it decides."""
        return self.folder / f"{name}.1"

    def path(self, name):
        return f"/v1/exports/{self.id}/files/{name}"

    def delete(self):
        self.database.execute(f"UPDATE exports SET deleted_at = now() WHERE export_id = '{self.id}'")


def open_files(server):
    """What the process has open in the artefact directory."""
    found = []
    for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:  # closed meanwhile
            continue
        if str(server.database.artefacts) in target:
            found.append(target)
    return found
