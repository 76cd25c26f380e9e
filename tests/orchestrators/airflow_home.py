"""Airflow as `airflow standalone` runs it: scheduler, processor of DAGs, API server and triggerer on SQLite,
in a folder of its own."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import requests

from support.server import ROOT, free_port
from support.wait import PATIENCE, until

VENV = ROOT / ".local/orchestrators/airflow"
FINAL = {"success", "failed"}


class Airflow:
    def __init__(self, home, service):
        self.home = pathlib.Path(home)
        self.base = f"http://127.0.0.1:{free_port()}"
        self.session = requests.Session()
        self.session.trust_env = False
        (self.home / "dags").mkdir()
        shutil.copy(ROOT / "examples/orchestrators/airflow_dags.py", self.home / "dags")
        self._log = open(self.home / "standalone.log", "wb")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "INT", VENV / "bin/airflow", "standalone"],
                                        env=self._environment(service), cwd=self.home, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def _environment(self, service):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MONOCEROS_"))}
        settings = {
            "CORE__DAGS_FOLDER": self.home / "dags",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "CORE__EXECUTION_API_SERVER_URL": f"{self.base}/execution/",
            "CORE__PARALLELISM": 2,
            "API__HOST": "127.0.0.1",
            "API__PORT": self.base.rsplit(":", 1)[1],
            "API__WORKERS": 1,
            "SCHEDULER__ENABLE_HEALTH_CHECK": False,
            "TRIGGERER__DEFAULT_CAPACITY": 10,
        }
        connection = {"conn_type": "http", "host": service.relay.base, "login": "key", "password": service.key}
        return {**kept, "AIRFLOW_HOME": str(self.home), "NO_PROXY": "127.0.0.1",
                "PATH": f"{VENV}/bin:{os.environ['PATH']}",
                "AIRFLOW_CONN_MONOCEROS": json.dumps(connection),
                **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()}}

    def log_tail(self, lines=60):
        text = (self.home / "standalone.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    # -- its life --

    def wait_ready(self, *dags):
        until(self._is_up, "Airflow to answer")
        token = self.session.get(f"{self.base}/auth/token", timeout=PATIENCE).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        until(lambda: set(dags) <= {dag["dag_id"] for dag in self.get("dags")["dags"]}, "Airflow to read the DAGs")
        assert self.get("importErrors")["import_errors"] == []

    def _is_up(self):
        code = self.process.poll()
        assert code is None, f"Airflow ended with {code}:\n{self.log_tail()}"
        try:
            parts = self.session.get(f"{self.base}/api/v2/monitor/health", timeout=10).json()
        except requests.RequestException:
            return False
        return all(parts[name]["status"] == "healthy" for name in ("scheduler", "triggerer", "dag_processor"))

    def stop(self):
        """Ends its whole process group; nothing of it is needed any more."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._log.close()

    # -- over its API --

    def _call(self, method, path, **arguments):
        answer = self.session.request(method, f"{self.base}/api/v2/{path}", timeout=PATIENCE, **arguments)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def get(self, path):
        return self._call("GET", path)

    def post(self, path, body):
        return self._call("POST", path, json=body)

    def trigger(self, dag, run_id, **conf):
        self.post(f"dags/{dag}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})
        return DagRun(self, dag, run_id)


class DagRun:
    def __init__(self, airflow, dag, run_id):
        self.airflow, self.dag, self.run_id = airflow, dag, run_id
        self.path = f"dags/{dag}/dagRuns/{run_id}"

    def clear(self):
        """Has every task carried out again."""
        self.airflow.post(f"dags/{self.dag}/clearTaskInstances",
                          {"dag_run_id": self.run_id, "dry_run": False, "only_failed": False})

    def task(self, name):
        return self.airflow.get(f"{self.path}/taskInstances/{name}")

    def returned(self, name):
        return self.airflow.get(f"{self.path}/taskInstances/{name}/xcomEntries/return_value")["value"]

    def log(self, name, attempt=1):
        lines = self.airflow.get(f"{self.path}/taskInstances/{name}/logs/{attempt}")["content"]
        return "\n".join(f"{line.get('event')} {line.get('error_detail', '')}" for line in lines)

    def wait(self, state="success"):
        def ended():
            found = self.airflow.get(self.path)["state"]
            return found in FINAL and found
        assert until(ended, f"{self.path} to end") == state, self.story()

    def story(self):
        """Every task with its state and the log of its last attempt."""
        tasks = self.airflow.get(f"{self.path}/taskInstances")["task_instances"]
        return "\n\n".join(f"{t['task_id']}: {t['state']} (attempt {t['try_number']})\n"
                           + (self.log(t["task_id"], t["try_number"])[-3000:] if t["try_number"] else "")
                           for t in tasks)
