#!/usr/bin/env bash
# The whole line by command, on a csv: fit, look, sample, judge.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python -c 'from tsgan import datasets; datasets.load("regime_panel").to_csv("real.csv", index=False)'
roles=(--entity unit --time day --static site,age)

tsgan fit real.csv -o model "${roles[@]}" --steps 20 --adversarial-steps 0 --seed 0 --quiet
tsgan info model
tsgan sample model -n 150 --seed 1 -o synthetic.csv
tsgan sample model -n 1 --length 3 --seed 1 --quiet
tsgan evaluate real.csv synthetic.csv "${roles[@]}" --repeats 1 --seed 0 --report report.html --json scores.json

test "$(head -n 1 real.csv)" = "$(head -n 1 synthetic.csv)"
test -s report.html
python -m json.tool scores.json > /dev/null
