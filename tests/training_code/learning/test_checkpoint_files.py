"""Of two files that take turns, the newest that is whole is read."""

from pathlib import Path

import pytest
import torch

from learning.checkpoint_files import read_checkpoint, write_checkpoint


def turns_kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_is_read_and_two_are_kept(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    for turn in (1, 2, 3):
        write_checkpoint(tmp_path, {"weights": torch.full((2,), turn)}, turn, alone=False)
    state = read_checkpoint(tmp_path)
    assert state is not None
    assert state["weights"].tolist() == [3, 3]
    assert turns_kept(tmp_path) == ["checkpoint-0.pt", "checkpoint-1.pt"]
    write_checkpoint(tmp_path, {}, 4, alone=True)
    assert turns_kept(tmp_path) == ["checkpoint-0.pt"]


@pytest.mark.parametrize("left", [0, 10, -1], ids=["empty", "begun", "one byte less"])
def test_a_part_of_a_file_gives_way_to_the_one_before(
    tmp_path: Path, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for turn in (1, 2):
        write_checkpoint(tmp_path, {}, turn, alone=False)
    newest = tmp_path / "checkpoint-0.pt"
    newest.write_bytes(newest.read_bytes()[:left])
    state = read_checkpoint(tmp_path)
    assert state is not None
    assert state["turn"] == 1
    assert (
        capsys.readouterr().out == f"warning: the checkpoint {newest} is not used: it is damaged\n"
    )


def test_one_that_cannot_be_written_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1.pt").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_checkpoint(tmp_path, {}, 1, alone=False)
    assert turns_kept(tmp_path) == ["checkpoint-1.pt"]
