"""An export in the layout that the trainer of Unicorn's authors reads as it is: JSON arrays, and pickled lists of
{"id", "embed"} in a folder.

    python3 to_unicorn_pickle.py EXPORT FOLDER     # Pretrain.json, Instruction.json, embeddings/captions_000.pkl …

Whoever opens a pickle runs what is in it, so open none but your own. That trainer looks for each sample's vector
through the whole list; unicorn_data.py is the better way.
"""
import json
import pathlib
import pickle
import sys

from monoceros_export import Export, Vectors, samples, vector_files

ARRAYS = {"pretrain": "Pretrain.json", "instruct": "Instruction.json"}


def write_array(export, part, path):
    with open(path, "w", encoding="utf-8") as out:
        between = "[\n"
        for group in range(len(export.files("llava", part))):
            for sample, _ in samples(export, part, group):
                out.write(between + json.dumps(sample, ensure_ascii=False))
                between = ",\n"
        out.write("\n]\n" if between[0] == "," else "[]\n")


def convert(where, folder):
    export, folder = Export(where), pathlib.Path(folder)
    (folder / "embeddings").mkdir(parents=True, exist_ok=True)
    for part, name in ARRAYS.items():
        if any(f["format"] == "llava" and f["name"].startswith(part) for f in export.manifest["files"]):
            write_array(export, part, folder / name)
    for group in range(len(vector_files(export))):
        vectors = Vectors(export, group)
        made = [{"id": id, "embed": vectors.float32(id)} for id in vectors.ids()]
        with open(folder / f"embeddings/captions_{group:03}.pkl", "wb") as out:
            pickle.dump(made, out)


if __name__ == "__main__":
    convert(*sys.argv[1:3])
