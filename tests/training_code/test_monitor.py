"""The job says what changed in the pictures that an endpoint captured, or that too few came."""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import monitor
from artifact import extract_archive
from job.errors import JobError
from monitoring.reference import REFERENCE_FILE, read_reference

Pack = Callable[[Path, Path], Path]
Check = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(knowing: Any, pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that tells unknown pictures, as a job gets it."""
    return pack(knowing.model, tmp_path_factory.mktemp("model"))


@pytest.fixture
def check(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the job on pictures; the data set's 12 validation pictures are enough here."""
    monkeypatch.setattr("monitoring.findings.NEEDED", 12)

    def run(pictures: Iterable[bytes], options: Mapping[str, int] | None = None) -> dict[str, Any]:
        captured, out = tmp_path / "captured", tmp_path / "monitoring"
        write_captured(captured, pictures)
        arguments = {"model": model, "captured": captured, "monitoring": out, **(options or {})}
        monitor.main([part for k, v in arguments.items() for part in (f"--{k}", str(v))])
        result: dict[str, Any] = json.loads((out / "monitoring.json").read_text())
        return result

    return run


def write_captured(folder: Path, pictures: Iterable[bytes]) -> None:
    hour = folder / "AllTraffic/2026/02/01/10"
    hour.mkdir(parents=True, exist_ok=True)
    with (hour / "00-00-000-a.jsonl").open("w") as file:
        for data in pictures:
            sent = {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(data).decode(),
                "encoding": "BASE64",
            }
            time = {"inferenceTime": "2026-02-01T10:00:00Z"}
            event = {"captureData": {"endpointInput": sent}, "eventMetadata": time}
            file.write(json.dumps(event) + "\n")


def own_pictures(prepared: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((prepared / "data").rglob("*.png"))]


def darker(data: bytes) -> bytes:
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    file = io.BytesIO()
    Image.fromarray((pixels * 0.4).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_pictures_of_the_training_are_no_change(
    check: Check, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = check(own_pictures(prepared))
    assert result["verdict"] == "unchanged"
    assert (result["pictures"], result["reference_pictures"]) == (60, 12)
    assert not any(test["changed"] for test in result["tests"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("monitoring verdict=unchanged changed=0 pictures=60 smallest_p=")


def test_darker_pictures_are_a_change_and_it_says_so(
    check: Check, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = check(map(darker, own_pictures(prepared)))
    assert result["verdict"] == "changed"
    changed = {test["name"]: test["sentence"] for test in result["tests"] if test["changed"]}
    assert changed["brightness"].startswith("They are darker: brightness 0.")
    assert "features" in changed
    assert "brightness" in result["summary"]
    assert result["smallest_p"] <= result["false_alarms"]
    assert " changed=1 pictures=60 " in capsys.readouterr().out.splitlines()[-1]


def test_the_most_unusual_picture_is_the_one_of_something_else(
    check: Check, prepared: Path, tmp_path: Path
) -> None:
    strange = io.BytesIO()
    Image.new("RGB", (60, 44), "black").save(strange, "PNG")
    result = check([*own_pictures(prepared)[:30], strange.getvalue()])
    first = result["unusual"][0]
    assert first["content"] == hashlib.sha256(strange.getvalue()).hexdigest()
    assert np.asarray(Image.open(tmp_path / "monitoring" / first["picture"])).max() < 8
    assert len(result["unusual"]) == 12
    assert first["distance"] == max(one["distance"] for one in result["unusual"])


def test_only_so_many_are_compared_and_what_is_refused_is_counted(
    check: Check, prepared: Path
) -> None:
    few = {"pictures": 20, "batch-size": 7}
    result = check([*own_pictures(prepared), b"no picture"], few)
    assert result["pictures"] == 20
    assert result["capture"]["refused"] == 1


def test_of_too_few_pictures_nothing_is_said(
    model: Path, tmp_path: Path, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_captured(tmp_path / "captured", own_pictures(prepared)[:5])
    for captured, count in ((tmp_path / "captured", 5), (tmp_path / "absent", 0)):
        out = tmp_path / "out"
        arguments = ["--model", str(model), "--captured", str(captured), "--monitoring", str(out)]
        monitor.main(arguments)
        result = json.loads((out / "monitoring.json").read_text())
        assert (result["verdict"], result["pictures"], result["tests"]) == ("too_few", count, [])
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith(f"monitoring verdict=too_few changed=0 pictures={count} ")


def test_a_model_without_reference_is_refused(train: Any, pack: Pack, tmp_path: Path) -> None:
    model = train(graph="none", dataset=None).model
    assert not (model / REFERENCE_FILE).exists()
    arguments = ["--model", str(pack(model, tmp_path)), "--captured", str(tmp_path)]
    with pytest.raises(JobError, match=r"has no reference\.npz, .* train it again"):
        monitor.main([*arguments, "--monitoring", str(tmp_path / "out")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pictures", "0"], "--pictures must be 1 or more"),
        (["--batch-size", "0"], "--batch-size must be 1 or more"),
        (["--false-alarms", "0.5"], "--false-alarms must be from 1e-05 to 0.1"),
        (["--false-alarms", "nan"], "--false-alarms must be from"),
    ],
)
def test_numbers_out_of_range_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(JobError, match=message):
        monitor.parse_options(["--model=m", "--captured=c", "--monitoring=o", *options])


def test_the_reference_is_what_the_endpoint_itself_would_measure(
    check: Check, model: Path, prepared: Path, tmp_path: Path
) -> None:
    extract_archive(model / "model.tar.gz", tmp_path)
    reference = read_reference(tmp_path)
    assert reference.measured.sizes.tolist() == [[60, 44]] * 12
    names = json.loads((prepared / "dataset/valid.files.json").read_text())
    result = check([(prepared / "data" / name).read_bytes() for name in names])
    # the same pictures, once cached and once served
    assert result["tests"][0]["p"] == 1.0
    brightness = next(test for test in result["tests"] if test["name"] == "brightness")
    assert brightness["reference"] == pytest.approx(brightness["captured"], abs=1e-4)
    score = next(test for test in result["tests"] if test["name"] == "unknown")
    assert score["reference"] == pytest.approx(score["captured"], rel=1e-2)
