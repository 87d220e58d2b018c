"""Statics and lengths: statics and lengths first, then the sequence given them, under keys that are nobody's."""

from tsgan import RecurrentGAN, datasets

real = datasets.load("japanese_vowels")  # 640 utterances of 7 to 29 steps by 9 speakers
model = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0).fit(real)
synthetic = model.sample(640)
print(synthetic.head(3).iloc[:, :6])

for name, table in (("real", real), ("synthetic", synthetic)):
    per = table.groupby("utterance")
    lengths, speakers = per.size(), per["speaker"].first()
    by = lengths.groupby(speakers, observed=True).mean()
    print(f"{name}: lengths {lengths.min()} to {lengths.max()}, mean {lengths.mean():.1f}; by speaker", *by.round(0))
assert not set(synthetic["utterance"]) & set(real["utterance"])  # never a real key
assert synthetic.groupby("utterance")["speaker"].nunique().eq(1).all()
assert (synthetic.dtypes == real.dtypes).all()
