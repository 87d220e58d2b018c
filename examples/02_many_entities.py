"""Many entities of different lengths, in long format: 640 utterances by nine speakers, 12 channels.

`entity` names the column that tells sequences apart, `time` the one that orders their steps, `static` those that hold
one value per sequence.
"""

import tempfile

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

with tempfile.TemporaryDirectory() as folder:
    gan.save(f"{folder}/model")
    again = RecurrentGAN.load(f"{folder}/model").sample(50, random_state=1)

pd.testing.assert_frame_equal(again, synthetic, check_exact=True)
assert synthetic["utterance"].nunique() == 50
assert synthetic.groupby("utterance")["speaker"].nunique().eq(1).all()
assert set(synthetic["speaker"]) <= set(real["speaker"])
