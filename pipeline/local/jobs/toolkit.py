"""Play the training toolkit's part of the contract: config files, SM_* variables, the command."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.job_scripts.toolkit_arguments import argument, decoded
from pipeline.local.failures import StepFailed
from pipeline.local.jobs.cluster import Host
from pipeline.local.jobs.containers import Job
from pipeline.local.processes.own_opt_ml import OPT_ML

_GROUP = "homogeneousCluster"
_PREFIX = "sagemaker_"
_PROGRAM = "sagemaker_program"
_SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_TORCHRUN = "sagemaker_torch_distributed_enabled"
_OBJECTIVE = "_tuning_objective_metric"
_OWN = (
    _PROGRAM,
    _SUBMIT_DIRECTORY,
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_s3_output",
)


class Toolkit:
    """The work of SageMaker's framework containers around a training script, on one machine."""

    def __init__(self, request: Mapping[str, Any], job: Job, host: Host) -> None:
        self._request = request
        self._job = job
        self._host = host
        given: Mapping[str, str] = request.get("HyperParameters") or {}
        self._raw = {name: job.rewrite(value) for name, value in given.items()}
        values = {name: decoded(value) for name, value in self._raw.items()}
        self._hyperparameters = {
            name: value
            for name, value in values.items()
            if not name.startswith(_PREFIX) and name != _OBJECTIVE
        }
        self._framework = {
            name: value
            for name, value in values.items()
            if name.startswith(_PREFIX) and name not in _OWN
        }
        self._program = values.get(_PROGRAM)
        self.submit_directory: str | None = values.get(_SUBMIT_DIRECTORY)

    def argv(self) -> tuple[str, ...]:
        """Return the program with its hyperparameters, or the image's own entry point."""
        image = self._request["AlgorithmSpecification"]
        if self._program:
            return ("python3", *self._launcher(), str(self._program), *self._arguments())
        if entrypoint := image.get("ContainerEntrypoint"):
            words = [*entrypoint, *(image.get("ContainerArguments") or [])]
            return tuple(self._job.rewrite(word) for word in words)
        raise StepFailed(
            self._job.step,
            f"it names no {_PROGRAM} and no ContainerEntrypoint, and images do not run on this "
            "machine: name the script in its hyperparameters",
        )

    def _is_launched(self) -> bool:
        return bool(self._framework.get(_TORCHRUN))

    def _launcher(self) -> tuple[str, ...]:
        """Return torchrun's words, where it has more than one process to start on this machine."""
        gpus = _count_gpus()
        if not self._is_launched() or self._host.count > 1 or gpus < 2:
            return ()
        return ("-m", "torch.distributed.run", "--nproc_per_node", str(gpus))

    def write_config(self) -> None:
        """Write input/config/*.json, as SageMaker writes them."""
        folder = self._job.root / "input" / "config"
        folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, Any] = {
            "hyperparameters": dict(self._raw),
            "resourceconfig": self._resources(),
            "inputdataconfig": self._channels(),
        }
        if hook := self._request.get("DebugHookConfig"):
            local = self._job.rewrite(hook.get("LocalPath", f"{OPT_ML}/output/tensors"))
            files["debughookconfig"] = dict(hook) | {"LocalPath": local}
        if checkpoints := self._request.get("CheckpointConfig"):
            local = self._job.rewrite(checkpoints.get("LocalPath", f"{OPT_ML}/checkpoints"))
            files["checkpointconfig"] = dict(checkpoints) | {"LocalPath": local}
        for name, content in files.items():
            (folder / f"{name}.json").write_text(json.dumps(content))

    def environment(self) -> dict[str, str]:
        """Return SM_* and the other variables that a training script finds."""
        job, root = self._job, self._job.seen_root
        config = root / "input" / "config"
        variables = {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn("training-job", job.name),
            "SAGEMAKER_REGION": job.region,
            "CURRENT_HOST": self._host.name,
            "SAGEMAKER_JOB_NAME": job.name,
            **self._host.environment(launched=self._is_launched(), gpus=_count_gpus()),
        }
        if self._request.get("DebugHookConfig"):
            variables["SMDEBUG_CONFIG_FILE_PATH"] = str(config / "debughookconfig.json")
        if self._request.get("CheckpointConfig"):
            variables["CHECKPOINT_CONFIG_FILE_PATH"] = str(config / "checkpointconfig.json")
        facts = self._facts()
        facts |= {f"channel_{name}": str(self._channel(name)) for name in self._channels()}
        facts |= {f"hp_{name}": value for name, value in self._hyperparameters.items()}
        facts["training_env"] = self._training_env(facts)
        return variables | {f"SM_{name.upper()}": _encode(value) for name, value in facts.items()}

    def _facts(self) -> dict[str, Any]:
        root, resources = self._job.seen_root, self._resources()
        return {
            "hosts": resources["hosts"],
            "current_host": self._host.name,
            "current_instance_type": resources["current_instance_type"],
            "current_instance_group": _GROUP,
            "current_instance_group_hosts": self._host.names,
            "instance_groups": [_GROUP],
            "instance_groups_dict": {_GROUP: resources["instance_groups"][0]},
            "distribution_instance_groups": [_GROUP] if self._is_launched() else [],
            "is_hetero": False,
            "network_interface_name": resources["network_interface_name"],
            "hps": self._hyperparameters,
            "framework_params": self._framework,
            "framework_module": None,
            "resource_config": resources,
            "input_data_config": self._channels(),
            "channels": sorted(self._channels()),
            "user_entry_point": self._program,
            "user_args": self._arguments(),
            "module_name": Path(str(self._program)).stem,
            "module_dir": self.submit_directory or str(root / "code"),
            "log_level": 20,
            "num_cpus": self._job.cores,
            "num_gpus": _count_gpus(),
            "input_dir": str(root / "input"),
            "input_config_dir": str(root / "input" / "config"),
            "model_dir": str(root / "model"),
            "output_dir": str(root / "output"),
            "output_data_dir": str(root / "output" / "data"),
            "output_intermediate_dir": str(root / "output" / "intermediate"),
        }

    def _training_env(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {"hps": "hyperparameters", "framework_params": "additional_framework_parameters"}
        kept = {
            renamed.get(name, name): value
            for name, value in facts.items()
            if not name.startswith(("channel_", "hp_")) and name != "user_args"
        }
        folders = {name: str(self._channel(name)) for name in self._channels()}
        first = self._host.names[0]
        extra = {"is_master": self._host.name == first, "master_hostname": first}
        return kept | extra | {"channel_input_dirs": folders, "job_name": self._job.name}

    def _resources(self) -> dict[str, Any]:
        instance = (self._request.get("ResourceConfig") or {}).get("InstanceType", "local")
        hosts = self._host.names
        group = {"instance_group_name": _GROUP, "instance_type": instance, "hosts": hosts}
        return {
            "current_host": self._host.name,
            "current_instance_type": instance,
            "current_group_name": _GROUP,
            "hosts": hosts,
            "instance_groups": [group],
            "network_interface_name": "eth0",
        }

    def _channels(self) -> dict[str, dict[str, str]]:
        found = {}
        for channel in self._request.get("InputDataConfig") or []:
            config = {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            if content := channel.get("ContentType"):
                config["ContentType"] = content
            found[channel["ChannelName"]] = config
        return found

    def _channel(self, name: str) -> Path:
        return self._job.seen_root / "input" / "data" / name

    def _arguments(self) -> list[str]:
        words = []
        for name, value in sorted(self._hyperparameters.items()):
            words += [f"--{name}" if len(name) > 1 else f"-{name}", argument(value)]
        return words


def _encode(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _count_gpus() -> int:
    """Count the GPUs that NVIDIA's driver lists; no GPU library needs loading for it."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return 0 if visible == "-1" else len(visible.split(","))
    try:
        return len(list(Path("/proc/driver/nvidia/gpus").iterdir()))
    except OSError:
        return 0
