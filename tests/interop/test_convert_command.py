import argparse
import json

import pytest

from tests.interop.samples import FIXTURES, LAYOUTS
from thf_jax.cli import convert
from thf_jax.cli.main import main
from thf_jax.errors import InputError
from thf_jax.interop.converters import CONVERTERS


@pytest.fixture
def run():
    parser = argparse.ArgumentParser(exit_on_error=False)
    convert.add_parser(parser.add_subparsers())

    def run(*words) -> None:
        options = parser.parse_args(["convert", *map(str, words)])
        options.run(options)

    return run


def test_it_writes_the_model_and_says_where(run, tmp_path, capsys):
    run("fomm", FIXTURES / LAYOUTS[1], tmp_path / "vox", "--yaml", FIXTURES / "fomm.yaml", "--no-align-corners")
    assert str(tmp_path / "vox") in capsys.readouterr().out
    config = json.loads((tmp_path / "vox" / "config.json").read_text())
    assert config["model"]["generator"]["align_corners"] is False


def test_the_grid_is_read_as_the_authors_did_by_default(run, tmp_path):
    run("fomm", FIXTURES / LAYOUTS[0], tmp_path / "vox", "--yaml", FIXTURES / "fomm.yaml")
    config = json.loads((tmp_path / "vox" / "config.json").read_text())
    assert config["model"]["generator"]["align_corners"] is True


def test_a_wrong_checkpoint_writes_nothing(run, tmp_path):
    page = tmp_path / "vox-cpk.pth.tar"
    page.write_text("<!DOCTYPE html><title>Quota exceeded</title>")
    with pytest.raises(InputError, match="is a web page"):
        run("fomm", page, tmp_path / "vox")
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize("checkpoint", ["missing.pth.tar", "page.pth.tar", "fomm_zip.pth.tar"])
def test_the_command_ends_with_status_2_and_one_line(tmp_path, capsys, checkpoint):
    (tmp_path / "page.pth.tar").write_text("<html>")
    folder = FIXTURES if checkpoint.startswith("fomm") else tmp_path
    assert main(["convert", "fomm", str(folder / checkpoint), str(tmp_path / "vox")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "vox").exists()


def test_an_unknown_system_is_answered_with_the_nearest(run, tmp_path):
    with pytest.raises(InputError, match="SYSTEM cannot be 'x2fase'; the nearest is 'x2face'"):
        run("x2fase", "x2face_model.pth", tmp_path / "out")


@pytest.mark.parametrize("system", CONVERTERS)
def test_the_help_names_every_system(system, capsys):
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    assert system in capsys.readouterr().out


def test_the_help_tells_which_torch_reads_corners(capsys):
    """MRAA's authors had a later torch than FOMM's: neither of the two readings is everybody's default."""
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "as torch before 1.3 did" in text and "by default as the authors' torch did when they trained" in text
    assert {name: find.args[0].align_corners for name, find in CONVERTERS.items()} == {
        "x2face": True,
        "monkey_net": True,
        "fomm": True,
        "mraa": False,
        "face_vid2vid": False,
        "liveportrait": False,
    }
