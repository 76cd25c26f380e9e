"""Samples of an export with Hugging Face `datasets`, streamed from the server.

    MONOCEROS_API_KEY=… python3 hf_datasets.py http://host:8080/v1/exports/… [pretrain|instruct]

A rank takes its part by `split_dataset_by_node`, whole files where their number is a multiple of the ranks; in a
DataLoader as many workers are busy as the rank has files. `state_dict()` and `load_state_dict()` resume. The
vectors are in other files, by id: monoceros_torch.py joins them.
"""
import os
import sys

from datasets import load_dataset
from datasets.distributed import split_dataset_by_node

from monoceros_export import Export


def stream(where, part="pretrain", rank=0, world=1):
    export = Export(where)
    place = export.url if export.remote else lambda name: str(export.path(name))
    headers = {"headers": export.headers} if export.headers else {}
    rows = load_dataset("json", data_files=[place(f["name"]) for f in export.files("llava", part) if f["rows"]],
                        split="train", streaming=True, storage_options={"http": headers, "https": headers})
    return split_dataset_by_node(rows, rank, world) if world > 1 else rows


if __name__ == "__main__":
    ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    for number, sample in enumerate(stream(*sys.argv[1:3], *(() if len(sys.argv) > 2 else ("pretrain",)), *ranks)):
        print(sample["id"], sample["conversations"][0]["value"].splitlines()[-1])
        if number == 9:
            break
