"""Conditions: what sequences shall fulfil, in part or row by row."""

import matplotlib.pyplot as plt
import pandas as pd

from tsgan import RecurrentGAN, datasets
from tsgan.errors import ParameterError

vowels = datasets.load("japanese_vowels")
voice = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0).fit(vowels)
names = vowels["speaker"].unique()

one = voice.sample(50, where={"speaker": names[0]})  # 50 utterances of one speaker
assert set(one["speaker"]) == {names[0]}
wanted = pd.DataFrame({"speaker": [names[1], names[2], names[2]]})
three = voice.sample(static=wanted)  # one sequence for each row
print(three.groupby("utterance")[["speaker"]].first())

weather = datasets.load("seattle_weather")
sky = RecurrentGAN(steps=100, adversarial_steps=0, time="date", random_state=0).fit(weather)
snow = sky.sample(300, length=1, where={"weather": "snow"})  # a class of rows: rare cases, as many as you need
real = weather[weather["weather"] == "snow"]
print(f"days of snow, real and synthetic: {len(real)}, {len(snow)};", end=" ")
print(f"mean temp_max {real['temp_max'].mean():.1f}, {snow['temp_max'].mean():.1f}")
shown = {"all days": weather, "real snow": real, "300 days of snow drawn": snow}
figure, axis = plt.subplots(figsize=(8, 3))
for color, (name, table) in zip(("#b8b8b8", "#3d7ea6", "#c8553d"), shown.items(), strict=True):
    axis.hist(table["temp_max"], bins=range(-4, 38, 2), density=True, alpha=0.6, label=name, color=color)
axis.set_xlabel("temp_max (°C)")
axis.legend(frameon=False)
figure.tight_layout()
figure.savefig("snow.png", dpi=110)
assert (snow["weather"] == "snow").all()

try:
    sky.sample(1, where={"weather": "hail"})
except ParameterError as error:
    print("refused:", error)
