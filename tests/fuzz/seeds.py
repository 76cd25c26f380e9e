#!/usr/bin/env python3
"""Writes the inputs that fuzzing starts from: good files and the tricky ones, under telling names.

Usage: seeds.py [FOLDER]   (tests/fuzz/seeds by default)
"""
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def npy(dictionary, data=b"", version=1, length=None, padded=True):
    text = dictionary.encode() + b"\n"
    prefix = 10 if version == 1 else 12
    if padded:
        text = text[:-1] + b" " * (-(prefix + len(text)) % 64) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


SIX = floats(1, -2, 0.5, 4, 5, 6)
NAN = floats(1, 2, 3, 4, float("nan"), 6)
MATRIX = {"vectors": entry("F32", [2, 3], 0, 24)}
IDS = b"0123456789abcdef" * 2

SAFETENSORS = {
    "matrix": safetensors(MATRIX, SIX),
    "half": safetensors({"vectors": entry("F16", [2, 3], 0, 12)}, SIX[:12]),
    "bfloat": safetensors({"vectors": entry("BF16", [2, 3], 0, 12)}, SIX[:12]),
    "double": safetensors({"vectors": entry("F64", [1, 3], 0, 24)}, SIX),
    "nan_row": safetensors(MATRIX, NAN),
    "ids_after": safetensors({**MATRIX, "ids": entry("U8", [2, 16], 24, 56)}, SIX + IDS),
    "ids_first": safetensors({"ids": entry("U8", [2, 16], 0, 32),
                              "vectors": entry("F32", [2, 3], 32, 56)}, IDS + SIX),
    "ids_integers": safetensors({"ids": entry("I64", [2, 3], 0, 48),
                                 "vectors": entry("F32", [2, 3], 48, 72)}, SIX * 3),
    "ids_wrong_rows": safetensors({**MATRIX, "ids": entry("U8", [4, 8], 24, 56)}, SIX + IDS),
    "all_types": safetensors({
        "__metadata__": {"format": "pt", "note": "a\u00e9\n"},
        "vectors": entry("F32", [2, 3], 0, 24), "i": entry("I64", [3], 24, 48),
        "scalar": entry("F32", [], 48, 52), "none": entry("F64", [0, 7], 52, 52),
        "b": entry("BOOL", [4], 52, 56)}, SIX + SIX + b"\x00" * 8),
    "no_tensors": safetensors({}),
    "two_matrices": safetensors({"a": entry("F32", [2, 3], 0, 24),
                                 "b": entry("F32", [2, 3], 24, 48)}, SIX * 2),
    "padded": safetensors(json.dumps(MATRIX).encode() + b"   ", SIX),
    "escaped_name": safetensors(b'{"\\u00e9\\ud83d\\ude00\\n":' +
                                json.dumps(entry("F32", [2, 3], 0, 24)).encode() + b"}", SIX),
    "lone_surrogate": safetensors(b'{"\\ud83d":{}}'),
    "truncated": safetensors(MATRIX, SIX[:-1]),
    "too_long": safetensors(MATRIX, SIX + b"\x00"),
    "cut_header": safetensors(MATRIX)[:40],
    "header_4_gb": safetensors(MATRIX, SIX, length=1 << 32),
    "header_2_64": safetensors(MATRIX, SIX, length=(1 << 64) - 1),
    "header_1_less": safetensors(MATRIX, SIX, length=len(json.dumps(MATRIX)) - 1),
    "negative": safetensors({"vectors": entry("F32", [2, 3], -24, 0)}, SIX),
    "backwards": safetensors({"vectors": entry("F32", [2, 3], 24, 0)}, SIX),
    "overlap": safetensors({"vectors": entry("F32", [2, 3], 0, 24),
                            "b": entry("F32", [3], 12, 24)}, SIX),
    "hole": safetensors({"vectors": entry("F32", [2, 3], 0, 24),
                         "b": entry("F32", [1], 28, 32)}, SIX + SIX[:8]),
    "shape_overflow": safetensors({"vectors": entry("F32", [1 << 62, 4], 0, 24)}, SIX),
    "shape_lies": safetensors({"vectors": entry("F32", [3, 3], 0, 24)}, SIX),
    "unknown_type": safetensors({"vectors": entry("F8_E4M3", [4, 6], 0, 24)}, SIX),
    "twice": safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                         b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"),
    "offset_1e2": safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e0]}}', b"a"),
    "deep": safetensors(b'{"__metadata__":' + b"[" * 40),
    "shape_rank_9": safetensors({"a": entry("U8", [1] * 9, 0, 1)}, b"a"),
}

GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
NPY = {
    "matrix": npy(GOOD, SIX),
    "version_2": npy(GOOD, SIX, version=2),
    "version_3": npy(GOOD, SIX, version=3),
    "version_9": npy(GOOD, SIX, version=9),
    "half": npy(GOOD.replace("f4", "f2"), SIX[:12]),
    "double": npy(GOOD.replace("f4", "f8"), SIX * 2),
    "nan_row": npy(GOOD, NAN),
    "huge_double": npy(GOOD.replace("f4", "f8").replace("2, 3", "1, 3"),
                       struct.pack("<3d", 1, 1e300, 2)),
    "no_rows": npy(GOOD.replace("2, 3", "0, 3")),
    "truncated": npy(GOOD, SIX[:-1]),
    "too_long": npy(GOOD, SIX + b"\x00"),
    "cut_header": npy(GOOD)[:30],
    "header_4_gb": npy(GOOD, SIX, version=2, length=0xffffffff),
    "fortran": npy(GOOD.replace("False", "True"), SIX),
    "big_endian": npy(GOOD.replace("<", ">"), SIX),
    "integers": npy(GOOD.replace("f4", "i4"), SIX),
    "structured": npy(GOOD.replace("'<f4'", "[('a', '<f4')]"), SIX),
    "object": npy(GOOD.replace("<f4", "|O"), SIX),
    "vector": npy(GOOD.replace("2, 3", "6,"), SIX),
    "no_tuple": npy(GOOD.replace("2, 3", "6"), SIX),
    "negative": npy(GOOD.replace("2,", "-2,"), SIX),
    "overflow": npy(GOOD.replace("2, 3", f"{1 << 62}, 3"), SIX),
    "sum": npy(GOOD.replace("2, 3", "1+1, 3"), SIX),
    "underscore": npy(GOOD.replace("2, 3", "0_2, 3"), SIX),
    "call": npy(GOOD.replace("'<f4'", "__import__('os').name"), SIX),
    "joined": npy(GOOD.replace("'<f4'", "'<' 'f4'"), SIX),
    "escape": npy(GOOD.replace("'<f4'", "'\\x3cf4'"), SIX),
    "comment": npy(GOOD + " #", SIX),
    "twice": npy(GOOD.replace("{", "{'descr': '<f4', "), SIX),
    "unpadded": npy(GOOD, SIX, padded=False),
}

ALL = {"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors", "d": "2.safetensors"}
INDEX = {
    "whole": {"metadata": {"total_size": 24}, "weight_map": ALL},
    "one_shard": {"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}},
    "missing_tensor": {"weight_map": {**ALL, "e": "2.safetensors"}},
    "unlisted_tensor": {"weight_map": {k: ALL[k] for k in "abc"}},
    "wrong_shard": {"weight_map": {**ALL, "c": "1.safetensors"}},
    "missing_shard": {"weight_map": {**ALL, "c": "3.safetensors"}},
    "path": {"weight_map": {"a": "../1.safetensors"}},
    "absolute": {"weight_map": {"a": "/etc/passwd"}},
    "empty": {"weight_map": {}},
    "nothing": {},
    "list": {"weight_map": []},
    "deep": {"metadata": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]], "weight_map": ALL},
}

WRITE = {
    "none": b"\x00",
    "one": bytes([1, 9, 2, 3, 0, 5, 0, 2, 97, 98]),
    "three": bytes([3, 5, 2, 2, 1, 4, 1, 1, 34, 0, 0, 2, 195, 169, 12, 1, 200, 3, 3, 92, 10, 9]),
}


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "seeds"
    groups = {
        "map": {f"{k}.safetensors": v for k, v in SAFETENSORS.items()},
        "stream": {**{f"{k}.safetensors": v for k, v in SAFETENSORS.items()},
                   **{f"{k}.npy": v for k, v in NPY.items()}},
        "index": {f"{k}.json": json.dumps(v).encode() for k, v in INDEX.items()},
        "write": {f"{k}.bin": v for k, v in WRITE.items()},
    }
    for group, files in groups.items():
        (root / group).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (root / group / name).write_bytes(data)


if __name__ == "__main__":
    main()
