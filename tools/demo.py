#!/usr/bin/env python3
"""The client side of ./dev demo: imports seeds, runs the three stages and shows what came of one.

Needs nothing but Python: it talks to the service as any client would.
"""
import argparse
import json
import os
import shutil
import sys
import textwrap
import time
import urllib.error
import urllib.request

STAGES = ("captions", "dialogues", "representations")
START_TIMEOUT_S = 30
STALL_TIMEOUT_S = 300  # without any progress
FINAL = ("succeeded", "failed", "cancelled")
# The defaults that every build carries, whatever providers are declared.
RUN = {
    "stages": list(STAGES),
    "captions": {"provider": "offline"},
    "dialogues": {"provider": "offline"},
    "representations": {"encoder": "offline", "transfer": "mean_shift"},
}


class Failure(Exception):
    """A sentence for the person at the terminal."""


class Client:
    def __init__(self, url: str):
        self.url = url

    def call(self, method: str, path: str, body=None, headers=None, timeout=90):
        """The decoded answer; a problem document becomes a Failure."""
        data, headers = body, dict(headers or {})
        if isinstance(body, (dict, list)):
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path} answered {error.code}: {self.reason(error)}") from None
        except OSError as error:
            raise Failure(f"{method} {path}: {error}") from None

    @staticmethod
    def reason(error: urllib.error.HTTPError) -> str:
        text = error.read(65536).decode("utf-8", "replace")
        try:
            problem = json.loads(text)
            return problem.get("detail") or problem.get("title") or text
        except (ValueError, AttributeError):
            return text

    def get(self, path: str):
        return self.call("GET", path)


def wait_until_ready(client: Client, server_pid) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            client.call("GET", "/readyz", timeout=5)
            return
        except Failure as failure:
            if server_pid and not is_alive(server_pid):
                raise Failure("the server ended while starting") from None
            if time.monotonic() > end:
                raise Failure(f"the server is not ready after {START_TIMEOUT_S} s: {failure}") from None
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def import_seeds(client: Client, dataset: str, path: str) -> None:
    client.call("PUT", f"/v1/datasets/{dataset}", {})
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(os.path.getsize(path))}
    if path.endswith(".gz"):
        headers["Content-Encoding"] = "gzip"
    with open(path, "rb") as file:
        counts = client.call("POST", f"/v1/datasets/{dataset}/seeds/import", file, headers, timeout=600)
    print(f"Seeds: {counts['received']:,} in {short(path)}, {counts['new']:,} of them new, "
          f"{counts['duplicate']:,} known already, {counts['refused']:,} refused.")
    for line in counts.get("refused_lines", [])[:3]:
        print(f"  line {line['line']}: {line['reason']}")


def short(path: str) -> str:
    """The path as seen from here, when it lies below."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def ended(stage: dict) -> int:
    return stage["done"] + stage["failed"] + stage["existing"]


class Progress:
    """One bar per stage, redrawn in place on a terminal and printed as lines elsewhere."""

    def __init__(self, out):
        self.out = out
        self.on_terminal = out.isatty()
        self.drawn = 0
        self.started = {}  # stage -> (time, items that had ended) when it first moved
        self.finished = {}
        self.last_time = time.monotonic()

    def rate(self, stage: dict, now: float):
        """Items a second since the stage began to move; None before that."""
        name, count = stage["name"], stage["done"] + stage["failed"]
        if count == 0:
            self.started[name] = now
            return None
        if stage["total"] and ended(stage) >= stage["total"]:
            now = self.finished.setdefault(name, now)
        elapsed = now - self.started.setdefault(name, now)
        return count / elapsed if elapsed > 0 else None

    def line(self, stage: dict, now: float, final: bool) -> str:
        done, total = ended(stage), max(stage["total"], ended(stage))
        rate = self.rate(stage, now)
        part = done / total if total else float(final)
        width = 30 if self.on_terminal else 10
        bar = "#" * int(part * width)
        text = f"{stage['name']:<15} [{bar:<{width}}] {part:4.0%} {done:>9,}/{total:,}"
        if rate:
            text += f"  {rate:,.0f}/s"
            if done < total and not final:
                text += f"  ETA {duration((total - done) / rate)}"
        if stage["failed"]:
            text += f"  {stage['failed']:,} failed"
        return text

    def show(self, run: dict) -> None:
        now, final = time.monotonic(), run["state"] in FINAL
        lines = [self.line(stage, now, final) for stage in run["stages"]]
        if self.on_terminal:
            self.redraw(lines)
        elif final or (any(s["total"] for s in run["stages"]) and now - self.last_time >= 2):
            print("\n".join(lines), file=self.out, flush=True)
            self.last_time = now

    def redraw(self, lines) -> None:
        columns = shutil.get_terminal_size().columns
        up = f"\x1b[{self.drawn}A" if self.drawn else ""
        self.out.write(up + "".join(f"\r\x1b[K{line[:columns - 1]}\n" for line in lines))
        self.out.flush()
        self.drawn = len(lines)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def run_stages(client: Client, dataset: str) -> dict:
    run = client.call("POST", f"/v1/datasets/{dataset}/runs", RUN)
    path = f"/v1/runs/{run['id']}"
    print(f"Run {run['id']} over {', '.join(STAGES)}, with the built-in composer and encoder:")
    if run.get("blocked_by"):
        print(f"It waits for run {run['blocked_by']} on the same dataset.")
    progress, began = Progress(sys.stdout), time.monotonic()
    moved, before = began, None
    while run["state"] not in FINAL and run["state"] != "paused":
        progress.show(run)
        state = [(s["done"], s["failed"], s["total"]) for s in run["stages"]] + [run["state"]]
        if state != before:
            moved, before = time.monotonic(), state
        elif time.monotonic() - moved > STALL_TIMEOUT_S:
            raise Failure(f"run {run['id']} has not moved for {STALL_TIMEOUT_S} s")
        run = client.get(path + ("?wait=1s" if time.monotonic() - began > 2 else "?wait=200ms"))
    progress.show(run)
    if run["state"] != "succeeded":
        why = run.get("reason_detail") or run.get("reason") or "see its failures"
        raise Failure(f"run {run['id']} is {run['state']}: {why}")
    report(run, time.monotonic() - began)
    return run


def report(run: dict, seconds: float) -> None:
    made = sum(stage["done"] for stage in run["stages"])
    if made == 0:
        print("Every seed had been through the three stages already: no new rows were made.")
    else:
        print(f"{made:,} rows made in {seconds:.1f} s.")


def show_sample(client: Client, dataset: str) -> str:
    """Prints one seed and what was made from it; returns its caption's id."""
    base = f"/v1/datasets/{dataset}"
    dialogues = client.get(f"{base}/dialogues?page_size=1")["items"]
    if dialogues:
        caption = client.get(f"{base}/captions/{dialogues[0]['caption_id']}")
    else:
        captions = client.get(f"{base}/captions?page_size=1")["items"]
        if not captions:
            raise Failure("the dataset has no caption to show")
        caption = captions[0]
    seed = client.get(f"{base}/seeds/{caption['seed_id']}")
    heading("Seed", seed["id"])
    paragraph(seed["text"])
    heading("Caption", caption["id"])
    paragraph(caption["text"])
    for dialogue in dialogues:
        heading("Dialogue", f"{dialogue['id']} ({dialogue['task']})")
        for turn in dialogue["conversations"]:
            paragraph(turn["value"], first=f"  {turn['from']:>5}: ")
    found = client.call("POST", f"{base}/representations/lookup", {"ids": [caption["id"]]})
    show_representation(found)
    return caption["id"]


def show_representation(found: dict) -> None:
    transfer = found.get("transfer", {}).get("method", "")
    for item in found["items"]:
        vector = item["vector"]
        heading("Representation", f"{len(vector)} numbers, transfer {transfer}")
        print("  " + " ".join(f"{x:+.5f}" for x in vector[:8]) + " …")


def heading(name: str, detail: str) -> None:
    print(f"\n{name}  {detail}")


def paragraph(text: str, first: str = "  ") -> None:
    rest = " " * len(first)
    for i, line in enumerate(text.split("\n")):
        print(textwrap.fill(line, 100, initial_indent=rest if i else first, subsequent_indent=rest))


def show_next_steps(url: str, dataset: str) -> None:
    print(f"""
To go on:
  curl -s {url}/v1/datasets/{dataset}/seeds -H 'Content-Type: application/json' \\
       -d '{{"seeds": [{{"text": "a red kite above a harbour at dusk"}}]}}'
  curl -s '{url}/v1/datasets/{dataset}/dialogues?format=llava&page_size=2'
  curl -s {url}/v1/representations -H 'Content-Type: application/json' \\
       -d '{{"input": ["a dog on a beach"], "dataset": "{dataset}"}}'
""", flush=True)


def demonstrate(arguments) -> None:
    client = Client(arguments.url.rstrip("/"))
    wait_until_ready(client, arguments.server_pid)
    print(f"The service answers at {client.url}", flush=True)
    import_seeds(client, arguments.dataset, arguments.seeds)
    run_stages(client, arguments.dataset)
    show_sample(client, arguments.dataset)
    show_next_steps(client.url, arguments.dataset)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--seeds", required=True, help="one seed a line; .gz is sent as it is")
    parser.add_argument("--server-pid", type=int, help="stop waiting when this process is gone")
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        demonstrate(parser.parse_args())
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
