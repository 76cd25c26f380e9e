"""Programs of other makers in .local/: clients that the service is measured and tested with."""
import pathlib
import shutil
import subprocess
import sys

from support.server import ROOT

LOCAL = ROOT / ".local"
NODE_HOME = LOCAL / "peers-node"


def python_home():
    """A virtual environment of our own; None when there is no way to make one."""
    home = LOCAL / "peers"
    if not (home / "bin/python").exists():
        for python in filter(None, (sys.executable, shutil.which("python3"))):
            shutil.rmtree(home, ignore_errors=True)
            made = subprocess.run([python, "-m", "venv", home], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False)
            if made.returncode == 0:
                break
        else:
            return None
    return home / "bin/python"


def has_python(python, packages):
    names = "import sys, importlib.metadata as m; [m.version(p) for p in sys.argv[1:]]"
    probe = subprocess.run([python, "-c", names, *packages], check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return probe.returncode == 0


def install_python(packages):
    """The interpreter that has the packages, or why there is none."""
    LOCAL.mkdir(exist_ok=True)
    python = python_home()
    if not python:
        return None, "no virtual environment can be made (python3-venv)"
    wanted = {line.split("==")[0]: line for line in
              (ROOT / "bench/peers/requirements.txt").read_text(encoding="ascii").split()}
    if not has_python(python, packages):
        log = LOCAL / f"peers-{packages[0]}.log"
        with open(log, "wb") as out:
            done = subprocess.run([python, "-m", "pip", "install", "-q", *(wanted[p] for p in packages)],
                                  stdout=out, stderr=out, check=False)
        if done.returncode != 0:
            return None, f"pip cannot install it (see {log.relative_to(ROOT)})"
    return python, None


def install_node(script):
    """The script where Node finds the packages, or why it cannot."""
    if not shutil.which("npm"):
        return None, "there is no npm"
    NODE_HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "bench/peers/node" / name, NODE_HOME / name)
    if not (NODE_HOME / "node_modules/openai").exists():
        with open(LOCAL / "peers-node.log", "wb") as out:
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE_HOME, stdout=out,
                                  stderr=out, check=False)
        if done.returncode != 0:
            return None, "npm cannot install it (see .local/peers-node.log)"
    return beside_packages(script), None


def beside_packages(script):
    """Node looks for packages above the script that asks for them."""
    return pathlib.Path(shutil.copy(script, NODE_HOME / script.name))


def python_with(packages):
    """The interpreter that has the packages already, or None."""
    python = LOCAL / "peers/bin/python"
    return python if python.exists() and has_python(python, packages) else None
