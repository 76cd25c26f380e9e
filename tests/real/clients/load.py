"""The safetensors library on one file: prints its tensors, and writes it again under another name."""
import hashlib
import json
import sys

import numpy
import safetensors
from safetensors.numpy import load_file, save_file

source, copy = sys.argv[1:]
tensors = load_file(source)
with safetensors.safe_open(source, "numpy") as opened:
    metadata = opened.metadata()
    assert sorted(opened.keys()) == sorted(tensors)
    rows = opened.get_slice("vectors")[:1]
    assert (rows == tensors["vectors"][:1]).all()
save_file(tensors, copy)
print(json.dumps({"metadata": metadata, "tensors": {
    name: {"dtype": array.dtype.str, "shape": array.shape,
           "sha256": hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest()}
    for name, array in tensors.items()}}))
