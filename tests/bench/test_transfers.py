"""Every transfer against numpy, over few rows: the same comparison as `./dev bench transfers compare`."""
import pathlib
import sys

import numpy as np
import pytest

from support import transfers as reference
from support.server import ROOT

sys.path.insert(0, str(pathlib.Path(ROOT) / "bench"))

import transfers  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(name="rows", params=["f16", "f32"])
def _rows(request, tmp_path):
    rows = transfers.Rows(tmp_path, request.param, 700, 100)
    rows.make()
    return rows


@pytest.mark.parametrize("rows, dimension", [(1500, 97), (300, 1280)])
def test_as_numpy_has_it(rows, dimension):
    assert transfers.compare(rows, dimension)


def test_the_comparison_sees_what_is_wrong(rows):
    assert transfers.compare_moments(rows)[1] and transfers.compare_center(rows)[1]
    assert transfers.compare_pass(rows, "none")[1] and transfers.compare_pass(rows, "realign")[1]
    rows.center[7] += 1e-5  # of the reference alone
    assert not transfers.compare_pass(rows, "realign")[1]
    rows.scale *= 1 + 1e-5
    assert not transfers.compare_center(rows)[1]
    assert transfers.relative(np.array([0.0, 1.0, np.nan]), np.array([0.0, 0.0, 1.0])).tolist()[:2] == [0, np.inf]


def test_chacha_has_the_published_words():
    """Eight and twenty rounds of the key of zeros."""
    key = np.zeros((1, 8), np.uint32)
    assert reference.chacha(key, 1, 4).astype("<u4").tobytes().hex().startswith(
        "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e")
    assert reference.chacha(key, 1, 10).astype("<u4").tobytes().hex().startswith(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7")


def test_a_bad_row_is_its_own_trouble(rows):
    """NaN, infinity and zero: the mean is that of the others, and only they have no result."""
    kind = transfers.DTYPES[rows.kind]
    data = np.fromfile(rows.path, kind).reshape(rows.rows, rows.dimension)
    rows.run("moments")
    data[3, 5], data[400, 99], data[699] = np.nan, np.inf, 0
    data.tofile(rows.path)
    assert rows.run("moments")[3] == 3
    count, trace, mean = rows.sums()
    good = reference.decode_unit(np.delete(data, [3, 400, 699], axis=0))
    expected = reference.moments(good)
    assert count == len(good) == 697
    assert np.abs(mean - expected[0]).max() < 1e-12 and abs(trace - expected[1]) < 1e-12
    rows.mean = mean
    rows.write_constants()
    for name in ("mean_shift", "capdec"):
        assert rows.run(name)[3] == 3
        out = np.fromfile(rows.out, kind).reshape(data.shape).astype(float)
        assert np.flatnonzero(np.isnan(out).all(axis=1)).tolist() == [3, 400, 699]
        assert np.isfinite(np.delete(out, [3, 400, 699], axis=0)).all()


def test_rows_that_are_the_same_have_no_shift(rows):
    data = np.fromfile(rows.path, transfers.DTYPES[rows.kind]).reshape(rows.rows, rows.dimension)
    data[:] = data[1]
    data.tofile(rows.path)
    rows.run("moments")
    count, trace, rows.mean = rows.sums()
    rows.write_constants()
    assert count == rows.rows and trace == 0
    assert rows.run("mean_shift")[3] == rows.run("raw")[3] == rows.rows
    assert rows.run("none")[3] == rows.run("to_image")[3] == rows.run("c3")[3] == 0


def test_the_script_and_the_service_agree(rows):
    """What is timed as the script's method gives what `raw` gives, to float32's precision."""
    paths = [rows.folder / f"{i}.pkl" for i in range(2)]
    data = np.fromfile(rows.path, transfers.DTYPES[rows.kind]).reshape(rows.rows, rows.dimension)
    for i, path in enumerate(paths):
        path.write_bytes(transfers.pickle.dumps([{"id": str(k), "embed": v} for k, v in enumerate(data[i::2])]))
    assert min(transfers.script(paths, rows.dimension)) > 0
    rows.run("moments")
    rows.mean = rows.sums()[2]
    rows.write_constants()
    rows.run("raw")
    out = np.fromfile(rows.out, transfers.DTYPES[rows.kind]).reshape(data.shape)
    for i, path in enumerate(paths):
        shifted = np.array([item["embed"] for item in transfers.load(path.with_suffix(".out"))])
        assert np.abs(shifted - out[i::2]).max() < 1e-3
