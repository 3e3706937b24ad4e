"""Face labels of pictures, where the extra is installed; how they get into records, everywhere."""

import importlib.util

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipelines import faces
from data_pipelines.errors import InputError
from data_pipelines.faces import Face, labels_of, pack, read_face, unpack
from data_pipelines.images import resize
from data_pipelines.records import encode_frame

INSTALLED = all(importlib.util.find_spec(module) for module in faces.MODULES)
needs_models = pytest.mark.skipif(not INSTALLED, reason="the extra faces is not installed (dlib-bin and its models)")

NOTHING = np.full((64, 64, 3), 128, np.uint8)
FACE = Face(np.zeros((68, 2), np.float32), np.ones(128, np.float32), np.array([1, 2, 3], np.float32))


@pytest.fixture(scope="module")
def astronaut():
    """The face of skimage's public-domain portrait, [256 256 3], and what is read from it."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed: it has the portrait")
    frame = np.ascontiguousarray(data.astronaut()[:256, 100:356])
    return frame, read_face(frame)


@needs_models
def test_landmarks_lie_on_the_face(astronaut):
    _, face = astronaut
    pixels = (face.landmarks + 1) * 255 / 2
    assert face.landmarks.shape == (68, 2) and face.landmarks.dtype == np.float32
    # By eye, on a grid laid over the portrait: pupils, tip of the nose, middle between the corners of the mouth.
    places = {(104, 101): range(36, 42), (147, 103): range(42, 48), (125, 126): [30], (124, 140): [48, 54]}
    for place, numbers in places.items():
        np.testing.assert_allclose(pixels[list(numbers)].mean(0), place, atol=4)


@needs_models
def test_a_mirrored_face(astronaut):
    frame, face = astronaut
    mirrored = read_face(np.ascontiguousarray(frame[:, ::-1]))
    np.testing.assert_allclose(mirrored.landmarks[30], face.landmarks[30] * (-1, 1), atol=0.03)
    np.testing.assert_allclose(mirrored.pose, face.pose * (-1, 1, -1), atol=5)
    assert np.abs(face.pose).max() < 30
    assert np.linalg.norm(mirrored.embedding - face.embedding) < 0.6


@needs_models
def test_size_changes_little(astronaut):
    frame, face = astronaut
    small = read_face(resize(frame, 128))
    np.testing.assert_allclose(small.landmarks, face.landmarks, atol=0.06)
    np.testing.assert_allclose(small.pose, face.pose, atol=6)


@needs_models
def test_a_tilted_face_has_the_roll(astronaut):
    frame, face = astronaut
    from PIL import Image

    turned = read_face(np.array(Image.fromarray(frame).rotate(-15)))  # clockwise
    assert abs(turned.pose[2] - face.pose[2] - 15) < 4


@needs_models
def test_no_face_is_none_and_nan():
    assert read_face(NOTHING) is None
    labels = labels_of(encode_frame(NOTHING))
    assert {name: value.shape for name, value in labels.items()} == faces.SHAPES
    assert all(np.isnan(value).all() and value.dtype == np.float32 for value in labels.values())


def test_labels_are_those_of_the_stored_frame(monkeypatch):
    monkeypatch.setattr(faces, "read_face", lambda frame: FACE._replace(pose=frame.mean(axis=(0, 1))))
    np.testing.assert_allclose(labels_of(encode_frame(NOTHING))["pose"], [128] * 3, atol=1)


def test_columns_survive_storage():
    features = tfds.features.FeaturesDict(faces.features())
    for labels in (FACE._asdict(), {name: np.full(shape, np.nan, np.float32) for name, shape in faces.SHAPES.items()}):
        restored = features.deserialize_example_np(features.serialize_example(features.encode_example(labels)))
        np.testing.assert_equal(restored, labels)
        np.testing.assert_equal(unpack(pack(labels)), labels)


def test_without_the_extra_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(faces, "MODULES", {"no_such_module": "no-such-package"})
    with pytest.raises(InputError, match="face labels need no-such-package, which is not installed: install the extra"):
        faces.check_installed()
