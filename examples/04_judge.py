"""The judge alone: for any two tables, what is faithful, what is not, and what is given away.

One synthetic table is drawn from a fitted model (its closed form, a second's work: `steps=0`), the other is the
training table under new names: every score of likeness is perfect, and the judge says at once what it is. Only with a
holdout can most of that be known.
"""

import tempfile
from pathlib import Path

from tsgan import RecurrentGAN, compare, datasets, evaluate, train_holdout_split

real = datasets.load("regime_panel")
roles = {"entity": "unit", "time": "day", "static": ["site", "age"]}
train, holdout = train_holdout_split(real, entity="unit", time="day", random_state=0)

drawn = RecurrentGAN(steps=0, **roles, random_state=0).fit(train).sample(train["unit"].nunique(), random_state=1)
copied = train.assign(unit="new " + train["unit"])

chosen = ["columns", "time", "joint", "disclosure"]  # sections; leave out for all but the slow scores, or say "all"
report = evaluate(train, drawn, holdout, **roles, metrics=chosen, repeats=3)
print(report, "\n")
print(compare(train, {"drawn": drawn, "copied": copied}, holdout, **roles, metrics=["marginals", "disclosure"]), "\n")

with tempfile.TemporaryDirectory() as folder:
    report.to_html(f"{folder}/report.html")
    assert Path(folder, "report.html").stat().st_size < 3_000_000

assert report["copies"].grade == "none found"
copy = evaluate(train, copied, holdout, **roles, metrics=["marginals", "copies", "membership"])
assert (copy["marginals"].grade, copy["copies"].grade, copy["membership"].grade) == ("faithful", "leak", "leak")
