"""What a link leads back to; what is found otherwise, test_image_folder and test_files show."""

from pathlib import Path

from pictures.folder_walk import files_below


def test_a_folder_that_the_given_path_only_passes_is_not_led_back_to(tmp_path: Path) -> None:
    for name in ("work", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "work" / "1.jpg").touch()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "work")
    found = files_below(tmp_path / "work" / ".." / "data")
    assert [path.name for path in found] == ["1.jpg"]
