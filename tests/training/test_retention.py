"""Which checkpoints stay, which one is loaded, and what is no checkpoint."""

import json
import shutil
from types import SimpleNamespace

import jax
import pytest
from orbax.checkpoint import checkpoint_managers

import thf_jax as thf
from tests.training.quick import make_quick, quick, quick_steps, random_start  # noqa: F401
from tests.training.samples import MemoryDataset, assert_equal
from thf_jax.errors import InputError
from thf_jax.training import loop
from thf_jax.training.checkpoints import FOLDER, complete_steps
from thf_jax.training.loop import train
from thf_jax.training.retention import chosen, preserved
from thf_jax.training.run_files import read_run

L1 = {2: 0.5, 4: 0.2, 6: 0.3, 8: 0.4}
"""What the evaluation after each step is made to find."""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The workdir of a run that is saved at each step and evaluated at every second, and the networks after these."""
    workdir, networks, found = tmp_path_factory.mktemp("evaluated"), {}, iter(L1.items())

    def scores(config, variables, dataset):
        step, value = next(found)
        networks[step] = jax.device_get(variables)
        names = ("l1", "psnr", "ssim")
        return {name: value for name in names} | {f"{name}_copying": 1.0 for name in names}

    keep = {"train.keep": 1, "train.keep_best": 2, "train.keep_every": 5, "train.save_every": 1}
    config = quick(**keep, **{"train.steps": 8, "evaluate.every": 2})
    with pytest.MonkeyPatch.context() as patch, jax.numpy_dtype_promotion("standard"):
        make_quick(patch, random_start)
        patch.setattr(loop, "held_out_scores", scores)
        train(config, workdir, MemoryDataset(), held_out=MemoryDataset(), devices=jax.devices()[:2])
    return workdir, networks


def test_the_newest_the_best_and_one_of_every_few_stay_and_can_be_loaded(evaluated):
    workdir, states = evaluated
    assert complete_steps(workdir)[1] == [4, 5, 6, 8]
    assert_equal(thf.load(workdir).variables, states[8])
    assert_equal(thf.load(f"{workdir}@best").variables, states[4])
    assert_equal(thf.load(f"{workdir}@6").variables, states[6])
    with pytest.raises(InputError, match=r"no checkpoint '7' in .*: give 'best', or one of the steps 4, 5, 6, 8"):
        thf.load(f"{workdir}@7")


def test_the_best_is_not_replaced_by_another_where_it_is_damaged(evaluated, tmp_path):
    workdir = shutil.copytree(evaluated[0], tmp_path / "run")
    for file in (workdir / FOLDER / "4" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(InputError, match=r"no complete checkpoint that can be read \(step 4"):
        thf.load(f"{workdir}@best")


def test_scores_stand_beside_the_training_in_the_files(evaluated):
    workdir, _ = evaluated
    run = read_run(workdir)
    assert [line["step"] for line in run.metrics] == list(range(1, 9))
    assert all(line["images_per_second"] == 2 * line["images_per_second_per_device"] > 0 for line in run.metrics)
    assert [(line["step"], line["l1"]) for line in run.evaluations] == list(L1.items())
    assert all(line["l1_copying"] == 1.0 for line in run.evaluations)


def test_what_a_killed_run_left_half_written_is_cleared_away(tmp_path, quick_steps):  # noqa: F811
    config = {"train.steps": 6, "train.save_every": 2, "train.keep": 2}
    whole = train(quick(**config), tmp_path, MemoryDataset())
    folder = tmp_path / FOLDER
    shutil.rmtree(folder / "6")
    (folder / "8").mkdir()
    shutil.copytree(folder / "4", folder / "6.orbax-checkpoint-tmp-1")
    (folder / "4" / "metrics").mkdir()
    (folder / "4" / "metrics" / "metrics").write_text('{"l1":')
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "lo')
    assert complete_steps(tmp_path)[1] == [4]
    assert_equal(whole, train(quick(**config), tmp_path, MemoryDataset()))
    assert sorted(path.name for path in folder.iterdir()) == ["4", "6"]
    assert not (folder / "4" / "metrics").exists()
    assert [line["step"] for line in read_run(tmp_path).metrics] == [1, 2, 3, 4, 5, 6]


def test_a_stray_empty_folder_alone_is_no_checkpoint(tmp_path, quick_steps):  # noqa: F811
    (tmp_path / FOLDER / "7").mkdir(parents=True)
    assert int(train(quick(**{"train.steps": 1}), tmp_path, MemoryDataset()).step) == 1
    assert complete_steps(tmp_path)[1] == [1]


@pytest.mark.parametrize("item", ["data", "state"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_checkpoint_of_which_a_part_is_damaged_is_passed_over(tmp_path, quick_steps, item, damage):  # noqa: F811
    whole = train(quick(), tmp_path, MemoryDataset())
    files = [file for file in (tmp_path / FOLDER / "4" / item).rglob("*") if file.is_file()]
    for file in files:
        if damage == "gone":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert_equal(whole, train(quick(), tmp_path, MemoryDataset()))
    assert complete_steps(tmp_path)[1] == [2, 4]


@pytest.mark.parametrize(("metric", "best"), [("l1", [2, 3]), ("ssim", [1, 2])])
def test_the_best_have_the_lowest_error_or_the_highest_similarity(tmp_path, metric, best):
    values = {1: 0.9, 2: 0.5, 3: 0.1, 4: None, 5: 0.95 if metric == "l1" else 0.05}
    config = quick(**{"train.keep": 1, "train.keep_best": 2, "evaluate.every": 1, "evaluate.metric": metric})
    told = [
        SimpleNamespace(step=step, metrics=None if value is None else {metric: value}) for step, value in values.items()
    ]
    kept = preserved(config).should_preserve(told, context=checkpoint_managers.PreservationContext())
    assert [info.step for info, stays in zip(told, kept, strict=True) if stays] == [*best, 5]
    for step, value in values.items():
        (tmp_path / str(step)).mkdir()
        if value is not None:
            (tmp_path / str(step) / "metrics").mkdir()
            text = json.dumps(dict.fromkeys(("l1", "psnr", "ssim"), value))
            (tmp_path / str(step) / "metrics" / "metrics").write_text(text)
    assert chosen(tmp_path, list(values), "best", metric) == [3 if metric == "l1" else 1]
    with pytest.raises(InputError, match="none is the best"):
        chosen(tmp_path, [4], "best", metric)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train.keep_best": 1}, "train.keep_best=1 needs an evaluation during training"),
        ({"train.keep_every": 5}, "a multiple of train.save_every=2, not 5; the nearest is 4"),
        ({"evaluate.metric": "ssmi"}, "no metric named 'ssmi' for evaluate.metric; the nearest is 'ssim'"),
        ({"evaluate.every": 2}, "evaluate.every=2 needs clips to evaluate"),
        ({"evaluate.frames": 0}, "evaluate.frames is 1 or more, not 0"),
    ],
)
def test_what_cannot_be_kept_is_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(quick(**changes), tmp_path, MemoryDataset())
