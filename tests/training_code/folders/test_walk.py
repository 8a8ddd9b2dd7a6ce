"""What the walk enters, what it leaves out, and where it ends."""

import os
from pathlib import Path

import pytest

from folders import walk as walking
from folders.walk import PICTURE_SUFFIXES, Folder, UnusableFolder, files_below, walk
from picture_formats import FORMATS, format_of

needs_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def found(root: Path) -> list[str]:
    """All files of the walk, by their paths below the root."""
    return sorted(os.path.relpath(path, root) for path in files_below(walk(root, format_of).top))


def test_a_folder_that_the_given_path_only_passes_is_not_led_back_to(tmp_path: Path) -> None:
    touch(tmp_path / "work", "1.jpg")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "work")
    assert found(tmp_path / "work" / ".." / "data") == ["linked/1.jpg"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "a/1.jpg", "b/1.jpg")
    touch(tmp_path / "elsewhere", "2.jpg")
    (data / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "a" / "up").symlink_to(data / "a")
    (data / "b" / "all").symlink_to(data)
    (data / "b" / "around").symlink_to(tmp_path)
    (data / "self").symlink_to(data)
    (data / "b" / "loop").symlink_to("loop")
    (tmp_path / "elsewhere" / "back").symlink_to(data)
    assert found(data) == ["a/1.jpg", "a/linked/2.jpg", "b/1.jpg", "b/loop"]
    left_out = walk(data, format_of).left_out
    assert {name for name, why in left_out if "leads back" in why} == {
        *("up", "all", "around", "self", "back")
    }


def test_links_that_fan_out_end_the_walk(tmp_path: Path) -> None:
    for level in range(12):
        (tmp_path / str(level)).mkdir()
        for side in ("left", "right"):
            (tmp_path / str(level) / side).symlink_to(tmp_path / str(level + 1))
    touch(tmp_path / "12", "1.jpg")
    with pytest.raises(UnusableFolder, match=r"more than 20 links lead to one folder.* remove"):
        walk(tmp_path / "0", format_of)


def test_too_many_folders_within_each_other_end_the_walk(tmp_path: Path) -> None:
    (tmp_path / "/".join(["d"] * 150)).mkdir(parents=True)
    with pytest.raises(UnusableFolder, match="more than 100 folders lie within each other"):
        walk(tmp_path, format_of)
    assert found(touch(tmp_path / "deep", "/".join(["d"] * 99) + "/1.jpg"))


@pytest.mark.parametrize("limit", ["MAXIMUM_FILES", "MAXIMUM_FOLDERS"])
def test_what_has_no_end_ends_the_walk(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, *(f"{folder}/{file}.jpg" for folder in range(3) for file in range(3)))
    assert len(found(tmp_path)) == 9
    monkeypatch.setattr(walking, limit, 3)
    with pytest.raises(UnusableFolder, match="holds more than 3 "):
        walk(tmp_path, format_of)


@needs_proc
@pytest.mark.parametrize("target", ["/proc", "/proc/self/fd", "/proc/kmsg", "/sys", "/dev"])
def test_a_link_into_the_systems_own_folders_is_refused(target: str, tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a" / "link").symlink_to(target)
    with pytest.raises(UnusableFolder, match=r"leads to, the system's own .*: remove it"):
        walk(tmp_path, format_of)


@needs_proc
def test_a_system_folder_is_no_data_set() -> None:
    with pytest.raises(UnusableFolder, match="the system's own"):
        walk(Path("/proc"), format_of)


def test_devices_pipes_and_broken_links_are_found_and_never_opened(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "a/1.jpg")
    os.mkfifo(data / "a" / "pipe")
    os.mkfifo(data / "pipe")  # alone in its folder: only its content could say what it is
    (data / "a" / "zero").symlink_to("/dev/zero")
    (data / "a" / "gone").symlink_to(tmp_path / "nowhere")
    (data / "a" / "through").symlink_to(data / "a/1.jpg/x")
    assert found(data) == ["a/1.jpg", "a/gone", "a/pipe", "a/through", "a/zero", "pipe"]


def test_pictures_are_counted_by_name_and_by_content_where_no_name_says_it(tmp_path: Path) -> None:
    touch(tmp_path, "named/1.jpg", "named/2.JPG", "named/x.txt", "text/1", "text/2.txt")
    (tmp_path / "bare").mkdir()
    for name in ("1", "2.dat"):
        (tmp_path / "bare" / name).write_bytes(b"\xff\xd8\xff")

    def counted(folder: Folder) -> dict[str, int]:
        return {inner.name: inner.total for inner in folder.folders}

    top = walk(tmp_path, format_of).top
    assert counted(top) == {"bare": 2, "named": 2, "text": 0}
    assert top.total == 4


def test_every_format_that_is_read_has_its_names_among_those_of_pictures() -> None:
    assert {suffix for each in FORMATS for suffix in each.suffixes} <= PICTURE_SUFFIXES


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(walking.os, "scandir", refuse)
    with pytest.raises(PermissionError) as refused:
        walk(tmp_path, format_of)
    assert refused.value.filename == str(tmp_path)
