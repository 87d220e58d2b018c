#!/usr/bin/env bash
# Runs every example as a reader would, two at a time, then the README's; `run.sh 13 14` runs those alone. What each prints
# and writes stays in out/examples/NAME, of which the site's gallery is made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../out/examples
export OMP_NUM_THREADS=1 MPLBACKEND=Agg  # one core for each of the two

run() {
    name=$(basename "$1")
    folder=$2/${name%.*}
    rm -rf "$folder" && mkdir -p "$folder"
    case $name in *.sh) program=bash ;; *) program=python ;; esac
    start=$(date +%s)
    if (cd "$folder" && "$program" "$1" >output.txt 2>errors.txt); then state=done; else state=FAILED; fi
    end=$(date +%s)
    echo "== $name: $state in $((end - start)) s"
    if [ $state = FAILED ]; then cat "$folder/output.txt"; tr '\r' '\n' <"$folder/errors.txt" | tail -n 30; exit 1; fi
}
export -f run

[ $# -gt 0 ] || set -- ""
for part in "$@"; do
    for example in "$here/$part"*; do
        case $(basename "$example") in [0-9]*.py | [0-9]*.sh | readme.py) echo "$example" ;; esac
    done
done | xargs -P 2 -I{} bash -c 'run "$@"' _ {} "$out"
