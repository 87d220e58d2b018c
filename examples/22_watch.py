"""Watch a fit: a function that is told each measurement and may stop it, TensorBoard, and a picture of the history.

MLflow is watched alike: `from tsgan.callbacks.mlflow import MLflowCallback`, which also logs the model.
"""

import tempfile
from pathlib import Path

import pandas as pd

from tsgan import RecurrentGAN, datasets

try:
    from tsgan.callbacks.tensorboard import TensorBoardCallback
except ImportError as error:
    print(f"left out: {error}")
    raise SystemExit from None


def stop_when_good(row):
    """Stop the first stage at the first gain of a twentieth of a nat a row; what `row` holds: model.callbacks.Row."""
    starts.append(row["held_back"])
    return row["stage"] == "likelihood" and row["held_back"] > starts[0] + 0.05


starts = []
with tempfile.TemporaryDirectory() as folder:
    callbacks = [stop_when_good, TensorBoardCallback(Path(folder, "runs", "one"))]
    gan = RecurrentGAN(time="date", steps=100, adversarial_steps=0, random_state=0, callbacks=callbacks)
    gan.fit(datasets.load("seattle_weather"))
    gan.plot_history("history.png")
    print("tensorboard --logdir runs shows", *(path.name for path in Path(folder, "runs", "one").iterdir()))

table = pd.DataFrame(gan.history_)
print(table[["stage", "step", "seconds", "loss", "held_back", "kept"]].round(3).to_string(index=False))
assert table["step"].max() < 100
