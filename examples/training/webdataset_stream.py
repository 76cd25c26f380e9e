"""Samples of an export with the `webdataset` library: its tar files through curl, or from a directory.

    MONOCEROS_API_KEY=… python3 webdataset_stream.py http://host:8080/v1/exports/…

A tar file goes to one worker of one rank, so make the export with at least as many `files` as there are workers
on all ranks. The key reaches curl by a pipe and is in no list of processes.
"""
import shlex
import sys

import webdataset

from monoceros_export import Export, Mismatch

CURL = """printf 'header = "Authorization: Bearer %s"' "$MONOCEROS_API_KEY" | """ \
       "curl --config - --fail --silent --show-error --retry 8 --connect-timeout 30 "
OPEN_CURL = "curl --fail --silent --show-error --retry 8 --connect-timeout 30 "


def place(export, name):
    if not export.remote:
        return str(export.path(name))
    return "pipe:" + (CURL if export.headers else OPEN_CURL) + shlex.quote(export.url(name))


def stream(where, state=None):
    """Samples with `json` (id, caption, dialogues), `txt` (the caption) and `npy` (the vector), each held to its
    id. `state` is what `advance` made of those that were trained on."""
    export, state = Export(where), state or {}
    rows = {place(export, f["name"]): f["rows"] for f in export.files("webdataset")}

    def unfinished(shards):
        return (shard for shard in shards if state.get(shard["url"], 0) < rows[shard["url"]])

    def behind(found):
        seen = {}
        for sample in found:
            at = seen[sample["__url__"]] = seen.get(sample["__url__"], 0) + 1
            if at > state.get(sample["__url__"], 0):
                sample["__place__"] = at
                yield sample

    def checked(found):
        for sample in found:
            if sample["__key__"] != sample["json"]["id"] or sample["txt"] != sample["json"]["caption"]:
                raise Mismatch(f"the parts of the sample {sample['__key__']} are not of one caption")
            export.check(sample["json"])
            yield sample

    return webdataset.DataPipeline(
        webdataset.SimpleShardList(list(rows)), webdataset.split_by_node, webdataset.split_by_worker, unfinished,
        webdataset.tarfile_to_samples(), behind, webdataset.decode(), checked)


def advance(state, sample):
    """Notes that a sample was trained on; the state fits JSON."""
    state[sample["__url__"]] = sample["__place__"]
    return state


if __name__ == "__main__":
    for number, one in enumerate(stream(sys.argv[1])):
        print(one["__key__"], one.get("npy", [[]])[:3], one["txt"][:60])
        if number == 9:
            break
