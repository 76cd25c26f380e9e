"""Servers as they really are: does the service use them fully, without a queue on their side and without waste?

The server (bench/llm_server) simulates: a second named by a scenario lasts --scale real ones, so that hours
run in minutes. That is hard on the service, whose own waits do not shrink. It is allowed far more calls in
flight than the server has room for, and has to find out.

  realistic       64 slots, 2 to 40 s an answer by its length, a silent queue without end
  capacity        429 with Retry-After: 1 above 50 in flight, 50 ms an answer, not scaled
  slowing         64 slots, 2 to 10 s an answer at first, half as much again every five minutes, to 8 times
  overflow-hang   64 slots and a queue of 64; what arrives beyond is never answered

Columns: `used` is the mean share of the slots at work from --settle on until the last rows are out, `worst`
the least in five simulated minutes of that; `queued` the calls that waited on the server's side, mean and
most; `wasted` the requests that became no row, in all and once settled. Rows lost or made twice are counted
in the database.

usage: bench/realistic.py [SCENARIO …] [--hours H] [--scale S] [--settle MINUTES] [--set NAME=VALUE …]
"""
import argparse
import math
import subprocess
import time

import measure
from measure import Cluster, LlmServer, Service, binary, table

ROOM = 512  # calls that the service is allowed to have in flight
RESUMES = 20
WORST_S = 300

# Simulated seconds of service, slots, share of --hours that it runs, seconds after which a call is given up.
SCENARIOS = {
    "realistic": {"least": 2, "most": 40, "slots": 64, "share": 1, "timeout": 600},
    "capacity": {"least": 0.05, "most": 0.05, "slots": 50, "real_s": 60, "timeout": 600},
    "slowing": {"least": 2, "most": 10, "slots": 64, "share": 0.5, "timeout": 600, "slows": (300, 1.5, 8)},
    "overflow-hang": {"least": 2, "most": 10, "slots": 64, "share": 0.25, "timeout": 120},
}


def mean_service(least, most):
    """Of times spread evenly over their logarithm."""
    return least if least == most else (most - least) / math.log(most / least)


def rows_for(scenario, hours):
    """As many as a server without a pause makes in the time."""
    rate = scenario["slots"] / mean_service(scenario["least"], scenario["most"])
    if "real_s" in scenario:
        return int(rate * scenario["real_s"])
    seconds = hours * 3600 * scenario["share"]
    if "slows" not in scenario:
        return int(rate * seconds)
    every, by, most = scenario["slows"]
    return int(sum(rate / min(by ** step, most) * every for step in range(int(seconds / every))))


def settings(scenario, scale, extra):
    """The service's; a name that this version does not have is left out."""
    known = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    seconds = max(1, round(scenario["timeout"] * scale))
    wanted = {"MONOCEROS_LLM_TIMEOUT": seconds, "MONOCEROS_QUALITY_WINDOW": 1000000, **extra}
    return {name: value for name, value in wanted.items() if name in known}


# ---- one scenario ----

def drive(dataset):
    """The run to its end; what pauses it is noted and resumed."""
    run, pauses = dataset.start(["captions"])["id"], []
    while True:
        now = dataset.api.call("get_run", run=run, params={"wait": "20s"}).json()
        if now["state"] == "paused" and len(pauses) < RESUMES:
            pauses.append(now.get("reason_detail", now.get("reason")))
            dataset.api.call("resume_run", run=run)
            time.sleep(1)
        elif now["state"] not in ("queued", "running"):
            return now, pauses


def settled(stats, rows, slots, from_s):
    """The windows after the beginning and before too few rows are left to fill the slots."""
    windows, answered = [], 0
    for window in stats["windows"]:
        answered += window["answered"]
        if answered > rows - 2 * slots:
            break
        if window["start_s"] >= from_s:
            windows.append(window)
    return windows


def weighted(windows, key):
    seconds = sum(w["length_s"] for w in windows)
    return sum(w[key] * w["length_s"] for w in windows) / seconds if windows else float("nan")


def worst(windows, slots, span_s):
    """The least use over as many neighbouring windows as make the span."""
    n = max(1, round(span_s / windows[0]["length_s"])) if windows else 1
    shares = [weighted(windows[i:i + n], "serving") / slots for i in range(max(1, len(windows) - n + 1))]
    return min(shares)


def wasted(windows):
    asked, made = sum(w["requests"] for w in windows), sum(w["answered"] for w in windows)
    return max(0, 1 - made / asked) if asked else float("nan")


def run_scenario(cluster, name, args):
    scenario = SCENARIOS[name]
    scale = 1 if "real_s" in scenario else args.scale
    rows = args.rows or rows_for(scenario, args.hours)
    extra = dict(pair.split("=", 1) for pair in args.set)
    with LlmServer(name, window_s=60 * args.scale, scale=scale) as llm, \
            Service(cluster, llm.url, ROOM, **settings(scenario, scale, extra)) as service:
        dataset = service.dataset(measure.seeds(rows))
        llm.control(reset=True, mode=name, scale=scale)
        cpu, started = service.cpu(), time.monotonic()
        run, pauses = drive(dataset)
        seconds = time.monotonic() - started
        stats, cpu_after = llm.stats(), service.cpu()
        counts = service.server.database.query(
            "SELECT count(*) AS rows, count(DISTINCT seed_id) AS seeds_done, "
            "(SELECT count(*) FROM failures) AS failed FROM captions")[0]
        steady = settled(stats, rows, scenario["slots"], args.settle * 60 * args.scale)
        return {"name": name, "slots": scenario["slots"], "seeds": rows, "seconds": seconds, "scale": scale,
                "stats": stats, "steady": steady, "state": run["state"], "pauses": pauses, **counts,
                "cpu": (cpu_after[0] - cpu[0]) / rows}


def row_of(figures, scale):
    stats, steady, slots = figures["stats"], figures["steady"], figures["slots"]
    waste = (stats["requests"] - figures["rows"]) / stats["requests"]
    # A queue on the server's side is what its clients wait in; a window's most is its own.
    most = max((w["queued_most"] for w in steady), default=0)
    return [figures["name"], figures["state"], f"{figures['seeds']:,}",
            figures["seeds"] - figures["seeds_done"], figures["rows"] - figures["seeds_done"],
            f"{figures['seconds'] / figures['scale'] / 3600:.2f}",
            f"{weighted(steady, 'serving') / slots:.1%}", f"{worst(steady, slots, WORST_S * scale):.1%}",
            f"{weighted(steady, 'queued'):.1f}", most, f"{waste:.1%}", f"{wasted(steady):.1%}",
            stats["max_in_flight"], len(figures["pauses"]), f"{figures['cpu'] * 1e3:.3f}"]


COLUMNS = ["server", "run", "seeds", "lost", "twice", "hours", "used", "worst", "queued", "most", "wasted",
           "settled", "in flight", "pauses", "CPU ms"]


def show_windows(figures):
    """How it went, in at most thirty lines."""
    windows = figures["stats"]["windows"]
    step = max(1, len(windows) // 30)
    rows = []
    for i in range(0, len(windows), step):
        some = windows[i:i + step]
        rows.append([f"{some[0]['start_s'] / figures['scale'] / 60:.1f}",
                     f"{weighted(some, 'serving') / figures['slots']:.1%}", f"{weighted(some, 'queued'):.1f}",
                     f"{weighted(some, 'in_flight'):.0f}", sum(w["requests"] for w in some),
                     sum(w["answered"] for w in some), sum(w["refused"] + w["hung"] for w in some),
                     sum(w["aborted"] for w in some)])
    table(f"{figures['name']}, by simulated minutes",
          ["minute", "used", "queued", "in flight", "requests", "answered", "refused, hung", "aborted"], rows)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--hours", type=float, default=2, help="that `realistic` lasts, simulated")
    parser.add_argument("--scale", type=float, default=0.05, help="real seconds for a simulated one")
    parser.add_argument("--settle", type=float, default=10, help="simulated minutes that are not judged")
    parser.add_argument("--rows", type=int, help="seeds, instead of as many as fill the time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a setting of the service, as an environment variable")
    parser.add_argument("--windows", action="store_true", help="also show how each went")
    args = parser.parse_args()
    for name in args.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario named {name}: {', '.join(SCENARIOS)}")
    return args


def main():
    args = parse()
    measure.raise_descriptors()
    cluster, rows = Cluster(safe=True), []
    try:
        for name in args.scenarios or SCENARIOS:
            figures = run_scenario(cluster, name, args)
            rows.append(row_of(figures, args.scale))
            if args.windows:
                show_windows(figures)
            for pause in figures["pauses"]:
                print(f"{name} paused: {pause}", flush=True)
    finally:
        cluster.remove()
    table(f"Servers as they are, {ROOM} calls allowed", COLUMNS, rows)


if __name__ == "__main__":
    main()
