"""The client side of ./dev demo against a real server."""
import gzip
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = ["A red tram climbs a steep street.", "Two kittens chase a ball of wool.",
         "A heron stands in shallow water.", "A baker takes loaves out of an oven."]


def demo(server, seeds: pathlib.Path, dataset: str):
    done = subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "demo.py"), "--url", server.base,
                           "--seeds", str(seeds), "--dataset", dataset],
                          capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout, done.stderr


def curl_commands(out: str) -> list:
    joined = out.split("To go on:\n")[1].replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]


@pytest.fixture
def seeds(tmp_path):
    path = tmp_path / "seeds.txt"
    path.write_text("\n".join(SEEDS) + "\n", encoding="utf-8")
    return path


def test_a_newcomer_sees_the_three_stages(server, api, seeds):
    code, out, error = demo(server, seeds, "demo-first")
    assert code == 0, out + error
    assert "Seeds: 4 in " in out and "4 of them new" in out
    for stage in ("captions", "dialogues", "representations"):
        assert re.search(rf"^{stage} +\[#+\] 100%", out, re.M), out
    shown = [seed for seed in SEEDS if f"\n  {seed}\n" in out]
    assert len(shown) == 1
    assert "1280 numbers, transfer mean_shift" in out
    caption = re.search(r"^Caption  (\S+)$", out, re.M).group(1)
    text = api.call("get_caption", dataset="demo-first", caption=caption).json()["text"]
    assert text.split()[:5] == out.split(f"Caption  {caption}\n")[1].split()[:5]


def test_the_commands_that_it_prints_work(server, seeds):
    code, out, error = demo(server, seeds, "demo-commands")
    assert code == 0, out + error
    commands = curl_commands(out)
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(["bash", "-c", command.replace("curl -s", "curl -s --fail-with-body", 1)],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, command + done.stdout


def test_a_second_call_makes_nothing_new(server, api, seeds):
    assert demo(server, seeds, "demo-again")[0] == 0
    before = api.call("list_captions", dataset="demo-again").json()
    code, out, error = demo(server, seeds, "demo-again")
    assert code == 0, error
    assert "0 of them new, 4 known already" in out
    assert "no new rows were made" in out
    assert api.call("list_captions", dataset="demo-again").json() == before


def test_a_compressed_file_is_sent_as_it_is(server, tmp_path):
    path = tmp_path / "seeds.txt.gz"
    path.write_bytes(gzip.compress(("\n".join(SEEDS) + "\n\xe9\n").encode("latin-1")))
    code, out, error = demo(server, path, "demo-gzip")
    assert code == 0, error
    assert "Seeds: 5 in " in out and "1 refused" in out
    assert "line 5: invalid_utf8" in out


def test_a_server_that_is_not_there_is_named(tmp_path, seeds):
    gone = subprocess.Popen(["true"])
    gone.wait()
    done = subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "demo.py"), "--url",
                           "http://127.0.0.1:9", "--seeds", str(seeds), "--server-pid", str(gone.pid)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "demo: the server ended while starting\n"
