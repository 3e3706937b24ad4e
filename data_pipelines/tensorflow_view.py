"""A built dataset as `tf.data`, for programs that use TensorFlow; nothing else here needs it.

TFDS itself reads array records by `as_data_source` alone. A builder that returns this from its `_as_dataset` makes
`tfds.load` and `as_dataset` work too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as tf

from data_pipelines.errors import InputError


def tf_dataset(
    builder: tfds.core.DatasetBuilder,
    split: Any,
    *,
    decoders: Any = None,
    read_config: tfds.ReadConfig | None = None,
    shuffle_files: bool = False,
) -> Any:
    """The records of a split as a `tf.data.Dataset` of known length.

    Args:
        builder: of a dataset that is built as array records.
        split: whatever TFDS takes for a split, such as 'train' or 'train[:50%]'.
        decoders: as in `tfds.load`.
        read_config: gives the seed of the order, if any, and the input pipeline, if there are several: each has its
            share of the records, and with `shuffle_files` they must have the seed in common.
        shuffle_files: whether the records come in another order in each pass. There is no need to shuffle whole files
            only, since any record can be read at any time.

    Raises:
        InputError: several input pipelines would each shuffle in an order of its own.
    """
    source: Sequence[Any] = builder.as_data_source(split=split, decoders=decoders)  # pyright: ignore[reportCallIssue]
    seed = None if read_config is None else read_config.shuffle_seed
    context: Any = None if read_config is None else read_config.input_context
    first, step = (0, 1) if context is None else (context.input_pipeline_id, context.num_input_pipelines)
    if shuffle_files and seed is None and step > 1:
        raise InputError(f"{step} input pipelines that shuffle need one order: give ReadConfig(shuffle_seed=...)")
    rng = np.random.default_rng(seed)

    def records() -> Iterator[Any]:
        order = rng.permutation(len(source)) if shuffle_files else range(len(source))
        return (source[int(number)] for number in order[first::step])

    features: Any = builder.info.features
    dataset = tf.data.Dataset.from_generator(records, output_signature=features.get_tensor_spec())
    return dataset.apply(tf.data.experimental.assert_cardinality(len(range(first, len(source), step))))
