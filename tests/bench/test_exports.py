"""What the benchmark of exports makes up and measures by itself; the rest is the service's."""
import itertools
import pathlib
import sys

from support.server import ROOT

sys.path.insert(0, str(pathlib.Path(ROOT) / "bench"))

import exports  # noqa: E402  pylint: disable=wrong-import-position


def test_seeds_are_distinct_and_nest():
    texts = list(exports.scenes(200_000))
    assert len(set(texts)) == 200_000
    assert list(itertools.islice(exports.scenes(1_000_000), 1000)) == texts[:1000]
    assert all(text[0].isupper() and text.endswith(".") and 8 < len(text.split()) < 30 for text in texts[:5000])


def test_rates_are_those_of_a_part_of_the_rows():
    watch = exports.Watch(None, "run")
    watch.seen["embed"] = [(0, 0), (2, 250), (4, 500), (8, 750), (16, 1000)]
    assert [watch.rate("embed", part, 4) for part in range(4)] == [125, 125, 62.5, 31.25]
    watch.seen["plan"] = [(0, 0)]
    assert watch.rate("plan", 0, 4) == 0


def test_the_ratio_takes_the_files_alone(capsys):
    def part(name, seconds, files_s=None, size=None):
        return {"name": name, "seconds": seconds, "files_s": files_s, "bytes": size}
    exports.show_ratios([part("export of npy", 9, 6), part("COPY by the server", 2), part("COPY to a client", 3),
                         part("export of llava", 9, 4, 2_000_000_000)])
    printed = capsys.readouterr().out
    assert "3.00 times COPY by the server, 2.00 times COPY to a client" in printed and "500 MB/s" in printed
