"""Moments, noise and transfers in numpy and float64, written from the formulas alone: what the C code
is compared with, by bench/transfers.py and, in values that this file writes, by the unit tests.

usage: transfers.py expected > tests/unit/server/domain/transfer_expected.h
"""
import hashlib
import sys

import numpy as np

GROUP, BLOCKS, WORDS = 128, 8, 16


# ---- noise ----

def chacha(keys, blocks, double_rounds):
    """ChaCha's words as [key, block, word], from counter 0 and nonce 0; keys are rows of eight words."""
    start = np.zeros((WORDS, len(keys), blocks), np.uint32)
    start[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None, None]
    start[4:12] = keys.T[:, :, None]
    start[12] = np.arange(blocks)
    x = start.copy()

    def quarter(a, b, c, d):
        for into, summand, mixed, left in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[into] += x[summand]
            x[mixed] ^= x[into]
            x[mixed] = x[mixed] << np.uint32(left) | x[mixed] >> np.uint32(32 - left)

    for _ in range(double_rounds):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return (x + start).transpose(1, 2, 0)


def noise(seed, keys, n):
    """n numbers for each key; see server/domain/noise.h."""
    groups = -(-n // GROUP)
    digests = b"".join(hashlib.sha256(b"noise:" + seed.to_bytes(8, "big") + key).digest() for key in keys)
    words = chacha(np.frombuffer(digests, "<u4").reshape(-1, 8), groups * BLOCKS, 4)
    words = words.reshape(-1, groups, BLOCKS, WORDS).swapaxes(2, 3).astype(float)
    radius = np.sqrt(-2 * np.log((words[:, :, :8] + 0.5) / 2.0**32))
    angle = 2 * np.pi * (words[:, :, 8:] / 2.0**32)
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return both.reshape(-1, groups * GROUP)[:, :n]


def row_key(row):
    """The key that bench/transfers.c gives to a row."""
    return bytes(16) + int(row).to_bytes(8, "big")


# ---- moments and transfers ----

def norm(x):
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True))


def decode_unit(rows):
    """As vector_decode_unit: rows of float16 or float32 at unit length, rounded to float32."""
    return norm(rows.astype(np.float64)).astype(np.float32)


def moments(u):
    u = u.astype(np.float64)
    mean = u.mean(axis=0)
    return mean, ((u - mean) ** 2).sum(axis=1).mean()


def align(u, mean, image_mean, scale):
    return norm(image_mean + scale * (u.astype(np.float64) - mean))


def apply(method, u, mean=None, image_mean=None, scale=None, center=None, sigma=None, seed=0, first=0):
    """The representations of float32 rows, of which the first is number `first`, before they are rounded."""
    u = u.astype(np.float64)
    if method == "none":
        return u
    if method in ("mean_shift", "raw"):
        return u - mean if method == "raw" else norm(u - mean)
    if method == "to_image":
        return norm(u - mean + image_mean)
    if method == "realign":
        return norm(align(u, mean, image_mean, scale) - center + image_mean)
    e = noise(seed, [row_key(first + i) for i in range(len(u))], u.shape[1])
    return norm((u - mean if method == "c3" else u) + sigma * e)


# ---- what the unit tests expect ----

EXPECTED_N, EXPECTED_ROWS = 11, 6
SIGMA, SEED, SCALE = 0.04, 2**63 + 7, 0.75
METHODS = ("mean_shift", "raw", "to_image", "realign", "capdec", "c3")


def example():
    """Rows that are no multiple of any width, and the constants of every transfer for them."""
    rng = np.random.default_rng(20)
    rows = rng.standard_normal((EXPECTED_ROWS, EXPECTED_N)) + 0.6
    u = decode_unit(rows.astype(np.float32))
    mean, trace = moments(u)
    image_mean = norm(rng.standard_normal((1, EXPECTED_N)))[0] * 0.4
    center = align(u, mean, image_mean, SCALE).mean(axis=0)
    return u, {"mean": mean, "image_mean": image_mean, "scale": SCALE, "center": center}, trace


def array(kind, name, values, shape):
    print(f"static const {kind} {name}{shape} = {{")
    texts = [repr(v) if kind == "double" else f"{v.hex()}F" for v in np.asarray(values, float).ravel().tolist()]
    for i in range(0, len(texts), 4):
        print(f"    {', '.join(texts[i:i + 4])},")
    print("};")


def expected():
    u, constants, trace = example()
    print("/* Generated: python3 tests/support/transfers.py expected */\n/* clang-format off */")
    print("#ifndef MONOCEROS_TESTS_TRANSFER_EXPECTED_H\n#define MONOCEROS_TESTS_TRANSFER_EXPECTED_H\n")
    print("#include <stdint.h>\n")
    print(f"enum {{ N = {EXPECTED_N}, ROWS = {EXPECTED_ROWS}, NUMBERS = {2 * GROUP} }};")
    print(f"static const uint64_t seed = UINT64_C({SEED});")
    print(f"static const double sigma = {SIGMA}, scale = {SCALE}, trace_expected = {trace!r};")
    array("float", "rows", u, "[ROWS * N]")
    for name in ("mean", "image_mean", "center"):
        array("double", name, constants[name], "[N]")
    for method in METHODS:
        array("double", f"{method}_expected", apply(method, u, sigma=SIGMA, seed=SEED, **constants),
              "[ROWS * N]")
    array("double", "noise_expected", noise(SEED, [row_key(3)], 2 * GROUP), "[NUMBERS]")
    print("\n#endif")


if __name__ == "__main__":
    if sys.argv[1:] != ["expected"]:
        sys.exit(__doc__)
    expected()
