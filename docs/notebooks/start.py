# ---
# jupytext:
#   text_representation: {extension: .py, format_name: percent}
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # Start
#
# Five minutes, one table: four years of daily weather in Seattle, which come along. You will learn it, draw a table
# that never was, look at both, and ask a judge how close they are. This page is a
# {nb-download}`notebook <start.ipynb>`.
#
# ## Install
#
# Python 3.11 or newer, on a CPU. `report` brings matplotlib and Jinja for pictures and the HTML report.
#
# ```sh
# pip install 'tsgan[report]'
# ```
#
# ## A table
#
# A DataFrame as you have it: a date, numbers with many zeros, a category. Nothing has to be scaled or encoded.

# %% tags=["remove-stderr"]
from tsgan import RecurrentGAN, datasets, evaluate

real = datasets.load("seattle_weather")
real.head()

# %% [markdown]
# ## Learn it
#
# `time` names the column that orders the rows. `max_time` is a limit in seconds, for this page; leave it out and
# training ends by itself when rows that are held back gain nothing more. `random_state` makes every step repeatable.

# %%
gan = RecurrentGAN(time="date", max_time=20, random_state=0, verbose=False).fit(real)

# %% [markdown]
# What was understood of each column stands in `schema_`: read it before anything else
# ([what its lines mean](../howto/mixed-columns.md#what-the-schema-says)). A column that is taken for something that
# it is not (a code for a number, an id for a category) is told so by `kinds=` or `exclude=`.

# %%
print(gan.schema_)

# %% [markdown]
# ## Draw
#
# One series of any length. The columns, dtypes, decimals and the daily clock are those of the real table.

# %%
synthetic = gan.sample(1, length=len(real), random_state=0)
synthetic.head()

# %%
assert (synthetic.dtypes == real.dtypes).all()
synthetic.describe(include="number").loc[["mean", "std", "min", "max"]].round(1)

# %%
real.describe(include="number").loc[["mean", "std", "min", "max"]].round(1)

# %% [markdown]
# A month of each, side by side:

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for axis, (name, table) in zip(axes, {"real": real, "synthetic": synthetic}.items(), strict=True):
    month = table[table["date"].dt.strftime("%Y-%m") == "2013-06"]
    axis.fill_between(month["date"], month["temp_min"], month["temp_max"], color="#c8553d", alpha=0.7)
    axis.bar(month["date"], month["precipitation"], color="#3d7ea6")
    axis.set_title(name)
    axis.tick_params(axis="x", rotation=40)

# %% [markdown]
# ## Judge
#
# `evaluate` knows nothing of the generator: it takes two tables. Here many short windows are drawn apart, as many as
# the real table has. `metrics="quick"` takes seconds; leave it out for all scores. Each stands beside what real data
# score against real data.

# %%
windows = gan.sample(len(real), random_state=0)
report = evaluate(real, windows, time="date", metrics="quick", random_state=0, verbose=False)
print(report)

# %% [markdown]
# `report.to_html("report.html")` writes a page with pictures: [how to read it](judge.py).
#
# ## Keep it
#
# A model is a folder of JSON and safetensors with a card, `README.md`; opening one runs no code.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    gan.save(f"{folder}/weather", report=report)
    print(*sorted(path.name for path in Path(folder, "weather").iterdir()), sep="\n")
    assert RecurrentGAN.load(f"{folder}/weather").sample(1, length=30).shape == (30, 6)

# %% [markdown]
# ## Your own table
#
# Many entities in long format are named by `entity`, and columns that do not change within one by `static`:
#
# ```python
# gan = RecurrentGAN(entity="patient", time="day", static=["sex", "site"]).fit(pd.read_csv("visits.csv"))
# gan.sample(100)  # 100 new patients
# ```
#
# The same by command, for any csv or Parquet file:
#
# ```sh
# tsgan fit visits.csv -o model --entity patient --time day --static sex,site
# tsgan sample model -n 100 -o synthetic.csv
# tsgan evaluate visits.csv synthetic.csv --entity patient --time day --static sex,site --report report.html
# ```
#
# Where to go on: [tables as people have them](../howto/index.md), [what surprises
# people](../howto/index.md#what-surprises-people), [the gallery](../gallery/index.md), and, before you
# give a table away, [privacy](../privacy.md).
