"""How the heads of a dataset are turned, frame by frame, where the dataset knows it."""

import bisect

import numpy as np
from jaxtyping import Float

from data_pipelines.built import RecordDataset
from data_pipelines.datasets import Dataset
from data_pipelines.errors import InputError
from data_pipelines.moving_heads.on_the_fly import OnTheFly
from data_pipelines.records import ClipEntry

COLUMNS = ("yaw", "pitch", "roll")
"""The columns of a `pose` that turn the head, in degrees."""


def clip_pose(dataset: Dataset, clip: ClipEntry) -> Float[np.ndarray, "t 3"]:
    """Yaw, pitch and roll of the head in each frame of a clip, in degrees; NaN where the frame shows no face.

    A built dataset has them in the columns of those names of its field `pose`.

    Raises:
        InputError: the dataset has no such labels.
    """
    return np.stack([frame_pose(dataset, number) for number in range(clip.start, clip.start + clip.length)])


def frame_pose(dataset: Dataset, number: int) -> Float[np.ndarray, "3"]:
    """The same of frame `number` of the split; NaN where no face was found.

    Raises:
        InputError: the dataset has no such labels.
    """
    if isinstance(dataset, OnTheFly):
        return dataset.pose(number)
    names = list(dataset.columns.get("pose", ())) if isinstance(dataset, RecordDataset) else []
    if not isinstance(dataset, RecordDataset) or not set(COLUMNS) <= set(names):
        clip = dataset.clips[bisect.bisect_right(dataset.clips, number, key=lambda clip: clip.start) - 1]
        raise InputError(
            f"the clip {clip.name} has no head pose: give moving_heads, or a dataset that was built with --labels"
        )
    places = [names.index(name) for name in COLUMNS]
    return np.asarray(dataset.records[number]["pose"])[places]
