#!/usr/bin/env bash
# Runs every example, then the README's.
set -euo pipefail
cd "$(dirname "$0")"
for example in [0-9]*; do
    echo "== $example"
    case $example in
        *.py) python "$example" ;;
        *.sh) bash "$example" ;;
    esac
done
echo "== README.md"
python readme.py
