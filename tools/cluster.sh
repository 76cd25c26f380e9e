# shellcheck shell=bash
# A private PostgreSQL cluster in one directory. Sourced by ./dev, which defines `say` and `die`.
#
# The directory holds data/, log and socket/. The server listens on a Unix socket only; who may
# connect is decided by the mode 0700 of the socket's directory, so no password is needed. initdb
# refuses root: then the cluster belongs to the system user `postgres`, or to whoever owns it
# already.

cluster_port=5432 # names the socket's file; nothing listens on the network

# Where the cluster of directory $1 really is: there, or under /var/tmp when its owner-to-be cannot
# enter the parent directory (root's home, a mode 0700 temporary directory).
cluster_home() {
    local wanted=$1 parent
    case "$wanted" in /*) ;; *) wanted=$PWD/$wanted ;; esac
    parent=${wanted%/*}
    if [ "$(id -u)" -ne 0 ] || [ -d "$wanted/data" ] || cluster_can_enter "$parent"; then
        printf '%s\n' "$wanted"
    else
        printf '/var/tmp/monoceros-%s\n' "$(short_hash "$wanted")"
    fi
}

short_hash() {
    printf '%s' "$1" | sha256sum | cut -c 1-12
}

# Whether `postgres` can enter $1, which root may still have to make.
cluster_can_enter() {
    local there=$1
    while [ ! -d "$there" ]; do
        there=${there%/*}
        there=${there:-/}
    done
    cd / && runuser -u postgres -- test -x "$there"
}

# The user that runs the cluster in $1.
cluster_user() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif [ -d "$1" ] && [ "$(stat -c %u "$1")" -ne 0 ]; then
        stat -c %U "$1"
    else
        printf 'postgres\n'
    fi
}

# Runs a command as the owner of cluster $1, from a directory which that user can be in.
cluster_as() {
    local home=$1
    shift
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u "$(cluster_user "$home")" -- env LC_ALL=C.UTF-8 "$@")
    else
        (cd / && env LC_ALL=C.UTF-8 "$@")
    fi
}

# The directory of PostgreSQL's programs, of the version that made cluster $1 if there is one.
cluster_bin() {
    local version='*' found
    [ ! -r "$1/data/PG_VERSION" ] || version=$(cat "$1/data/PG_VERSION")
    found=$(compgen -G "/usr/lib/postgresql/$version/bin/initdb" | sort -V | tail -n 1)
    [ -n "$found" ] || [ "$version" != '*' ] || found=$(command -v initdb || true)
    [ -n "$found" ] || die "no PostgreSQL server${version:+ (version $version)} is installed: apt-get install postgresql"
    printf '%s\n' "${found%/*}"
}

# A socket's path may have 107 bytes, and stands unquoted in settings and URLs: a long or an unusual
# one moves to /tmp.
cluster_socket() {
    if [ "${#1}" -le 80 ] && [[ "$1" =~ ^[A-Za-z0-9/._-]+$ ]]; then
        printf '%s/socket\n' "$1"
    else
        printf '/tmp/monoceros-%s\n' "$(short_hash "$1")"
    fi
}

# Makes directory $1 with mode 0700 for user $2. One that somebody else made is refused.
cluster_directory() {
    local path=$1 owner=$2
    if ! mkdir -m 0700 "$path" 2>/dev/null; then
        if [ ! -d "$path" ] || [ -L "$path" ]; then
            die "cannot make the directory $path"
        fi
        [ "$(stat -c %U "$path")" = "$owner" ] || [ "$(id -u)" -eq "$(stat -c %u "$path")" ] ||
            die "$path belongs to $(stat -c %U "$path"), not to $owner: remove it, or run as that user"
    fi
    [ "$(id -u)" -ne 0 ] || chown "$owner:" "$path"
    chmod 0700 "$path"
}

cluster_settings() {
    local home=$1 safe=$2
    cat <<SETTINGS
listen_addresses = ''
port = $cluster_port
unix_socket_directories = '$(cluster_socket "$home")'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
jit = off
log_line_prefix = '%m [%p] %a '
log_min_duration_statement = 2s
fsync = $safe
full_page_writes = $safe
SETTINGS
}

cluster_create() {
    local home=$1 bin=$2
    cluster_directory "$home" "$(cluster_user "$home")"
    cluster_as "$home" "$bin/initdb" --pgdata="$home/data" --username=postgres --auth-local=trust \
        --auth-host=reject --encoding=UTF8 --locale=C --no-sync --no-instructions \
        >/dev/null || die "initdb failed"
    cluster_as "$home" tee -a "$home/data/postgresql.conf" <<<"include 'monoceros.conf'" >/dev/null
}

cluster_running() {
    [ -e "$1/data/postmaster.pid" ] &&
        cluster_as "$1" "$(cluster_bin "$1")/pg_ctl" status --pgdata="$1/data" >/dev/null 2>&1
}

cluster_psql() {
    local home=$1
    shift
    cluster_as "$home" psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --dbname="host=$(cluster_socket "$home") port=$cluster_port user=postgres dbname=postgres" "$@"
}

# The role and the database of the service: it owns its database and is no superuser.
cluster_database() {
    local home=$1
    [ ! -e "$home/ready" ] || return 0
    cluster_psql "$home" --command="CREATE ROLE monoceros LOGIN CREATEDB" \
        --command="CREATE DATABASE monoceros OWNER monoceros"
    cluster_as "$home" touch "$home/ready"
}

# Starts the cluster of $1, made first if need be. With a second argument, its files are not flushed
# to disk: for tests, which throw them away.
cluster_start() {
    local home safe=on bin
    home=$(cluster_home "$1")
    [ -z "${2:-}" ] || safe=off
    if cluster_running "$home"; then
        [ ! -e "$home/ready" ] || return 0
        cluster_stop "$1" immediate
    fi
    bin=$(cluster_bin "$home")
    mkdir -p "${home%/*}"
    [ -e "$home/ready" ] || rm -rf "$home/data" # left half made by an interrupted call
    if [ ! -d "$home/data" ]; then
        [ "$home" = "$1" ] || [ -n "${2:-}" ] ||
            say "the database is kept in $home, since the user postgres cannot enter ${1%/*}"
        cluster_create "$home" "$bin"
    fi
    cluster_directory "$(cluster_socket "$home")" "$(cluster_user "$home")"
    cluster_settings "$home" "$safe" | cluster_as "$home" tee "$home/data/monoceros.conf" >/dev/null
    # The server outlives this script and must not hold its lock or its output open.
    cluster_as "$home" "$bin/pg_ctl" start --pgdata="$home/data" --log="$home/log" --wait \
        --timeout=60 --silent >/dev/null </dev/null 9>&- ||
        die "PostgreSQL did not start: $(tail -n 3 "$home/log" 2>/dev/null)"
    cluster_database "$home"
}

# Stops the cluster of $1 in the mode $2: fast, or immediate, which is a crash to recover from.
cluster_stop() {
    local home
    home=$(cluster_home "$1")
    cluster_running "$home" || return 0
    cluster_as "$home" "$(cluster_bin "$home")/pg_ctl" stop --pgdata="$home/data" \
        --mode="${2:-fast}" --wait --timeout=60 --silent >/dev/null
}

cluster_remove() {
    local home
    home=$(cluster_home "$1")
    [ -d "$home" ] || return 0
    cluster_stop "$1" immediate
    rm -rf "$(cluster_socket "$home")" "$home"
}

# The connection URL of cluster $1, for the service's own role.
cluster_url() {
    local home
    home=$(cluster_home "$1")
    printf 'postgresql:///monoceros?host=%s&port=%s&user=monoceros\n' \
        "$(cluster_socket "$home")" "$cluster_port"
}

cluster_help() {
    cat <<'HELP'
Usage: ./dev cluster start DIR [--fast] | stop DIR | kill DIR | url DIR | remove DIR
A PostgreSQL of its own in DIR, on a Unix socket. `start` prints the connection URL; with --fast
nothing is flushed to disk. `kill` stops it as a crash would. `remove` stops it and deletes DIR.
HELP
}

cluster_command() {
    local action=${1:---help} dir=${2:-}
    case "$action" in
    --help | -h) cluster_help && return 0 ;;
    esac
    [ -n "$dir" ] || die "./dev cluster $action needs a directory"
    case "$dir" in /*) ;; *) dir=$PWD/$dir ;; esac
    case "$action" in
    start)
        [ -z "${3:-}" ] || [ "$3" = --fast ] || die "unknown option $3 of ./dev cluster start"
        cluster_start "$dir" "${3:-}"
        cluster_url "$dir"
        ;;
    stop) cluster_stop "$dir" fast ;;
    kill) cluster_stop "$dir" immediate ;;
    url) cluster_url "$dir" ;;
    remove) cluster_remove "$dir" ;;
    *) die "no cluster command named $action" ;;
    esac
}
