"""Code bundles: as few files as a job needs, the same bytes everywhere, named by content."""

import io
import tarfile
from pathlib import Path

import pytest

from pipeline.assets.code_bundle import (
    BundleError,
    archive,
    bundles_of,
    entry_of,
    processing_bundle,
    serving_bundle,
    stage,
    training_bundle,
)
from pipeline.settings.loading import load_settings

ROOT = Path(__file__).parents[3]
RUN = '\nif __name__ == "__main__":\n    main()\n'
SCRIPTS = {
    "training_code/run_script.py": "import runpy\n" + RUN,
    "training_code/prepare.py": "import preprocessing\nfrom shared import thing\n" + RUN,
    "training_code/evaluate.py": "def main():\n    import artifact\n" + RUN,
    "training_code/check_tensors.py": "import shared\n" + RUN,
    "training_code/features.py": "import network\n" + RUN,
    "training_code/train.py": "import network, shared\n" + RUN,
    "training_code/shared.py": "import os\nimport cycle\n",
    "training_code/cycle.py": "import shared\n",
    "training_code/requirements.txt": "numpy\n",
    "training_code/requirements-debugger.txt": "smdebug\n",
    "inference_code/preprocessing.py": "",
    "inference_code/network.py": "import preprocessing\n",
    "inference_code/artifact.py": "",
    "inference_code/inference.py": "import network\n",
    "inference_code/requirements.txt": "pillow\n",
    "inference_code/Dockerfile": "FROM scratch\n",
    "inference_code/server/requirements.txt": "starlette\n",
}


@pytest.fixture
def root(tmp_path):
    for name, text in SCRIPTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_processing_bundle_holds_what_the_script_imports_and_no_more(root):
    bundle = processing_bundle(root, "prepare.py", "bucket")

    assert list(bundle.files) == [
        "cycle.py",
        "prepare.py",
        "preprocessing.py",
        "requirements.txt",
        "run_script.py",
        "shared.py",
    ]
    assert bundle.files["requirements.txt"] == b"numpy\n"


def test_modules_in_packages_keep_their_folders(root):
    for name, text in {
        "prepare.py": "import deep.far.away as away\nfrom job.errors import JobError\n",
        "deep/far/away.py": "from . import beside\nfrom ..near import thing\n",
        "deep/far/beside.py": "",
        "deep/far/unused.py": "",
        "deep/near.py": "from job import progress\n",
        "job/__init__.py": "import network\n",
        "job/errors.py": "",
        "job/progress.py": "",
        "job/unused.py": "",
    }.items():
        path = root / "training_code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    bundle = processing_bundle(root, "prepare.py", "bucket")

    assert set(bundle.files) - {"prepare.py", "run_script.py", "requirements.txt"} == {
        "deep/far/away.py",
        "deep/far/beside.py",
        "deep/near.py",
        "job/__init__.py",
        "job/errors.py",
        "job/progress.py",
        "network.py",
        "preprocessing.py",
    }
    assert f"{bundle.uri}/job/errors.py" in dict(bundle.objects())


def test_a_training_bundle_also_holds_the_serving_code_but_not_its_image(root):
    (root / "inference_code/__pycache__").mkdir()
    (root / "inference_code/__pycache__/network.pyc").write_bytes(b"x")

    bundle = training_bundle(root, "train.py", "bucket")

    assert [name for name in bundle.files if name.startswith("inference_code/")] == [
        "inference_code/artifact.py",
        "inference_code/inference.py",
        "inference_code/network.py",
        "inference_code/preprocessing.py",
        "inference_code/requirements.txt",
    ]
    assert "network.py" in bundle.files
    assert "prepare.py" not in bundle.files


def test_one_scripts_change_leaves_the_other_steps_alone(root):
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    before = {name: bundle.uri for name, bundle in bundles_of(settings, root).items()}
    (root / "training_code/evaluate.py").write_text("import artifact, sys\n" + RUN)

    after = {name: bundle.uri for name, bundle in bundles_of(settings, root).items()}

    assert {name for name in before if before[name] != after[name]} == {"evaluate.py"}


@pytest.mark.parametrize("changed", ["inference_code/preprocessing.py", "training_code/cycle.py"])
def test_a_change_in_what_a_script_imports_changes_its_address(root, changed):
    before = processing_bundle(root, "prepare.py", "bucket").uri
    (root / changed).write_text("# changed\n")

    assert processing_bundle(root, "prepare.py", "bucket").uri != before


def test_the_address_does_not_depend_on_where_the_tree_is(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "deeper"
    root.rename(other)

    for make, entry in ((processing_bundle, "prepare.py"), (training_bundle, "train.py")):
        moved = make(other, entry, "bucket")
        other.rename(root)
        assert make(root, entry, "bucket").uri == moved.uri
        root.rename(other)
    other.rename(root)


def test_a_name_and_its_content_cannot_be_taken_for_another_split_of_the_same_bytes(root):
    (root / "training_code/prepare.py").write_text("import a\nimport b\n")
    (root / "training_code/a.py").write_text("1#b.py")
    (root / "training_code/b.py").write_text("")
    before = processing_bundle(root, "prepare.py", "bucket").digest
    (root / "training_code/a.py").write_text("1#")
    (root / "training_code/b.py").write_text("b.py")

    assert processing_bundle(root, "prepare.py", "bucket").digest != before


def test_an_archive_has_the_same_bytes_each_time_and_nothing_of_this_machine():
    files = {"b.py": b"2", "a.py": b"1", "inference_code/c.py": b"3"}

    made = archive(files)

    assert made == archive(dict(reversed(files.items())))
    assert made[4:8] == bytes(4)  # gzip's own time
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["a.py", "b.py", "inference_code/c.py"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_a_bundles_address_tells_its_script_and_no_other_address_does(root):
    for make, entry in ((processing_bundle, "prepare.py"), (training_bundle, "train.py")):
        assert entry_of(make(root, entry, "bucket").uri) == entry
    for uri in ("s3://bucket/code/train.py", "s3://bucket/code/train-1/sourcedir.tar.gz", ""):
        assert entry_of(uri) is None


def test_files_are_staged_one_by_one_and_archives_as_one(root):
    put: dict[str, bytes] = {}
    processing = processing_bundle(root, "features.py", "bucket")
    training = training_bundle(root, "train.py", "bucket")

    stage(processing, put.__setitem__)
    stage(training, put.__setitem__)

    start = f"s3://bucket/code/features-{processing.digest}/files"
    assert put[f"{start}/features.py"] == SCRIPTS["training_code/features.py"].encode()
    assert put[f"s3://bucket/code/train-{training.digest}/sourcedir.tar.gz"]
    assert len(put) == len(processing.files) + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training_code/prepare.py": "import (\n"}, r"prepare\.py:1: "),
        ({"training_code/prepare.py": None}, r"no prepare\.py in training_code or inference_code"),
        ({"inference_code/shared.py": ""}, r"shared\.py: one must have another name"),
        ({"training_code/shared/__init__.py": ""}, r"shared\.py.*: one must have another name"),
    ],
)
def test_code_that_cannot_be_bundled(root, change, message):
    for name, text in change.items():
        if text is None:
            (root / name).unlink()
        else:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)

    with pytest.raises(BundleError, match=message):
        processing_bundle(root, "prepare.py", "bucket")


def test_a_new_script_is_bundled_without_being_named_anywhere(root):
    (root / "training_code/audit.py").write_text("import shared\n" + RUN)
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])

    bundles = bundles_of(settings, root)

    assert "shared.py" in bundles["audit.py"].files
    assert "shared.py" not in bundles
    with pytest.raises(BundleError, match=r"no script audits\.py in training_code/.*audit\.py"):
        bundles["audits.py"]


def test_our_own_scripts_can_be_bundled():
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])

    bundles = bundles_of(settings, ROOT)

    assert "preprocessing.py" in bundles["prepare.py"].files
    assert "network.py" not in bundles["prepare.py"].files
    assert "inference_code/inference.py" in bundles["train.py"].files


@pytest.mark.parametrize(
    ("overrides", "watched"),
    [
        (["debugger.mode=embedded"], {"train.py"}),
        (["debugger.mode=service"], {"train.py"}),
        (["debugger.mode=off"], set()),
        (["gate.no_issues_from=[Overfit]"], {"train.py", "check_tensors.py"}),
    ],
)
def test_all_jobs_install_the_same_and_only_watched_ones_the_debugger(root, overrides, watched):
    settings = load_settings(ROOT / "pipeline.yaml", None, ["backbone.weights=none", *overrides])

    bundles = bundles_of(settings, root)

    with_debugger = {n for n, one in bundles.items() if "requirements-debugger.txt" in one.files}
    assert with_debugger == watched
    others = {name: one.files.get("requirements.txt") for name, one in bundles.items()}
    assert [others.pop(name, None) for name in ("no-champion", "evaluate.py")] == [None, None]
    assert set(others.values()) == {b"numpy\n"}


def test_evaluate_installs_nothing_in_our_image_and_what_serving_needs_in_another(root):
    ours = serving_bundle(root, "evaluate.py", "bucket", installs=False)
    another = serving_bundle(root, "evaluate.py", "bucket", installs=True)

    assert list(ours.files) == ["artifact.py", "evaluate.py"]
    assert another.files == ours.files | {
        "run_script.py": b"import runpy\n" + RUN.encode(),
        "requirements.txt": b"pillow\n",
    }
