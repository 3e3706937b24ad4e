"""TFDS's own way of loading, which needs TensorFlow."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed; in an environment of its own: "
    "pip install '.[tf,dev]' && python -m pytest tests/data_pipelines/voxceleb/test_tensorflow.py",
)

# In a process of its own, since TensorFlow warns when it is imported.
SCRIPT = """
import sys
import data_pipelines.voxceleb
import tensorflow as tf
import tensorflow_datasets as tfds

name, data_dir = "voxceleb/vox1_64", sys.argv[1]
train = tfds.load(name, data_dir=data_dir, split="train")
wanted = tfds.data_source(name, data_dir=data_dir, split="train")
assert len(train) == len(wanted) == 20
for record, other in zip(train, wanted, strict=True):
    assert record["image"].numpy() == other["image"]
    assert (int(record["clip"]), int(record["frame"])) == (other["clip"], other["frame"])
assert tf.io.decode_jpeg(record["image"]).shape == (64, 64, 3)

splits, info = tfds.load(name, data_dir=data_dir, with_info=True)
assert sorted(splits) == ["test", "train"] and len(info.metadata["clips"]["train"]) == 2

options = {"split": "train[:50%]", "shuffle_files": True, "read_config": tfds.ReadConfig(shuffle_seed=1)}
orders = [[int(r["frame"]) for r in tfds.load(name, data_dir=data_dir, **options)] for _ in range(2)]
assert orders[0] == orders[1] != sorted(orders[0]) == list(range(10))

shares = []
for index in range(3):
    context = tf.distribute.InputContext(num_input_pipelines=3, input_pipeline_id=index)
    share = tfds.load(name, data_dir=data_dir, split="train", read_config=tfds.ReadConfig(input_context=context))
    shares.append([(int(record["clip"]), int(record["frame"])) for record in share])
    assert len(shares[-1]) == len(share)
everything = [(int(record["clip"]), int(record["frame"])) for record in wanted]
assert shares == [everything[index::3] for index in range(3)]
"""


def test_tfds_load(official, tmp_path, build):
    build(official, tmp_path, "--workers", "1")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
