"""Moments, noise and transfers in numpy and float64, written from the formulas alone: what the C code
is compared with, by tests/bench/test_transfers.py and by this file as a command of its own:

usage: transfers.py expected > tests/unit/server/domain/transfer_expected.h   (what the unit tests expect)
"""
import hashlib
import sys

import numpy as np

GROUP, BLOCKS, WORDS = 128, 8, 16


# ---- noise ----

def chacha(key, blocks, double_rounds):
    """ChaCha's words, one row for each block, from counter 0 and nonce 0."""
    start = np.zeros((WORDS, blocks), np.uint32)
    start[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    start[4:12] = np.frombuffer(key, "<u4")[:, None]
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
    return (x + start).T


def noise(seed, key, n):
    """n numbers; see server/domain/noise.h."""
    groups = -(-n // GROUP)
    digest = hashlib.sha256(b"noise:" + seed.to_bytes(8, "big") + key).digest()
    words = chacha(digest, groups * BLOCKS, 4).reshape(groups, BLOCKS, WORDS).transpose(0, 2, 1).astype(float)
    radius = np.sqrt(-2 * np.log((words[:, :8] + 0.5) / 2.0**32))
    angle = 2 * np.pi * (words[:, 8:] / 2.0**32)
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both.reshape(groups * GROUP)[:n]


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
    e = np.stack([noise(seed, row_key(first + i), u.shape[1]) for i in range(len(u))])
    return norm((u - mean if method == "c3" else u) + sigma * e)
