"""Tensors outlive the machine that they were saved on, up to the checkpoint."""

from pathlib import Path

from debugger.kept_tensors import bring_back, keep_tensors


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_steps_after_the_checkpoint_are_gone(tmp_path: Path) -> None:
    first, kept, second = (tmp_path / name for name in ("first", "kept", "second"))
    whole = ["index/000/000000000005_worker_0.json", "collections/000/worker_0_collections.json"]
    later = "index/000/000000000006_worker_0.json"
    write(first, *whole, later, "rules.json")
    keep_tensors(first, kept)
    keep_tensors(first, kept)  # nothing is new
    assert names(kept) == {*whole, later}
    bring_back(kept, second, last_step=5)
    assert names(second) == names(kept) == {*whole}
    assert (second / whole[0]).read_text() == whole[0]
