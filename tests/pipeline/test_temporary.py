"""Temporary folders go when they are not needed, and after a kill when nobody holds them."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from pipeline.temporary import held, sweep, sweep_parts, sweep_temporary, temporary_folder


def test_a_folder_goes_with_its_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), temporary_folder("job", tmp_path) as folder:
        (folder / "file").touch()
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_stays_and_what_a_kill_left_goes(tmp_path: Path) -> None:
    ready = multiprocessing.get_context("fork").Event()

    def hold() -> None:
        with temporary_folder("killed", tmp_path):
            ready.set()
            signal.pause()

    other = multiprocessing.get_context("fork").Process(target=hold)
    other.start()
    ready.wait()
    with temporary_folder("own", tmp_path) as own:
        sweep_temporary(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
        other.kill()
        other.join()
        sweep_temporary(tmp_path)
        assert list(tmp_path.iterdir()) == [own]


def test_a_folder_that_was_just_swept_is_not_held(tmp_path: Path) -> None:
    with held(tmp_path / "gone") as mine:
        assert not mine


def test_a_link_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "sm-local-link").symlink_to(tmp_path / "data", target_is_directory=True)
    sweep_temporary(tmp_path)
    sweep(tmp_path / "nowhere")
    assert (tmp_path / "data").is_dir()


def test_half_written_files_of_dead_processes_go(tmp_path: Path) -> None:
    dead = os.fork()
    if not dead:
        os._exit(0)
    os.waitpid(dead, 0)
    names = {
        f"a.json.{dead}.part": False,
        f"a.json.{dead}-0a1b2c3d.part": False,
        f"a.json.{os.getpid()}.part": True,
        "a.part": True,
        f"a.{'9' * 40}.part": False,
    }
    for name in names:
        (tmp_path / name).touch()
    sweep_parts(tmp_path.iterdir())
    assert {name: (tmp_path / name).exists() for name in names} == names
