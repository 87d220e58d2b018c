# ---
# jupytext:
#   text_representation: {extension: .py, format_name: percent}
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # The judge
#
# `evaluate` takes two tables, from any generator, and answers three questions: **what is faithful, what is not, and
# what does the table give away?** Read those first. Each score below them stands between two ends: what real data
# score against real data, and what a useless table scores. This page judges three tables of which you know what is
# wrong: one that was drawn, one that is a copy, one that is shuffled.

# %% tags=["remove-stderr"]
import numpy as np
import pandas as pd

from tsgan import RecurrentGAN, compare, datasets, train_holdout_split

real = datasets.load("regime_panel")  # 150 units, some weeks of each
roles = {"entity": "unit", "time": "day", "static": ["site", "age"]}
train, holdout = train_holdout_split(real, entity="unit", time="day", random_state=0)  # whole units

gan = RecurrentGAN(steps=0, **roles, random_state=0).fit(train)  # the closed form, which is quick
drawn = gan.sample(train["unit"].nunique(), random_state=1)

copied = train.assign(unit="new " + train["unit"])  # the training table under new names

changing = ["regime", "value", "events", "alarm"]  # the days of each unit in another order
order = np.lexsort([np.random.default_rng(0).random(len(train)), pd.factorize(train["unit"])[0]])
shuffled = train.assign(**{name: train[name].to_numpy()[order] for name in changing})

# %% [markdown]
# One call judges them side by side; for one table alone it is `evaluate(train, drawn, holdout, **roles)`. Here the
# judges that take longest are left out (`metrics=`), and each score is computed three times.

# %%
tables = {"drawn": drawn, "copied": copied, "shuffled": shuffled}
chosen = ["two_sample", "columns", "time", "joint", "coverage", "disclosure"]
comparison = compare(train, tables, holdout, **roles, metrics=chosen, repeats=3, random_state=0, verbose=False)
report = comparison.reports["drawn"]
print(report)

# %% [markdown]
# `report.to_html("report.html")` writes the same as a page, with pictures; `to_json` for machines, `as_frame()` for
# pandas. Its head are the three questions:
#
# ```{image} ../_static/judge-head.png
# :alt: The head of the report on the drawn table: faithful, not faithful, gives away
# ```
#
# ## How to read a score
#
# ```{image} ../_static/judge-score.png
# :alt: Cards of scores: a grade, a sentence, the value, and a bar from real against real to useless
# ```
#
# | in the line | what it is |
# |---|---|
# | value | the score of your table |
# | spread | from repeat to repeat: other judges, parts and draws; on the page an interval, where one applies |
# | real/real | the same score of one part of the real data against another: nothing better can be expected |
# | worst | the same of a useless table (under "What does it give away?", of a copy) |
# | verdict | where the value stands between the two, in a word |
#
# So `0.0598` of `autocorrelation` says nothing by itself; beside `0.0583` of real data against real data, and `0.357`
# of a useless table, it says that the past is remembered as it should be. Read from the verdict to the left.
#
# | verdict | the table |
# |---|---|
# | faithful | differs no more than chance explains, or by next to nothing |
# | close | differs beyond chance, but by less than 15 % of the way to useless |
# | visible difference | up to half of the way |
# | far | more than that |
# | unclear | may differ, but real data may differ as much from one another: too few rows to say |
# | none found | (of what it gives away) no more than chance brings |
# | suspicious | more than chance brings: look into it |
# | leak | so much that the table must not be shared |
# | not available | could not be measured; the last lines say why |
#
# `two_sample`, the strong judge, is here "unclear": on 105 units real data may look as different. More rows would say.
#
# ## The copy
#
# No table is closer to the real one than the real one. Every score of likeness is perfect, and that is the trap: only
# the section on disclosure, with the holdout, sees it.

# %%
copy = comparison.reports["copied"]
assert copy.as_frame().loc["copies", "grade"] == "leak"
copy.as_frame().loc[["two_sample", "marginals", "copies", "membership"], ["value", "real_against_real", "grade"]].round(
    3
)

# %% [markdown]
# ```{image} ../_static/judge-copy.png
# :alt: The head of the report on the copy: a leak, in red, before all else
# ```
#
# ## The shuffle
#
# Each column is right to the last digit, and columns of a row still belong together. What fails is time, and the strong
# judge, which looks at whole windows.

# %%
frame = comparison.reports["shuffled"].as_frame()
assert frame.loc["marginals", "grade"] == "faithful"
assert frame.loc["two_sample", "grade"] == "far"
frame[frame["section"].isin(["apart", "columns", "time"])][["value", "real_against_real", "worst", "grade"]].round(3)

# %% [markdown]
# It leaks, too: `singled_out` finds the dates, ages and extremes of single units in it, for shuffling hides nobody.
#
# ## Why a holdout
#
# A good table lies near the real one anyway. Only real data that the generator has *not* seen tell what near means:
# if drawn records are nearer to those it learned from than to those it did not, it repeats them. So split before you
# fit, by entity, or a long series by blocks of time; `train_holdout_split` does both. A record is all of an entity's
# rows: many windows of one person are one record.
#
# ## Which scores
#
# - **Can it be told apart?** `two_sample` (the strong judge), `discriminative` (the papers'), `frechet`, `context_fid`
# - **Is each column right?** `marginals`, `tails`, `atoms`, `unseen`, `missing`
# - **Does time pass as it should?** `autocorrelation`, `partial_autocorrelation`, `spectrum`, `increments`,
#   `volatility`, `transitions`, `run_lengths`, `gaps`, `lengths`
# - **Do the columns belong together?** `correlation`, `cross_correlation`, `association`, `violations`
# - **Is the whole variety there?** `coverage`
# - **Is it useful?** `predictive` (the papers'), `forecast`, and with `target="column"` `usefulness`
# - **What does it give away?** `copies`, `closest_record`, `nearest_ratio`, `singled_out`, `membership`, and with
#   `sensitive="column"` `attribute_inference`
#
# `metrics="quick"` takes seconds and no judge that learns; left out, all but the slow ones are measured; `"all"`, names
# and sections ("time", "disclosure") as above. The page of the report defines each, with its source.
#
# ## What does not count
#
# - **A figure without its ends.** 0.03 may be perfect or terrible. Compare verdicts, then distances to real data's own.
# - **The papers' discriminative score alone.** Its judge is small, and its test windows overlap those that it learned
#   from: of fourteen faults planted in a simulated clinic it calls nine faithful, while this set sees all fourteen, and
#   calls none of ten pairs of real samples different (`python benchmarks/judge_power.py`).
# - **Differences without a star.** In a comparison ★ (`*`) marks tables that no other beats beyond chance: two stars
#   are a draw.
# - **A score that the generator was chosen by.** Choose by something else, or judge on another holdout.
# - **"None found" as a proof.** The judge finds leaks; it cannot prove that there are none ([privacy](../privacy.md)).
# - **One row of many.** Among thirty scores a single "close" is ordinary. A grade is set so that of 170 reports on real
#   samples one holds a false alarm.
#
# ## As a gate
#
# ```sh
# tsgan evaluate train.csv synthetic.csv --holdout holdout.csv --entity unit --time day --static site,age \
#     --fail-under two_sample=0.7 --fail-under marginals=close --fail-under copies=none-found
# ```
#
# ends with exit code 3 where a score is worse. Example: [the judge alone](../gallery/04_judge.md).
# Reference: {py:func}`tsgan.evaluate`, {py:func}`tsgan.compare`, {py:class}`tsgan.Report`.
