"""A run that was killed is not said to be running for ever."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import Lab, is_gone, wait_for

ROOT = Path(__file__).resolve().parents[3]


def test_the_next_run_settles_what_a_killed_one_left(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = f"""
    from pathlib import Path
    from pipeline.local.store import Store
    from tests.pipeline.local.runner_support import Lab
    lab = Lab(Store(Path({str(tmp_path / "state")!r})))
    script = "import os, time\\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\\ntime.sleep(60)"
    lab.run(lab.training("Train", script), fork=False)
    """
    process = subprocess.Popen([sys.executable, "-c", dedent(program)], cwd=ROOT)
    wait_for(mark)
    lab = Lab(Store(tmp_path / "state"))
    first = lab.store.list("PipelineExecution")[0]["PipelineExecutionArn"]
    alive = lab.run(lab.processing("A", ""))
    assert lab.store.list("PipelineExecution")[0]["PipelineExecutionStatus"] == "Executing"
    process.kill()
    process.wait()
    assert is_gone(int(mark.read_text()))
    lab.run(lab.processing("A", ""))
    api = LocalApi(lab.store)
    arn = {"PipelineExecutionArn": first}
    assert api.call("DescribePipelineExecution", arn)["PipelineExecutionStatus"] == "Stopped"
    (step,) = api.call("ListPipelineExecutionSteps", arn)["PipelineExecutionSteps"]
    assert step["StepStatus"] == "Stopped"
    assert lab.store.list("TrainingJob")[0]["TrainingJobStatus"] == "Stopped"
    (done,) = [d for d in lab.store.list("ProcessingJob") if alive.execution_id in str(d)]
    assert done["ProcessingJobStatus"] == "Completed"
