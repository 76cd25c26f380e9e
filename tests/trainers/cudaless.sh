#!/usr/bin/env bash
# Lets PyPI's torch load without CUDA: cudaless.sh TORCH FOLDER. It is linked with libraries of 3 GB that nothing
# here calls; in their place FOLDER gets libraries of the same names, in which every function says
# "insufficient driver" (35), so that torch finds no device.
set -euo pipefail
lib=$1/lib folder=$2
rm -rf "$folder"
mkdir -p "$folder"
nm -D --undefined-only "$lib"/*.so | awk '$1 == "U" { print $2 }' | grep -E '^_*(cu|nccl|nv)[A-Za-z]' |
    sort -u >"$folder/functions"
for file in "$lib"/*.so; do readelf -d "$file"; done | grep -oE '\[lib(cu|nccl|nv)[^]]*\]' | tr -d '[]' | sort -u >"$folder/names"
while read -r name; do
    version=$name
    [[ $name != libnvshmem* ]] || version=NVSHMEM
    { grep -F "@$version" "$folder/functions" || true; grep -v @ "$folder/functions"; } | sed 's/@.*//' | sort -u |
        sed 's/.*/int &(void) { return 35; }/' >"$folder/functions.c"
    printf '%s { global: *; };\n' "$version" >"$folder/version"
    ${CC:-cc} -w -fno-builtin -shared -fPIC -Wl,-soname,"$name" -Wl,--version-script="$folder/version" \
        -o "$folder/$name" "$folder/functions.c"
done <"$folder/names"
