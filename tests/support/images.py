"""Image vectors of nobody's pictures, and the files that they come in."""
import io
import json

import numpy

DIMENSION = 1280


def vectors(n, seed=3, dimension=DIMENSION, spread=0.8):
    """n unit vectors around a common direction, float64."""
    rng = numpy.random.default_rng(seed)
    common = numpy.random.default_rng(100 + dimension).normal(size=dimension)
    rows = common / numpy.linalg.norm(common) + rng.normal(size=(n, dimension)) * spread / dimension ** 0.5
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def moments(rows, label=None):
    """As a request has them."""
    mean = rows.mean(axis=0)
    body = {"mean": mean.tolist(), "trace": float(((rows - mean) ** 2).sum(axis=1).mean()), "count": len(rows)}
    return {**body, "label": label} if label else body


def npy(rows, dtype="<f4"):
    out = io.BytesIO()
    numpy.save(out, rows.astype(dtype))
    return out.getvalue()


def bfloat16(rows):
    """Cut off, not rounded."""
    return (rows.astype("<f4").view("<u4") >> 16).astype("<u2")


def safetensors(rows, dtype="F32", name="vectors"):
    data = {"F16": lambda: rows.astype("<f2"), "F32": lambda: rows.astype("<f4"),
            "F64": lambda: rows.astype("<f8"), "BF16": lambda: bfloat16(rows)}[dtype]().tobytes()
    header = json.dumps({name: {"dtype": dtype, "shape": list(rows.shape),
                                "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data
