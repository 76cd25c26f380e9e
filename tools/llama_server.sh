#!/usr/bin/env bash
# A real llama-server for tests: Debian's package llama.cpp-tools out of the suite sid, with all that it
# needs down to the C library, unpacked under .local/llama. Nothing of the system is changed, and no root
# is needed.
#
#   tools/llama_server.sh fetch        downloads (20 MB) and unpacks what is not there yet
#   tools/llama_server.sh run [ARGS]   becomes llama-server
#
# Ends with 3 when it cannot be had here: no Debian, another architecture, no network.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
home=${MONOCEROS_LLAMA_DIR:-$root/.local/llama}

cannot() {
    printf 'llama_server: %s\n' "$*" >&2
    exit 3
}

# The mirror that the installed system takes its packages from.
mirror() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
        sed -n 's/^Debian //p' | head -n 1
}

# apt with a state of its own, in which nothing is installed: so it fetches the C library, too.
private_apt() {
    apt-get -q -c "$work/apt.conf" "$@" >>"$work/log" 2>&1 ||
        cannot "apt-get $1 failed: $(tail -n 1 "$work/log")"
}

prepare_apt() {
    local source
    source=$(mirror)
    [ -n "$source" ] || cannot "the system names no Debian mirror (apt-get update)"
    mkdir -p "$work"/{etc,lists/partial,archives/partial}
    printf 'deb [signed-by=%s] %s sid main\n' /usr/share/keyrings/debian-archive-keyring.gpg "$source" \
        >"$work/etc/sources.list"
    : >"$work/status"
    cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/etc/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$work";
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Cache "$work";
Dir::Cache::Archives "$work/archives";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "1";
Acquire::http::Timeout "20";
CONF
}

fetch() {
    [ ! -x "$home/usr/bin/llama-server" ] || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        cannot "this is not a Debian system"
    fi
    [ "$(uname -m)" = x86_64 ] || cannot "not fetched for $(uname -m)"
    mkdir -p "${home%/*}"
    work=$(mktemp -d "${home%/*}/llama.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    prepare_apt
    private_apt update
    private_apt install --yes --download-only llama.cpp-tools
    for package in "$work"/archives/*.deb; do
        dpkg-deb --extract "$package" "$work/root"
    done
    rm -rf "$home"
    mv "$work/root" "$home"
    printf 'llama_server: unpacked %s\n' "$home" >&2
}

# Its own loader and libraries, and of the CPU code that which runs on every machine.
run() {
    local libraries=$home/usr/lib/x86_64-linux-gnu
    [ -x "$home/usr/bin/llama-server" ] || cannot "it was not fetched"
    GGML_BACKEND_PATH=$(find "$libraries/ggml" -name 'libggml-cpu-x64.so' | head -n 1)
    export GGML_BACKEND_PATH
    exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/llama" \
        "$home/usr/bin/llama-server" "$@"
}

case "${1:-}" in
fetch) fetch ;;
run)
    shift
    run "$@"
    ;;
*)
    sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed 1d | head -n 8
    exit 2
    ;;
esac
