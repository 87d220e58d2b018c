"""The same sample by Spark: and a table of Spark to learn from. It needs pyspark and Java (make test-engines)."""

import importlib.util
import os
import shutil
import sys
import tempfile

from tsgan import RecurrentGAN, datasets

if importlib.util.find_spec("pyspark") is None or not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    print("skipped: pyspark or Java is not installed; make test-engines installs them")
    sys.exit()

from pyspark.sql import SparkSession

from tsgan import scale

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers are to have what this process has
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
with tempfile.TemporaryDirectory() as name:
    real = datasets.load("japanese_vowels")
    real.to_parquet(f"{name}/real.parquet")
    model = RecurrentGAN(steps=0, entity="utterance", time="step", static=["speaker"], random_state=0)
    model.fit(spark.read.parquet(f"{name}/real.parquet")).save(f"{name}/model")

    drawn = scale.spark.sample(spark, f"{name}/model", 20_000, partitions=4, random_state=0)
    drawn.groupBy("speaker").count().orderBy("speaker").show(3)
    assert drawn.count() == len(model.sample(20_000, random_state=0))  # the same rows as in one process
spark.stop()
