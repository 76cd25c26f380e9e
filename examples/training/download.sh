#!/usr/bin/env bash
# Downloads an export and checks it; called again, it goes on where it was.
#   MONOCEROS_API_KEY=… download.sh http://host:8080/v1/exports/… DIRECTORY ['*.jsonl']
# The third argument is a pattern of names. The key reaches curl by a pipe and is in no list of processes.
set -euo pipefail
url=${1%/}/files directory=$2 pattern=${3:-*}

get() {
    { [ -z "${MONOCEROS_API_KEY:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$MONOCEROS_API_KEY"; } |
        curl --config - --fail --silent --show-error --retry 8 --connect-timeout 30 "$@"
}

# Its lines are: sum, bytes, name.
list() {
    python3 -c '
import json, re, sys
for file in json.load(sys.stdin)["files"]:
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", file["name"]):
        sys.exit("this is no name of a file: " + file["name"])
    print(file["sha256"], file["bytes"], file["name"])'
}

same() {
    [ -e "$2" ] && sha256sum --check --status <<<"$1  $2"
}

mkdir -p "$directory"
cd "$directory"
get --output .manifest.json "$url/manifest.json"
files=$(list <.manifest.json)
while read -r sum bytes name; do
    # shellcheck disable=SC2053 # a pattern
    [[ $name == $pattern ]] || continue
    ! same "$sum" "$name" || continue
    touch "$name.part"
    size=$(wc -c <"$name.part")
    [ "$size" -ge "$bytes" ] || get --continue-at - --output "$name.part" "$url/$name"
    if ! same "$sum" "$name.part"; then
        rm "$name.part"
        printf 'download.sh: %s is not what the manifest says; try again\n' "$name" >&2
        exit 1
    fi
    mv "$name.part" "$name"
done <<<"$files"
mv .manifest.json manifest.json
