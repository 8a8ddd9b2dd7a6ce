"""Small real definitions, and one place to run them: the scripts are a few lines, without torch."""

import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from textwrap import dedent
from typing import Any

from pipeline.command_line.step_table import StepProgress
from pipeline.local.engine.executions import Place
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions, run_definition
from pipeline.local.jobs.containers import Background, Job
from pipeline.local.jobs.opt_ml import why_none
from pipeline.local.processes.command import start_process
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from tests.patience import wait_until

BUCKET = "s3://bucket"
ROLE = "arn:aws:iam::111122223333:role/execution"
OUTPUT = "/opt/ml/processing/output"
INPUT = "/opt/ml/processing/input"
SLEEP = """
import sys, time
from pathlib import Path
Path(sys.argv[1]).touch()
time.sleep(600)
"""
Json = dict[str, Any]


@dataclass
class Lab:
    """A store, scripts in it, and what the listener heard of the runs."""

    store: Store
    heard: list[StepProgress] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)

    def run(
        self, *steps: Json, parameters: Mapping[str, Any] | None = None, **options: Any
    ) -> ExecutionResult:
        """Run steps as one pipeline; parameters are declared by their values."""
        return self.run_definition(definition(*steps, parameters=parameters or {}), {}, **options)

    def run_definition(
        self, document: Json, given: Mapping[str, Any], **options: Any
    ) -> ExecutionResult:
        """Run a whole definition with parameters that are given."""
        return run_definition(
            document,
            given,
            self.store,
            listener=self.heard.append,
            api=LocalApi(self.store),
            cancel=self.cancel,
            options=RunOptions(**{"cores": 1, "grace_s": 2.0} | options),
        )

    def job(self, should_stop: Callable[[], bool] = lambda: False) -> Job:
        """A job named `job`, beside any run."""
        return Job(
            step="Step",
            name="job",
            store=self.store,
            work=self.store.root / "job",
            arn=Place().arn,
            region="us-east-1",
            cores=1,
            start=start_process,
            grace_s=2.0,
            should_stop=should_stop,
            on_metric=lambda name, value: None,
            background=Background(lambda work: None, lambda: False),
            no_own_opt_ml=why_none(self.store.root),
        )

    def put(self, uri: str, content: str) -> str:
        """Write a file of the store; answers its URI."""
        path = self.store.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return uri

    def read(self, uri: str) -> str:
        """Read a file of the store."""
        return self.store.path(uri).read_text()

    def processing(self, name: str, script: str, **options: Any) -> Json:
        """A Processing step around a script."""
        code = f"{BUCKET}/code/{name}/files"
        self.put(f"{code}/{name}.py", dedent(script))
        return processing_step(name, code, **options)

    def training(self, name: str, script: str, **options: Any) -> Json:
        """A Training step around a script."""
        arguments = self.training_arguments(name, script, **options)
        return {"Name": name, "Type": "Training", "Arguments": arguments}

    def training_arguments(
        self,
        name: str,
        script: str,
        hyperparameters: Mapping[str, Any] | None = None,
        channels: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> Json:
        """The arguments of a training job around a script."""
        archive = f"{BUCKET}/code/{name}/sourcedir.tar.gz"
        write_archive(self.store.path(archive), {"train.py": dedent(script)})
        inputs = [channel(name, uri) for name, uri in (channels or {}).items()]
        return {
            "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": run_uri(name)},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": archive,
                **(hyperparameters or {}),
            },
            **({"InputDataConfig": inputs} if inputs else {}),
            **extra,
        }

    def tuning(self, name: str, script: str, config: Json, **options: Any) -> Json:
        """A Tuning step; its objective is `score`, printed as `score=1.5`, to be maximized."""
        training = self.training_arguments(name, script, **options)
        static = training.pop("HyperParameters")
        training["AlgorithmSpecification"]["MetricDefinitions"] = [
            {"Name": "score", "Regex": "score=([0-9.eE+-]+)"}
        ]
        objective = {"Type": "Maximize", "MetricName": "score"}
        return {
            "Name": name,
            "Type": "Tuning",
            "Arguments": {
                "HyperParameterTuningJobConfig": {
                    "HyperParameterTuningJobObjective": objective,
                    "RandomSeed": 7,
                    **config,
                },
                "TrainingJobDefinition": {"StaticHyperParameters": static, **training},
            },
        }

    def step_documents(self) -> dict[str, Json]:
        """The newest execution's step documents by name."""
        newest = self.store.list("PipelineExecution")[-1]["PipelineExecutionArn"]
        documents = self.store.list("PipelineExecutionStep")
        return {d["StepName"]: d for d in documents if d["PipelineExecutionArn"] == newest}


def definition(*steps: Json, parameters: Mapping[str, Any]) -> Json:
    """A definition in the SDK's shape; parameters get the type of their values."""
    types = {str: "String", int: "Integer", float: "Float", bool: "Boolean"}
    declared = [
        {"Name": name, "Type": types[type(value)], "DefaultValue": value}
        for name, value in parameters.items()
    ]
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": declared, "Steps": list(steps)}


def processing_step(
    name: str,
    code: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Sequence[str] = (),
    arguments: Sequence[Any] = (),
    environment: Mapping[str, Any] | None = None,
    **extra: Any,
) -> Json:
    """A Processing step with S3 inputs under input/<name> and outputs under output/<name>."""
    image: Json = {
        "ImageUri": "image:1",
        "ContainerEntrypoint": ["python3", f"{INPUT}/code/{name}.py"],
    }
    if arguments:
        image["ContainerArguments"] = list(arguments)
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    request: Json = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": image,
        "RoleArn": ROLE,
        "ProcessingInputs": [
            s3_input(key, uri) for key, uri in ({"code": code} | dict(inputs or {})).items()
        ],
        "Environment": dict(environment or {}),
    }
    if outputs:
        places = [s3_output(output, run_uri(name, output)) for output in outputs]
        request["ProcessingOutputConfig"] = {"Outputs": places}
    return {"Name": name, "Type": "Processing", "Arguments": request, **extra}


def s3_input(name: str, uri: Any) -> Json:
    """One ProcessingInput."""
    place = {"S3Uri": uri, "LocalPath": f"{INPUT}/{name}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "AppManaged": False, "S3Input": {**place, "S3InputMode": "File"}}


def s3_output(name: str, uri: Any, mode: str = "EndOfJob") -> Json:
    """One ProcessingOutput."""
    place = {"S3Uri": uri, "LocalPath": f"{OUTPUT}/{name}", "S3UploadMode": mode}
    return {"OutputName": name, "AppManaged": False, "S3Output": place}


def channel(name: str, uri: Any) -> Json:
    """One training channel."""
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def run_uri(*parts: str) -> Json:
    """An address of this execution's own, as our definition makes them."""
    run = {"Get": "Execution.PipelineExecutionId"}
    return {"Std:Join": {"On": "/", "Values": [f"{BUCKET}/runs", run, *parts]}}


def output_of(step: str, output: str) -> Json:
    """A reference to another step's output."""
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"}


def cached(step: Json, expire_after: str = "P30D") -> Json:
    """The same step with caching on."""
    return step | {"CacheConfig": {"Enabled": True, "ExpireAfter": expire_after}}


def write_archive(path: Path, files: Mapping[str, str]) -> None:
    """Pack texts into a .tar.gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))


def wait_for(path: Path) -> None:
    """Return once a file is there; fail when it does not come."""
    wait_until(path.exists, lambda: f"{path} never appeared")


def has_ended(pid: int) -> bool:
    """Whether a process has ended by now."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def is_gone(pid: int) -> bool:
    """Whether a process ends; it fails for one that never does."""
    wait_until(lambda: has_ended(pid), lambda: f"process {pid} goes on")
    return True
