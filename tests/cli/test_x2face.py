"""`thf animate` with X2Face: several sources, relative codes, motion files, a pose track, and sound."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tests.inference.samples import (
    X2FACE_SIZE,
    pictures,
    read_pictures,
    sound_packets,
    tiny_x2face,
    video_properties,
    write_clip,
)
from thf_jax.inference.audio_features import FEATURES, NAME, SAMPLING, audio_features
from thf_jax.inference.crop import look
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.sound import read_sound
from thf_jax.inference.video import to_uint8
from thf_jax.interop.code_files import write_codes
from thf_jax.interop.model_directory import load_model, save_model
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes
from thf_jax.types import DrivingCode

RANDOM = np.random.default_rng(0)
POSE = PoseCodes(*(jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((3, 6), (3,), (6, 3))))
AUDIO = AudioCodes(jnp.asarray(0.02 * RANDOM.standard_normal((6, FEATURES)), jnp.float32))
ANGLES = np.array([[0, 10, -20], [5, 0, 40], [-15, -30, 0], [0, 0, 0]])


@pytest.fixture(scope="session")
def x2face(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "x2face", tiny_x2face(), "A card.")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A second picture, a short clip with sound, a pose track and both maps."""
    folder = tmp_path_factory.mktemp("x2face")
    Image.fromarray(pictures(1, height=40, width=40, seed=3)[0]).save(folder / "second.png")
    write_clip(folder / "clip.mp4", count=4, sound="aac")
    rows = [f"{frame},{yaw},{pitch},{roll}" for frame, (roll, pitch, yaw) in enumerate(ANGLES)]
    (folder / "pose.csv").write_text("\n".join(["frame,yaw,pitch,roll", *rows]) + "\n")
    write_codes(folder / "pose.npz", POSE)
    write_codes(folder / "audio.npz", AUDIO, feature=NAME)
    write_codes(folder / "published.npz", AUDIO, feature="published")
    return folder


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    """Half a second that begins in silence."""
    import av

    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    times = np.arange(SAMPLING // 2) / SAMPLING
    samples = np.where(times < 0.2, 0, 20000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLING, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLING
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rendered(model, codes, *sources) -> np.ndarray:
    """The bytes of the pictures of these codes, by the verbs."""
    animator = load_model(model)
    encoded = animator.encode([look(read_source(path), X2FACE_SIZE, crop=True) for path in sources])
    images = [animator.render(encoded, DrivingCode(jnp.asarray(code))).image for code in codes]
    return to_uint8(np.stack([np.asarray(image) for image in images]))


def codes_of(model, clip) -> np.ndarray:
    animator = load_model(model)
    frames = [look(frame, X2FACE_SIZE, crop=True) for frame in open_driving(clip).frames()]
    return np.stack([np.asarray(animator.motion(frame).code) for frame in frames])


def rest_of(model, source) -> DrivingCode:
    return load_model(model).motion(look(read_source(source), X2FACE_SIZE, crop=True))


def assert_close(found, wanted):
    """Equal, but for what rounding to bytes makes of another order of summation."""
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("several", [True, False])
def test_a_clip_drives_one_source_or_several(thf, x2face, photo, files, tmp_path, relative, several):
    more = ["--source-also", files / "second.png"] if several else []
    words = [*more, "--relative" if relative else "--absolute"]
    outcome = thf("animate", photo, files / "clip.mp4", "-o", tmp_path / "out", "--model", x2face, *words)
    assert outcome.status == 0, outcome.err
    codes = codes_of(x2face, files / "clip.mp4")
    if relative:
        codes = np.asarray(rest_of(x2face, photo).code) + codes - codes[0]
    wanted = rendered(x2face, codes, photo, *([files / "second.png"] if several else []))
    assert np.abs(wanted[0].astype(int) - wanted[-1]).max() > 1
    assert_close(read_pictures(tmp_path / "out"), wanted)


def test_a_motion_file_of_codes_drives_as_its_clip(thf, x2face, photo, files, tmp_path):
    clip, motion = files / "clip.mp4", tmp_path / "clip.motion"
    assert thf("motion", "extract", clip, motion, "--model", x2face).status == 0
    assert "code" in thf("motion", "show", motion).out
    for driving, out in ((clip, "first"), (motion, "second")):
        assert thf("animate", photo, driving, "-o", tmp_path / out, "--model", x2face).status == 0
    np.testing.assert_array_equal(read_pictures(tmp_path / "first"), read_pictures(tmp_path / "second"))


def test_detail_is_carried_over_by_the_composed_warp(thf, x2face, photo, files, tmp_path):
    words = ["--model", x2face, "--detail"]
    assert thf("animate", photo, files / "clip.mp4", "-o", tmp_path / "out", *words).status == 0
    assert read_pictures(tmp_path / "out").shape == (4, 48, 48, 3)


def test_a_pose_track_turns_the_source(thf, x2face, photo, files, tmp_path):
    words = ["--model", x2face, "--codes", files / "pose.npz", "--rate", "30000/1001"]
    outcome = thf("animate", photo, files / "pose.csv", "-o", tmp_path / "out.mp4", *words)
    assert outcome.status == 0, outcome.err
    assert str(video_properties(tmp_path / "out.mp4")[0]) == "30000/1001"
    assert thf("animate", photo, files / "pose.csv", "-o", tmp_path / "out", *words).status == 0
    codes = POSE.turned(rest_of(x2face, photo), jnp.asarray(np.deg2rad(ANGLES), jnp.float32)).code
    wanted = rendered(x2face, codes, photo)
    assert np.abs(wanted[0].astype(int) - wanted[1]).max() > 1
    assert_close(read_pictures(tmp_path / "out"), wanted)


@pytest.mark.parametrize("still", [True, False])
def test_sound_speaks_and_is_heard(thf, x2face, photo, files, voice, tmp_path, still):
    words = ["--model", x2face, "--codes", files / "audio.npz", *(["--codes", files / "pose.npz"] if still else [])]
    outcome = thf("animate", photo, voice, "-o", tmp_path / "out", *words)
    assert outcome.status == 0, outcome.err
    features = jnp.asarray(audio_features(read_sound(voice, SAMPLING), 25.0))
    quiet = jnp.zeros_like(features[0])
    codes = AUDIO.spoken(rest_of(x2face, photo), features, quiet, pose=POSE if still else None).code
    wanted = rendered(x2face, codes, photo)
    assert len(wanted) == 12 and np.abs(wanted[0].astype(int) - wanted[-1]).max() > 1
    assert_close(read_pictures(tmp_path / "out"), wanted)
    if still:
        assert thf("animate", photo, voice, "-o", tmp_path / "out.mp4", *words).status == 0
        assert sound_packets(tmp_path / "out.mp4") is not None


def test_features_of_another_kind_are_given_as_an_array(thf, x2face, photo, files, tmp_path):
    features = RANDOM.uniform(0, 3, (3, FEATURES)).astype(np.float32)
    np.save(tmp_path / "voice.npy", features)
    words = ["-o", tmp_path / "out", "--model", x2face, "--codes", files / "published.npz"]
    assert thf("animate", photo, tmp_path / "voice.npy", *words).status == 0
    quietest = features[features.sum(axis=1).argmin()]
    codes = AUDIO.spoken(rest_of(x2face, photo), jnp.asarray(features), jnp.asarray(quietest)).code
    assert_close(read_pictures(tmp_path / "out"), rendered(x2face, codes, photo))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pose.csv"], "pose.csv is a pose track: give the map from head pose to codes with --codes"),
        (["voice.wav", "--codes", "pose.npz"], "voice.wav is sound: give the map from sound to codes with --codes"),
        (["voice.wav", "--codes", "published.npz"], "the map takes features of the kind 'published'"),
        (["few.npy", "--codes", "audio.npz"], "few.npy has 5 numbers a frame, and the map from sound takes 256"),
        (["flat.npy", "--codes", "audio.npz"], "no array [t f] of finite floating numbers"),
        (["pose.npy", "--codes", "audio.npz"], "cannot read the features"),
        (["clip.mp4", "--codes", "pose.npz"], "--codes and --rate go with a pose track (.csv) or sound (.wav)"),
        (["clip.mp4", "--rate", "25"], "--codes and --rate go with a pose track (.csv) or sound (.wav)"),
        (["pose.csv", "--codes", "pose.npz", "--rate", "0"], "more than 0 frames a second, not 0"),
        (["pose.csv", "--codes", "pose.npz", "--rate", "1/0"], "'1/0' is no number of frames a second"),
        (["pose.csv", "--codes", "clip.mp4"], "clip.mp4 is no file of codes"),
        (["missing.csv", "--codes", "pose.npz"], "cannot read the pose track"),
        (["other.csv", "--codes", "pose.npz"], "needs a header with roll, pitch, yaw and a line a frame"),
        (["words.csv", "--codes", "pose.npz"], "something that is no number of degrees"),
        (["clip.mp4", "--best-frame"], "found with keypoints, which a DrivingCode does not have"),
        (["clip.mp4", "--adapt-scale"], "found with keypoints, which a DrivingCode does not have"),
        (["pose.csv", "--codes", "short.npz"], "the PoseCodes are of 5 numbers, and this model's codes have 6"),
    ],
)
def test_what_does_not_go_together_is_refused(thf, x2face, photo, files, tmp_path, words, sentence):
    np.save(files / "few.npy", np.zeros((3, 5)))
    np.save(files / "flat.npy", np.zeros(5))
    (files / "other.csv").write_text("a,b\n1,2\n")
    (files / "words.csv").write_text("roll,pitch,yaw\n1,2,left\n")
    write_codes(files / "short.npz", PoseCodes(POSE.pose_from_code[:, :5], POSE.pose_offset, POSE.code_from_pose[:5]))
    words = [word if word.startswith("-") or word[0].isdigit() else files / word for word in words]
    outcome = thf("animate", photo, *words, "-o", tmp_path / "out.mp4", "--model", x2face)
    assert outcome.status == 2 and len(outcome.err.splitlines()) == 1
    assert sentence in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pose.csv", "--codes", "pose.npz"], "head pose and sound drive x2face alone, and the model is of fomm"),
        (["clip.mp4", "--source-also", "second.png"], "--source-also is for x2face, and the model is of fomm"),
    ],
)
def test_other_systems_refuse_what_is_x2faces(thf, model, photo, files, tmp_path, words, sentence):
    words = [word if word.startswith("-") else files / word for word in words]
    outcome = thf("animate", photo, *words, "-o", tmp_path / "out.mp4", "--model", model)
    assert outcome.status == 2 and sentence in outcome.err
