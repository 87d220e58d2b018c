"""Two years of weather: real, and synthetic after half a minute of training; the picture at the head of README."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from tsgan import RecurrentGAN, datasets

SKIES = {"sun": "#f2c14e", "drizzle": "#9bc1bc", "rain": "#3d7ea6", "fog": "#b8b8b8", "snow": "#e8eef2"}

real = datasets.load("seattle_weather")
model = RecurrentGAN(time="date", max_time=30, random_state=0, verbose=False).fit(real)
synthetic = model.sample(1, length=731, random_state=0)

figure, axes = plt.subplots(3, 2, figsize=(11, 5), sharex="col", sharey="row", height_ratios=[3, 2, 0.4])
for column, (name, table) in enumerate({"real": real.iloc[:731], "synthetic": synthetic}.items()):
    temperature, rain, sky = axes[:, column]
    temperature.fill_between(table["date"], table["temp_min"], table["temp_max"], color="#c8553d", alpha=0.75, lw=0)
    temperature.set_title(name, loc="left", fontweight="bold")
    rain.bar(table["date"], table["precipitation"], width=1.0, color="#3d7ea6")
    sky.bar(table["date"], 1, width=1.0, color=table["weather"].map(SKIES))
    sky.set_yticks([])
    sky.set_ylim(0, 1)
    sky.tick_params(axis="x", rotation=30)
    for panel in (temperature, rain, sky):
        panel.spines[["top", "right"]].set_visible(False)
axes[0, 0].set_ylabel("temperature\nlow to high (°C)")
axes[1, 0].set_ylabel("rain (mm)")
axes[2, 0].set_ylabel("sky", rotation=0, ha="right", va="center")
handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in SKIES.values()]
figure.legend(handles, SKIES, ncols=5, loc="lower center", frameon=False, fontsize=8)
figure.tight_layout(rect=(0, 0.04, 1, 1))
summer, winter = (synthetic[synthetic["date"].dt.month.isin(part)] for part in ([6, 7, 8], [12, 1, 2]))
assert summer["temp_max"].mean() > winter["temp_max"].mean() + 10, "summer lies in summer"
figure.savefig("picture.png", dpi=110)
