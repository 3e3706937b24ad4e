"""LivePortrait on the command line: options, landmarks, templates."""

import pickle
import sys
import weakref

import numpy as np
import pytest

from tests.inference.liveportrait.samples import SIZE, landmarks, tiny_portrait
from tests.inference.samples import read_pictures, video_properties
from thf_jax.inference import warp_affine
from thf_jax.inference.animate import animate
from thf_jax.inference.crop import look
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.face_square import DRIVING, face_square, find_square, mean_square
from thf_jax.inference.motion_files import read_motion
from thf_jax.inference.video import to_uint8
from thf_jax.inference.warp_affine import crop_face, halved, paste_face
from thf_jax.interop.liveportrait_templates import read_template
from thf_jax.interop.model_directory import load_model, save_model


@pytest.fixture(scope="session")
def portrait(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "portrait", tiny_portrait(), "A card.")


@pytest.fixture
def provider(monkeypatch) -> str:
    """The name of a module's function that finds landmarks."""
    module = type(sys)("finds_faces")
    module.find, module.count, module.blind = landmarks, 3, lambda picture: None
    monkeypatch.setitem(sys.modules, "finds_faces", module)
    return "finds_faces:find"


@pytest.fixture
def short(tmp_path, clip) -> str:
    """The motion of two frames."""
    frames = list(open_driving(clip).frames())[:2]
    animator = tiny_portrait()
    motions = [animator.motion(look(frame, animator.size, crop=True)) for frame in frames]
    content = {
        "n_frames": 2,
        "output_fps": 25,
        "motion": [
            {
                "scale": np.asarray(motion.scale)[None],
                "R": np.asarray(motion.rotation.T)[None],
                "exp": np.asarray(motion.expression)[None],
                "t": np.asarray(motion.translation)[None],
            }
            for motion in motions
        ],
        "c_eyes_lst": [np.full((1, 2), 0.3, np.float32)] * 2,
        "c_lip_lst": [np.full((1, 1), 0.2, np.float32)] * 2,
    }
    path = tmp_path / "short.pkl"
    path.write_bytes(pickle.dumps(content, 4))
    return str(path)


def rendered(portrait, face, driving, **options):
    frames = open_driving(driving).frames()
    return [to_uint8(np.asarray(x.image)) for x in animate(load_model(portrait), face, frames, **options)]


def test_options_reach_the_loop(thf, portrait, photo, short, tmp_path):
    words = ["--region", "lips", "pose", "--multiplier", 1.5, "--no-stitching", "--control", "smile=0.5", "--yaw", 10]
    outcome = thf("animate", photo, short, "-o", tmp_path / "out", "--model", portrait, *words)
    assert (outcome.status, outcome.err) == (0, "")
    face = look(read_source(photo), SIZE, crop=True)
    expected = rendered(
        portrait,
        face,
        short,
        region=["lips", "pose"],
        multiplier=1.5,
        stitching=False,
        controls={"smile": 0.5},
        yaw=10.0,
    )
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), expected)


def test_landmarks_crop_to_the_face_and_paste_it_back(thf, portrait, provider, photo, short, tmp_path):
    words = ["--landmarks", provider, "--retarget", "eyes", "--keep-motion", "--paste-back"]
    assert thf("animate", photo, short, "-o", tmp_path / "out", "--model", portrait, *words).status == 0
    source = read_source(photo)
    square = find_square(landmarks, source)
    face = halved(crop_face(source, square))
    assert face.shape == (256, 256, 3)
    results = rendered(portrait, face, short, landmarks=landmarks, retarget=["eyes"], keep_motion=True)
    np.testing.assert_array_equal(
        read_pictures(tmp_path / "out"), [paste_face(source, result, square) for result in results]
    )


def test_a_driving_clip_is_cropped_by_one_square(thf, portrait, provider, photo, clip, tmp_path):
    words = ["--landmarks", provider, "--crop-driving"]
    assert thf("animate", photo, clip, "-o", tmp_path / "out", "--model", portrait, *words).status == 0
    frames = list(open_driving(clip).frames())
    square = mean_square([face_square(landmarks(frame), DRIVING) for frame in frames])
    source = read_source(photo)
    face = halved(crop_face(source, find_square(landmarks, source)))
    cropped = [halved(crop_face(frame, square)) for frame in frames]
    expected = [to_uint8(np.asarray(x.image)) for x in animate(load_model(portrait), face, cropped)]
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), expected)


def test_a_moving_source_keeps_its_rate_and_its_surroundings(thf, portrait, provider, clip, short, tmp_path):
    """As many frames as the shorter clip has, each with a square of its own."""
    words = ["--moving-source", "--landmarks", provider, "--paste-back", "--region", "eyes"]
    assert thf("animate", clip, short, "-o", tmp_path / "out", "--model", portrait, *words).status == 0
    frames = list(open_driving(clip).frames())
    squares = [find_square(landmarks, frame) for frame in frames]
    faces = np.stack([halved(crop_face(*both)) for both in zip(frames, squares, strict=True)])
    results = rendered(portrait, faces, short, landmarks=landmarks, region=["eyes"])
    expected = [paste_face(*three) for three in zip(frames[:2], results, squares[:2], strict=True)]
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), expected)
    words = ["--moving-source", "--absolute", "--no-stitching"]
    assert thf("animate", clip, short, "-o", tmp_path / "out.mp4", "--model", portrait, *words).status == 0
    assert video_properties(tmp_path / "out.mp4") == (open_driving(clip).rate, 2, (64, 64))


@pytest.mark.parametrize("words", [["--paste-back"], []])
def test_the_faces_of_a_moving_source_are_never_all_in_memory(
    thf, portrait, provider, clip, short, tmp_path, monkeypatch, words
):
    faces, most, cut = [], 0, warp_affine.crop_face

    def counted(*arguments):
        nonlocal most
        face = cut(*arguments)
        faces.append(weakref.ref(face))
        most = max(most, sum(one() is not None for one in faces))
        return face

    monkeypatch.setattr(warp_affine, "crop_face", counted)
    monkeypatch.setattr(warp_affine, "halved", lambda face: face)
    words = ["--moving-source", "--landmarks", provider, *words]
    assert thf("animate", clip, short, "-o", tmp_path / "out", "--model", portrait, *words).status == 0
    assert len(faces) > 12 and most < 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--compare"], "--compare is for portraits that stand still"),
        (["--best-frame"], "--best-frame is for portraits that stand still"),
        (["--source-also", "a.png"], "--source-also is for portraits that stand still"),
        (["--codes", "a.npz"], "--codes is for portraits that stand still"),
        (["--rate", "0"], "--rate is for portraits that stand still"),
        (["--mode", "avd"], "the option mode is for models of mraa"),
        (["--adapt-variance"], "the option adapt_variance is for models of monkey_net"),
        (["--paste-back"], "say with --landmarks how"),
        (["--region", "nose"], "no region of a face named 'nose'"),
        (["--rescale"], "keeps its own size"),
    ],
)
def test_what_a_moving_source_cannot_do(thf, portrait, clip, short, tmp_path, words, sentence):
    words = ["-o", tmp_path / "out.mp4", "--model", portrait, "--moving-source", *words]
    outcome = thf("animate", clip, short, *words)
    assert outcome.status == 2 and sentence in outcome.err and not (tmp_path / "out.mp4").exists()


def test_a_moving_source_is_not_overwritten(thf, portrait, clip, short):
    before = clip.read_bytes()
    outcome = thf("animate", clip, short, "-o", clip, "--model", portrait, "--moving-source")
    assert outcome.status == 2 and "would take the place" in outcome.err and clip.read_bytes() == before


def test_motion_is_no_source_and_other_systems_have_none_that_move(thf, portrait, model, clip, short, tmp_path):
    out = ["-o", tmp_path / "out.mp4", "--moving-source"]
    assert "holds motion and no pictures" in thf("animate", short, clip, *out, "--model", portrait).err
    assert "this one is of fomm" in thf("animate", clip, clip, *out, "--model", model).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--crop-driving"], "say with --landmarks how"),
        (["--region", "nose"], "no region of a face named 'nose'"),
        (["--control", "smile"], "NAME=NUMBER"),
        (["--control", "smiles=1"], "the nearest is 'smile'"),
        (["--retarget", "eyes"], "give landmarks="),
        (["--neutral", "missing.pkl"], "cannot read missing.pkl"),
        (["--landmarks", "nowhere"], "package.module:function"),
        (["--landmarks", "no_such_module:find"], "cannot import no_such_module"),
        (["--landmarks", "finds_faces:count"], "no function count"),
        (["--landmarks", "finds_faces:blind"], "no face was found"),
        (["--adapt-scale"], "adapt_scale means nothing"),
        (["--mode", "avd", "--landmarks", "finds_faces:blind"], "the option mode is for models of mraa"),
        (["--detail"], "--detail needs a model that warps pictures"),
    ],
)
def test_what_is_wrong_ends_with_status_2(thf, portrait, provider, photo, short, tmp_path, words, sentence):
    outcome = thf("animate", photo, short, "-o", tmp_path / "out.mp4", "--model", portrait, *words)
    assert outcome.status == 2 and sentence in outcome.err and len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "out.mp4").exists()


def test_other_systems_refuse_its_options(thf, model, photo, clip, tmp_path):
    outcome = thf("animate", photo, clip, "-o", tmp_path / "out.mp4", "--model", model, "--region", "eyes")
    assert outcome.status == 2 and "the option region is for models of liveportrait" in outcome.err


def test_templates_become_motion_files_and_go_back(thf, short, tmp_path):
    motion, again = tmp_path / "short.motion", tmp_path / "again.pkl"
    assert thf("motion", "import", short, motion).status == 0
    outcome = thf("motion", "show", motion)
    assert outcome.status == 0 and "liveportrait" in outcome.out and "openness" in outcome.out
    assert thf("motion", "export", motion, again).status == 0
    first, second = read_template(short), read_template(again)
    np.testing.assert_array_equal(first.motion.openness, second.motion.openness)
    np.testing.assert_array_equal(read_motion(motion).motion.rotation, second.motion.rotation)
    assert thf("motion", "import", tmp_path / "missing.pkl", motion).status == 2
    assert thf("motion", "pack", motion, tmp_path / "short.bits").status == 0
