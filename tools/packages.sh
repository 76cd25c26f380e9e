# shellcheck shell=bash
# Debian packages by purpose. Sourced by ./dev, which defines `say`, `die` and $local_dir.

# Prints the packages of the named groups, one a line.
package_names() {
    local group
    for group in "$@"; do
        case "$group" in
        build)
            printf '%s\n' build-essential cmake ninja-build pkg-config python3 python3-yaml \
                libmicrohttpd-dev libgnutls28-dev libjansson-dev libpq-dev libssl-dev libcurl4-openssl-dev \
                libutf8proc-dev zlib1g-dev libinih-dev libopenblas-pthread-dev libcmocka-dev
            ;;
        run) printf '%s\n' postgresql postgresql-client curl ca-certificates python3 ;;
        test)
            printf '%s\n' python3-pytest python3-requests python3-jsonschema python3-numpy \
                nginx-light openssl
            ;;
        parity) printf '%s\n' python3-venv ;;
        clients) printf '%s\n' python3-venv maven ;;
        format) printf '%s\n' clang-format python3 ;;
        fuzz) printf '%s\n' clang libclang-rt-dev ;;
        lint) printf '%s\n' clang clang-tidy shellcheck ;;
        *) die "no package group named $group" ;;
        esac
    done
}

# Prints the packages among the arguments that are not installed.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    printf '%s\n' "$@" | sort -u | while read -r name; do
        grep -qxF "installed $name" <<<"$installed" || printf '%s\n' "$name"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# A private cluster is all that is needed here, so Debian's own cluster on port 5432 is not made
# when PostgreSQL comes to this machine for the first time. A file that exists is left alone.
skip_main_cluster() {
    local file=/etc/postgresql-common/createcluster.conf
    if [ -e "$file" ] || ! grep -qw postgresql <<<"$missing_list"; then
        return 0
    fi
    as_root mkdir -p "${file%/*}"
    printf '# Written by the dev script of Monoceros: no cluster on installation.\ncreate_main_cluster = false\n' |
        as_root tee "$file" >/dev/null
    say "wrote $file, so that no PostgreSQL starts on port 5432 by itself"
}

# The tests run an nginx of their own, so that Debian's on port 80 is not started.
skip_web_server() {
    local unit=/etc/systemd/system/nginx.service
    if [ ! -d /run/systemd/system ] || [ -e "$unit" ] || ! grep -qw nginx-light <<<"$missing_list"; then
        return 0
    fi
    as_root ln -s /dev/null "$unit"
    say "masked nginx.service, so that no web server starts on port 80 by itself"
}

# Installs what is missing of the named groups. Costs one dpkg-query when nothing is.
need_packages() {
    local -a names missing
    [ -z "${DEV_SKIP_PACKAGES:-}" ] || return 0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this is not a Debian system: going on with the compilers and libraries that are here"
        return 0
    fi
    mapfile -t names < <(package_names "$@")
    mapfile -t missing < <(missing_packages "${names[@]}")
    [ "${#missing[@]}" -gt 0 ] || return 0
    missing_list="${missing[*]}"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "installing packages needs root or sudo: let root run apt-get install $missing_list"
    say "installing Debian packages (a minute or two): $missing_list"
    skip_main_cluster
    skip_web_server
    install_packages "${missing[@]}"
}

# Keeps apt's many lines in a file, and shows its end only when it fails.
install_packages() {
    local log=${local_dir:?}/packages.log
    mkdir -p "${local_dir:?}"
    {
        as_root apt-get -q update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
                --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
    } >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        die "apt-get failed (see above, and all of it in $log)"
    }
}
