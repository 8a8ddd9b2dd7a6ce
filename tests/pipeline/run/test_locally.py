"""What a local run does before its first step."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.assets.code_bundle import bundles_of
from pipeline.assets.packages import packages_uri
from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.local.store import Store, StoreError
from pipeline.run import locally
from pipeline.settings.loading import load_settings

ISOLATED = ["network.isolation=true", "deploy.staging.type=realtime"]


def test_code_that_is_saved_while_it_is_compiled_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    addresses = [bundle.uri for bundle in bundles_of(settings, ROOT).values()]
    texts = iter(['{"of": "an earlier state of the files"}', f'{{"of": "{" ".join(addresses)}"}}'])
    monkeypatch.setattr(locally, "definition_text", lambda *_: next(texts))
    store = Store(tmp_path)
    definition = locally.compile_and_stage(settings, ROOT, store)
    assert addresses[0] in definition["of"]
    assert all(store.path(uri).exists() for uri in addresses)


def test_code_that_goes_on_changing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    monkeypatch.setattr(locally, "definition_text", lambda *_: "{}")
    with pytest.raises(UsageError, match="is being changed: run again"):
        locally.compile_and_stage(settings, ROOT, Store(tmp_path))


def test_what_is_for_aws_alone_is_said() -> None:
    plain = load_settings(ROOT / "pipeline.yaml", "local", [])
    isolated = load_settings(ROOT / "pipeline.yaml", "local", ISOLATED)
    assert locally.not_emulated(plain) is None
    assert str(locally.not_emulated(isolated)).startswith("network: for AWS; here jobs share")


def test_isolated_jobs_have_the_packages_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded for them: a run here needs no network."""
    settings = load_settings(ROOT / "pipeline.yaml", "local", ISOLATED)
    text = " ".join(bundle.uri for bundle in bundles_of(settings, ROOT).values())
    monkeypatch.setattr(locally, "definition_text", lambda *_: f'{{"of": "{text}"}}')
    store, uri = Store(tmp_path), packages_uri(settings, ROOT)
    locally.compile_and_stage(settings, ROOT, store)
    assert [path.name for path in store.path(str(uri)).iterdir()] == ["packages.txt"]


def test_weights_on_s3_are_checked_before_a_run_where_they_lie_here(tmp_path: Path) -> None:
    uri, store = "s3://mine/weights.pth", Store(tmp_path)
    store.path(uri).parent.mkdir(parents=True)
    store.path(uri).write_text("no weights")
    settings = load_settings(ROOT / "pipeline.yaml", "local", [f"backbone.weights={uri}"])
    with pytest.raises(UsageError, match=r"weights\.pth: it is text, which begins 'no weights'"):
        locally.compile_and_stage(settings, ROOT, store)


def test_what_another_run_is_in_the_middle_of_writing_is_not_touched(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    store = Store(tmp_path)
    written = [store.path(bundle.uri) for bundle in bundles_of(settings, ROOT).values()]
    halves = [path.with_name(f"{path.name}.part") for path in written]
    for half in halves:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_text("half of it")
    locally.compile_and_stage(settings, ROOT, store)
    assert all(path.exists() for path in written)
    assert all(half.read_text() == "half of it" for half in halves)


def test_a_full_disk_names_the_file_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    store = Store(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot write .+/code/.+: No space left .+free some"):
        locally.compile_and_stage(settings, ROOT, store)
    assert not list(tmp_path.rglob("*.part"))


def test_the_sample_is_made_once_also_by_runs_that_begin_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(folder: Path) -> None:
        (folder / "cat").mkdir(parents=True)
        (folder / "cat" / "1.jpg").write_text("ours")
        # meanwhile another run has finished its own
        (tmp_path / "sample" / "cat").mkdir(parents=True)
        (tmp_path / "sample" / "cat" / "1.jpg").write_text("theirs")

    monkeypatch.setattr(locally, "write_sample", write)
    for _ in range(2):
        assert locally.generated_sample(tmp_path) == tmp_path / "sample"
    assert (tmp_path / "sample" / "cat" / "1.jpg").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_an_archive_is_unpacked_below_the_state_and_read_as_its_folder(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        (tmp_path / "pictures" / name / "1.jpg").touch()
    archive = shutil.make_archive(str(tmp_path / "set"), "gztar", tmp_path / "pictures")
    uri = locally.data_uri(archive, tmp_path / "state")
    place = Store(tmp_path / "state").path(uri)
    assert place.is_relative_to(tmp_path / "state" / "unpacked")
    assert (place / "cat" / "1.jpg").is_file()
    assert locally.data_uri(archive, tmp_path / "state") == uri


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="neither a zip nor a tar archive"):
        locally.data_uri(str(tmp_path / "1.jpg"), tmp_path / "state")
