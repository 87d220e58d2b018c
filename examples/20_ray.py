"""The same sample by Ray: a Dataset that streams, so that memory is that of some blocks however many rows there are."""

import tempfile

import ray

from tsgan import RecurrentGAN, datasets, scale

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    with tempfile.TemporaryDirectory() as name:
        model = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0)
        model.fit(datasets.load("japanese_vowels")).save(f"{name}/model")  # on a cluster: a folder that all workers see

        drawn = scale.ray.sample(f"{name}/model", 20_000, partitions=4, random_state=0)
        rows = 0
        for batch in drawn.iter_batches(batch_size=50_000, batch_format="pyarrow"):
            rows += len(batch)
        print(f"{rows} rows in batches of at most 50,000")

        first = drawn.take(1)[0]
        assert first["c1"] == model.sample(20_000, random_state=0)["c1"].iloc[0]  # the same rows as in one process
    ray.shutdown()
