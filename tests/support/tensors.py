"""Files of the safetensors format, read strictly and written in any order of tensors."""
import json

import numpy

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1"}


def read_safetensors(data):
    """Arrays by name, and the metadata. Fails where the format's own library would."""
    length = int.from_bytes(data[:8], "little")
    assert data[8:9] == b"{" and length <= 100_000_000
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(v, str) for v in metadata.values())
    body, at, arrays = data[8 + length:], 0, {}
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = tensor["data_offsets"]
        dtype = numpy.dtype(DTYPES[tensor["dtype"]])
        assert start == at and end - start == dtype.itemsize * numpy.prod(tensor["shape"], dtype=int)
        assert (8 + length + start) % dtype.itemsize == 0, "not where its numbers can be read in place"
        arrays[name] = numpy.frombuffer(body[start:end], dtype=dtype).reshape(tensor["shape"])
        at = end
    assert at == len(body), "bytes behind the last tensor"
    return arrays, metadata


def write_safetensors(arrays, metadata=None):
    """The arrays in the order of the mapping."""
    names = {numpy.dtype(dtype): name for name, dtype in DTYPES.items()}
    header, body = {"__metadata__": metadata} if metadata else {}, b""
    for name, array in arrays.items():
        data = numpy.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def pack_ids(ids):
    """Ids of captions as the tensor `ids`."""
    return numpy.frombuffer(bytes.fromhex("".join(ids).replace("-", "")), ">i8").reshape(-1, 3).astype("<i8")


def unpack_ids(array):
    digits = numpy.asarray(array).astype(">i8").tobytes().hex()
    return [f"{digits[i:i + 32]}-{digits[i + 32:i + 48]}" for i in range(0, len(digits), 48)]
