"""An export as one Parquet file with its vectors beside the samples; needs pyarrow.

    python3 to_parquet.py EXPORT pretrain street.parquet

Vectors are fixed_size_list of float16 or float32; bfloat16, which Parquet does not have, becomes float32.
"""
import sys

import numpy
import pyarrow
import pyarrow.parquet

from monoceros_export import Export, Vectors, samples

ROWS = 8192  # of a row group
TURN = pyarrow.struct([("from", pyarrow.string()), ("value", pyarrow.string())])
TEXTS = [("id", pyarrow.string()), ("dialogue_id", pyarrow.string()), ("caption", pyarrow.string()),
         ("conversations", pyarrow.list_(TURN))]


def batches(export, part):
    """Lists of samples and of vectors, file by file."""
    for group in range(len(export.files("llava", part))):
        vectors = Vectors(export, group)
        found, rows = [], []
        for sample, _ in samples(export, part, group):
            found.append(sample)
            wide = vectors.dtype == "bfloat16"
            rows.append(vectors.float32(sample["id"]) if wide else vectors[sample["id"]])
            if len(found) == ROWS:
                yield found, numpy.array(rows)
                found, rows = [], []
        if found:
            yield found, numpy.array(rows)


def convert(where, part, path):
    out = None
    for found, rows in batches(Export(where), part):
        numbers = pyarrow.array(rows.reshape(-1))
        columns = [pyarrow.array([sample[name] for sample in found], kind) for name, kind in TEXTS]
        columns.append(pyarrow.FixedSizeListArray.from_arrays(numbers, rows.shape[1]))
        table = pyarrow.table(columns, names=[name for name, _ in TEXTS] + ["vector"])
        out = out or pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd")
        out.write_table(table)
    if out is None:
        sys.exit(f"there are no samples of {part}")
    out.close()


if __name__ == "__main__":
    convert(*sys.argv[1:4])
