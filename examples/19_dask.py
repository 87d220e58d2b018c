"""The same sample by Dask: drawn by processes side by side, written as a folder of Parquet files."""

import tempfile
from pathlib import Path

import pandas as pd
from distributed import Client, LocalCluster

from tsgan import RecurrentGAN, datasets, scale

if __name__ == "__main__":  # the processes that Dask starts read this file, too
    with tempfile.TemporaryDirectory() as name, LocalCluster(n_workers=2, dashboard_address=":0") as cluster:
        with Client(cluster):
            real = datasets.load("japanese_vowels")
            model = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0)
            model.fit(real).save(f"{name}/model")  # on a cluster: a folder that all workers see

            drawn = scale.dask.sample(f"{name}/model", 20_000, partitions=4, random_state=0)
            print(drawn.npartitions, "partitions; nothing is drawn yet")
            drawn.to_parquet(f"{name}/synthetic", write_index=False)

        files = sorted(Path(name, "synthetic").glob("*.parquet"))
        made = pd.concat(map(pd.read_parquet, files), ignore_index=True)
        whole = model.sample(20_000, random_state=0)
        assert made.astype(whole.dtypes).equals(whole)  # the same rows as in one process
        print(f"{len(made)} rows in {len(files)} files are those of one process")
