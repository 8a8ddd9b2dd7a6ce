"""The model artifact: written and read back, and archives that must not be trusted."""

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artifact import ArtifactError, extract_archive, read_description
from torch_model import read_model, write_model


def archive_of(path: Path, *members: tarfile.TarInfo, data: bytes = b"data") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_what_was_written_is_read_back(model_dir: Path, tmp_path: Path) -> None:
    classifier, description = read_model(model_dir)
    assert not classifier.training
    write_model(tmp_path, classifier, description)
    again, same = read_model(tmp_path)
    assert same == description
    for key, value in classifier.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)


def test_the_same_model_gives_the_same_bytes(model_dir: Path, tmp_path: Path) -> None:
    write_model(tmp_path, *read_model(model_dir))
    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / name).read_bytes() == (model_dir / name).read_bytes()


def test_a_server_with_another_user_can_read_the_weights(model_dir: Path) -> None:
    assert (model_dir / "model.safetensors").stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"classes": None}, "classes must be a list of names"),
        ({"classes": ["a", 1]}, "classes must be a list of names"),
        ({"preprocessing": {"resize": 3}}, "preprocessing is incomplete"),
        ({"preprocessing": 7}, "preprocessing must hold"),
    ],
)
def test_a_damaged_description_is_refused(
    model_dir: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    values = json.loads((model_dir / "model.json").read_text()) | change
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match=reason):
        read_description(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"classes": []}'])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"model\.json cannot be used"):
        read_description(tmp_path)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.json"):
        read_model(tmp_path)


@pytest.mark.parametrize("change", [{"backbone": "resnet18"}, {"classes": ["one", "two"]}])
def test_weights_of_another_model_are_refused(
    model_dir: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    shutil.copy(model_dir / "model.safetensors", tmp_path)
    values = json.loads((model_dir / "model.json").read_text()) | change
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match=r"model\.safetensors does not hold the model"):
        read_model(tmp_path)


def test_damaged_weights_are_refused(model_dir: Path, tmp_path: Path) -> None:
    shutil.copy(model_dir / "model.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ArtifactError, match=r"model\.safetensors"):
        read_model(tmp_path)


def test_files_and_folders_are_extracted(tmp_path: Path) -> None:
    folder = member("code", tarfile.DIRTYPE)
    folder.mode = 0o755
    archive = archive_of(tmp_path / "a.tar.gz", folder, member("code/inference.py"))
    extract_archive(archive, tmp_path / "out")
    assert (tmp_path / "out/code/inference.py").read_bytes() == b"data"


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("code/../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("inner", tarfile.SYMTYPE, "code"),
        member("hard", tarfile.LNKTYPE, "../outside"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: info.name,
)
def test_what_leads_outside_or_is_no_file_is_refused(
    tmp_path: Path, hostile: tarfile.TarInfo
) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", hostile)
    with pytest.raises(ArtifactError):
        extract_archive(archive, tmp_path / "out")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "out" / hostile.name).exists()


def test_absolute_paths_stay_inside(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", member(f"{tmp_path}/absolute"))
    extract_archive(archive, tmp_path / "out")
    assert not (tmp_path / "absolute").exists()


def test_a_bomb_is_stopped_before_it_fills_the_disk(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", member("zeros"), data=bytes(2_000_000))
    with pytest.raises(ArtifactError, match="more than"):
        extract_archive(archive, tmp_path / "out", max_bytes=1_000_000)
    assert not (tmp_path / "out/zeros").exists()


def test_a_bomb_behind_the_members_is_stopped_too(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", member("small"))
    padded = gzip.decompress(archive.read_bytes())
    extract_archive(archive, tmp_path / "out", max_bytes=len(b"data"))
    archive.write_bytes(gzip.compress(padded + bytes(2_000_000)))
    with pytest.raises(ArtifactError, match="more than"):
        extract_archive(archive, tmp_path / "out", max_bytes=1_000_000)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", *(member(str(n)) for n in range(10)))
    extract_archive(archive, tmp_path / "out", max_members=10)
    with pytest.raises(ArtifactError, match="more than 9 files"):
        extract_archive(archive, tmp_path / "out", max_members=9)


WEIGHTS = np.random.default_rng(0).bytes(30_000)


@given(st.floats(0, 1, exclude_max=True))
def test_one_wrong_byte_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    archive = archive_of(folder / "a.tar.gz", member("weights"), data=WEIGHTS)
    packed = bytearray(archive.read_bytes())
    packed[int(share * len(packed))] ^= 0xFF
    archive.write_bytes(packed)
    try:
        extract_archive(archive, folder / "out")
    except ArtifactError:
        return
    assert (folder / "out/weights").read_bytes() == WEIGHTS


@pytest.mark.parametrize("place", [15_000, -6])
def test_wrong_weights_and_a_wrong_checksum_are_refused(tmp_path: Path, place: int) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", member("weights"), data=WEIGHTS)
    packed = bytearray(archive.read_bytes())
    packed[place] ^= 0xFF
    archive.write_bytes(packed)
    with pytest.raises(ArtifactError, match="CRC check failed"):
        extract_archive(archive, tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"not a tar")
    for name in ("model.tar.gz", "missing.tar.gz"):
        with pytest.raises(ArtifactError, match=f"{name} cannot be extracted"):
            extract_archive(tmp_path / name, tmp_path / "out")
