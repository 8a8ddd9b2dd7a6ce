"""One run's page: what it did and does, from the state alone; to stop it, and to run it again."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console import starting
from pipeline.local.store import Store
from pipeline.report.sources.local_source import keep_command
from tests.patience import PATIENCE
from tests.pipeline.console.console_support import HOSTILE, Visitor, add_run
from tests.pipeline.report.report_support import Finished, finish

HOLDER = """
import signal, sys
from pathlib import Path
from pipeline.local.engine.recovery import lock_held
with lock_held(Path(sys.argv[1])):
    print("held", flush=True)
    signal.sigwait([signal.SIGTERM])
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A small real run, with everything in it."""
    return finish(tmp_path_factory.mktemp("console"))


@pytest.fixture
def page(finished: Finished) -> str:
    return Visitor(finished.store.root).get(f"/runs/{finished.result.execution_id}")


@pytest.fixture
def at_work(store: Store) -> Iterator["subprocess.Popen[str]"]:
    """A process that is at work on run abc."""
    add_run(store, "abc", "Executing")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # it inherits that
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, store.root / "runs" / "abc"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "words",
    [
        "Run {id}",
        "75.0%",  # of the test pictures
        'aria-label="Log of Train"',
        "4 of at most 4 trials, Grid; the best is trial 2: score 0.75",
        "Trials over their hyperparameters",
        "3 epochs; the best is epoch",
        'aria-label="loss by epoch; after epoch 3: training 0.25, validation 0.5"',
        "relu_0 is dead at step 20",
        "AccuracyThreshold",
    ],
)
def test_it_shows(page: str, finished: Finished, words: str) -> None:
    assert words.format(id=finished.result.execution_id) in page


def test_a_log_is_shown_and_grows(finished: Finished) -> None:
    visitor, run = Visitor(finished.store.root), finished.result.execution_id
    assert 'data-log="/runs/' in visitor.get(f"/runs/{run}/logs/Train")
    path = finished.store.root / "runs" / run / "Train" / "log.txt"
    before = path.read_bytes()
    try:
        path.write_bytes(before + f"{HOSTILE}\n".encode())
        answer = visitor.client.get(f"/runs/{run}/logs/Train?from={len(before)}")
        assert answer.text == f"{HOSTILE}\n"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert int(answer.headers["x-end"]) == path.stat().st_size
        assert "<img" not in visitor.get(f"/runs/{run}/logs/Train")
        whole = visitor.get(f"/runs/{run}/logs/Train?after=start")
        assert "Its end</a>" in whole and "Later lines" not in whole
        assert "marks no place" in visitor.get(f"/runs/{run}/logs/Train?before=x", 404)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    "address", ["logs/..%2f..%2fstate.db", "logs/lock", "logs/", "report/..%2fx", "report/x"]
)
def test_no_other_file_is_to_be_had(finished: Finished, address: str) -> None:
    Visitor(finished.store.root).get(f"/runs/{finished.result.execution_id}/{address}", 404)


def test_in_the_report_only_our_own_script_runs(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc")
    folder = store.root / "s3" / "bucket" / "runs" / "abc" / "report"
    visitor.get("/runs/abc/report/report.html", 404)
    (folder / "metrics").mkdir(parents=True)
    (folder / "report.html").write_text("<p>report")
    (folder / "metrics" / "x.csv").write_text("a\n1\n")
    address = visitor.client.get("/runs/abc/report").headers["location"]
    answer = visitor.client.get(address)
    assert answer.text == "<p>report"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy and "form-action 'none'" in policy
    kept = visitor.client.get("/runs/abc/report/metrics/x.csv")
    assert "attachment" in kept.headers["content-disposition"]
    for name in ("%00", "x" * 300, "..%2f..%2fstate.db"):
        assert "the report has no file" in visitor.get(f"/runs/abc/report/{name}", 404)


def test_a_run_that_is_not_there_is_said(visitor: Visitor, store: Store) -> None:
    assert "there is no run nope" in visitor.get("/runs/nope", 404)
    assert visitor.post("/runs/nope/stop").status_code == 400


def test_stop_asks_its_process_as_ctrl_c_does(
    visitor: Visitor, at_work: "subprocess.Popen[str]"
) -> None:
    assert "Stop</button>" in visitor.get("/runs/abc")
    answer = visitor.post("/runs/abc/stop")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/abc")
    assert at_work.wait(PATIENCE) == 0
    assert "ended without a word" in visitor.get("/runs/abc")


def test_what_is_not_at_work_cannot_be_stopped(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc")
    answer = visitor.post("/runs/abc/stop")
    assert answer.status_code == 400 and "it is Succeeded" in answer.text


def test_a_process_of_another_container_with_that_number_is_left_alone(
    visitor: Visitor, store: Store, at_work: "subprocess.Popen[str]"
) -> None:
    (store.root / "runs" / "abc" / "lock").write_text("1")
    assert visitor.post("/runs/abc/stop").status_code == 400
    assert at_work.poll() is None


def test_run_again_is_the_same_command(
    visitor: Visitor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(
        "pipeline.console.pages.run.start_run", lambda _state, words: asked.append(words) or "t0"
    )
    add_run(store, "abc")
    assert visitor.post("/runs/abc/again").status_code == 400  # nobody knows how it was started
    words = ["--local", "--data", "/my pictures", "--set", "project=birds"]
    keep_command(store, "abc", shlex.join(["python", "-m", "pipeline.run", *words]))
    assert visitor.post("/runs/abc/again").headers["location"] == "/started/t0"
    assert asked == [[*words, f"--state={store.root}"]]


@pytest.mark.parametrize("command", ["rm -rf /", "python -m pipeline.run --upsert", "'", ""])
def test_no_other_command_is_run_again(command: str) -> None:
    with pytest.raises(starting.UsageError):
        starting.arguments_again(command)


def test_what_came_from_users_stays_text(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc", "Failed", DataUri=HOSTILE)
    document = store.get("PipelineExecution", "abc") or {}
    store.put(
        "PipelineExecution",
        "abc",
        document | {"FailureReason": HOSTILE},
        arn=document["PipelineExecutionArn"],
    )
    keep_command(store, "abc", HOSTILE)
    assert "<img" not in visitor.get("/runs/abc")
    assert "<img" not in visitor.get(f"/runs/{HOSTILE.replace('/', '')}", 404)


def _started(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of what the page's buttons start."""
    asked: list[list[str]] = []

    def start(_state: object, arguments: list[str]) -> str:
        asked.append(arguments)
        return "token"

    monkeypatch.setattr("pipeline.console.pages.run.start_run", start)
    monkeypatch.setattr("pipeline.console.here.start_run", start)
    return asked


def test_a_run_begins_at_one_of_its_steps(
    finished: Finished, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, run = Visitor(finished.store.root), finished.result.execution_id
    asked = _started(visitor, monkeypatch)
    keep_command(
        finished.store,
        run,
        "python -m pipeline.run --local --set a.b=1 --from Tune --source=old --env x",
    )
    assert "from Train</button>" in visitor.get(f"/runs/{run}")
    assert visitor.post(f"/runs/{run}/from", {"step": "Train"}).status_code == 303
    kept = ["--local", "--set", "a.b=1", "--env", "x"]
    state = f"--state={finished.store.root}"
    assert asked == [[*kept, "--from=Train", f"--source={run}", state]]
    refused = visitor.post(f"/runs/{run}/from", {"step": "Nowhere"})
    assert (refused.status_code, len(asked)) == (400, 1)


def test_a_run_that_failed_can_be_retried(
    visitor: Visitor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _started(visitor, monkeypatch)
    add_run(store, "abc", "Failed")
    add_run(store, "done")
    assert "Retry</button>" in visitor.get("/runs/abc")
    assert "Retry</button>" not in visitor.get("/runs/done")
    assert visitor.post("/runs/abc/retry").status_code == 303
    assert asked[0][:2] == ["--local", "--retry=abc"]
    assert "is Succeeded" in visitor.post("/runs/done/retry").text
