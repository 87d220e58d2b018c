"""Tables larger than memory: fitted from a folder of Parquet files, drawn piece by piece."""

import tempfile
from pathlib import Path

import pandas as pd

from tsgan import RecurrentGAN, datasets

real = datasets.load("japanese_vowels")
with tempfile.TemporaryDirectory() as name:
    folder = Path(name) / "parts"
    folder.mkdir()
    for part, at in enumerate(range(0, len(real), 3000)):  # a sequence may go on in the next file
        real.iloc[at : at + 3000].to_parquet(folder / f"{part:03d}.parquet")
    model = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0)
    model.fit(folder)  # columns from an excerpt, windows from disk; an iterator of frames will do, too

    rows = 0
    for piece in model.sample_iter(2000, chunk=500):  # one piece in memory; keys go on from piece to piece
        rows += len(piece)
    print(f"{rows} rows in pieces of at most 500 sequences")

    pieces = pd.concat(model.sample_iter(600, chunk=200))
    assert pieces.equals(model.sample(600))  # the same table as at once

# The same from the command line: tsgan fit FOLDER -o model; tsgan sample model -n 10_000_000 -o out.parquet
