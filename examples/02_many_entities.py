"""Many entities of different lengths, in long format: 640 utterances by nine speakers, 12 channels.

`entity` names the column that tells sequences apart, `time` the one that orders their steps, `static` those that hold
one value per sequence.
"""

import tempfile

import matplotlib.pyplot as plt
import pandas as pd

from tsgan import RecurrentGAN, datasets

real = datasets.load("japanese_vowels")
gan = RecurrentGAN(
    entity="utterance", time="step", static=["speaker"], steps=20, adversarial_steps=0, random_state=0
).fit(real)
print(gan.schema_, "\n")

synthetic = gan.sample(50, random_state=1)
print(synthetic.head(), "\n")

lengths = [table.groupby("utterance").size() for table in (real, synthetic)]
print("sequences, shortest, longest:", *(f"{len(n)}, {n.min()}, {n.max()};" for n in lengths))

figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharex=True, sharey=True)
for axis, (name, table) in zip(axes, {"real": real, "synthetic": synthetic}.items(), strict=True):
    every = list(table.groupby("utterance"))
    for _, one in every[:: len(every) // 30]:
        axis.plot(one["step"], one["c1"], lw=0.8, alpha=0.7)
    axis.set_title(f"{name}: channel c1 of thirty utterances", fontsize=10)
    axis.set_xlabel("step")
figure.tight_layout()
figure.savefig("utterances.png", dpi=110)

with tempfile.TemporaryDirectory() as folder:
    gan.save(f"{folder}/model")
    again = RecurrentGAN.load(f"{folder}/model").sample(50, random_state=1)

pd.testing.assert_frame_equal(again, synthetic, check_exact=True)
assert synthetic["utterance"].nunique() == 50
assert synthetic.groupby("utterance")["speaker"].nunique().eq(1).all()
assert set(synthetic["speaker"]) <= set(real["speaker"])
