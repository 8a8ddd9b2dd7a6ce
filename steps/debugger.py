"""Configure the debugging of the final training: the tensors saved, and the rules that read them.

`embedded`: collections and rules are hyperparameters of train.py, which saves tensors and evaluates
rules by itself. `service`: SageMaker Debugger with AWS's built-in rules of the same names.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from sagemaker.debugger import (  # type: ignore[attr-defined] # documented, not in its __all__
    CollectionConfig,
    DebuggerHookConfig,
    Rule,
    get_rule_container_image_uri,
    rule_configs,
)
from sagemaker.workflow.functions import Join
from sagemaker.workflow.steps import TrainingStep

from pipeline.errors import UsageError
from pipeline.job_scripts.debugger_rules import rule_collection
from pipeline.settings.debugger import DebugRule
from pipeline.settings.model import Settings

# Collections read by rules whose base configuration names none.
_ALWAYS = ("gradients", "losses", "weights")
_LOSSES_MORE_OFTEN = 5
_LONGEST_HYPERPARAMETER = 2500  # SageMaker's limit, in characters

Collections = dict[str, dict[str, str]]  # smdebug's parameters by collection name


def debugger_options(settings: Settings) -> dict[str, Any]:
    """Return the Estimator's debugger options from the settings. Raises UsageError."""
    debugger = settings.debugger
    if debugger.mode != "service":
        return {"debugger_hook_config": False}
    image = _rules_image(settings.aws.region)
    wanted = collections(settings)
    configs = [CollectionConfig(name, dict(wanted[name])) for name in wanted]
    hook = DebuggerHookConfig(
        s3_output_path=tensors_uri(settings),
        hook_parameters={"save_interval": str(debugger.save_interval)},
        collection_configs=configs,
    )
    rules = [_built_in(rule, configs, image) for rule in debugger.rules]
    return {"debugger_hook_config": hook, "rules": rules}


def debugger_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return train.py's debugging hyperparameters: none but in the mode `embedded`."""
    debugger = settings.debugger
    if debugger.mode != "embedded":
        return {}
    told = {
        "debug_collections": as_text(collections(settings)),
        "debug_rules": rules_text(debugger.rules),
        "debug_stop_on": ",".join(debugger.stop_training_on),
    }
    for name, value in told.items():
        if len(value) > _LONGEST_HYPERPARAMETER:
            what = f"the hyperparameter {name} made from `debugger` has {len(value)} characters"
            raise UsageError(f"{what}; at most {_LONGEST_HYPERPARAMETER}: shorten its patterns")
    return {name: value for name, value in told.items() if value}


def tensors_uri(settings: Settings) -> str:
    """Return the S3 address below which SageMaker Debugger puts tensors, by job name.

    No execution id here: it would be part of the cache key.
    """
    return f"s3://{settings.bucket}/debugger"


def tensors_of(settings: Settings, train: TrainingStep) -> Join:
    """Return where the tensors of a training lie: a folder, or the archive of its own output.

    Through the job's properties: with a cached step they are those of the job that really ran.
    """
    job = train.properties
    if settings.debugger.mode == "service":
        return Join(on="/", values=[tensors_uri(settings), job.TrainingJobName, "debug-output"])
    output = job.OutputDataConfig.S3OutputPath
    return Join(on="/", values=[output, job.TrainingJobName, "output/output.tar.gz"])


def rules_text(rules: Iterable[DebugRule]) -> str:
    """Format rules with their parameters as the scripts read them."""
    return as_text({rule.name: rule.parameters for rule in rules})


def as_text(named: Mapping[str, Mapping[str, str]]) -> str:
    """Format names and parameters as `name:parameter=value:...,name`, for a job to read.

    Values are percent-encoded: SageMaker's toolkit decodes JSON, and a shell reads the command.
    """
    parts = [
        [name, *(f"{key}={_encoded(value)}" for key, value in values.items())]
        for name, values in named.items()
    ]
    return ",".join(map(":".join, parts))


def _encoded(value: str) -> str:
    return quote(value, safe="").replace("~", "%7E")  # quote() takes ~ for plain, a shell does not


def collections(settings: Settings) -> Collections:
    """Return every collection that a rule or the settings ask for, once, sorted by name."""
    debugger = settings.debugger
    wanted: Collections = {name: {} for name in _ALWAYS}
    for rule in debugger.rules:
        for config in _base_config(rule.name).get("CollectionConfigurations", []):
            wanted.setdefault(config["CollectionName"], {}).update(config["CollectionParameters"])
        if own := rule_collection(rule.name):
            wanted[own[0]] = {"include_regex": own[1]}
    interval = str(debugger.save_interval)
    for one in wanted.values():
        one["save_interval"] = interval
    # A loss is one number, and rules compare its means: save it more often, and in validation.
    often = str(max(1, debugger.save_interval // _LOSSES_MORE_OFTEN))
    wanted["losses"]["save_interval"] = often
    if "loss_input" in wanted:  # ClassImbalance counts the labels of many batches
        wanted["loss_input"]["save_interval"] = often
    wanted["losses"]["eval.save_interval"] = "1"
    for name, more in debugger.collections.items():
        told = {key: str(value) for key, value in more.model_dump(exclude_none=True).items()}
        wanted[name] = {
            "save_interval": str(debugger.save_interval),
            **wanted.get(name, {}),
            **told,
        }
    return {name: dict(sorted(wanted[name].items())) for name in sorted(wanted)}


def _built_in(rule: DebugRule, configs: list[CollectionConfig], image: str) -> Any:
    """Build AWS's rule; all get the same collections, or the hook would get some twice."""
    base = _base_config(rule.name)
    if not base:
        what = f"SageMaker Debugger has no rule {rule.name}"
        raise UsageError(f"{what}: set debugger.mode to embedded, or drop it from debugger.rules")
    built_in: Any = Rule.sagemaker
    made = built_in(
        base,
        rule_parameters=dict(sorted(rule.parameters.items())),
        collections_to_save=configs,
    )
    # As the SDK would for each rule anew: AWS chooses the machine of its own image.
    made.image_uri, made.instance_type, made.volume_size_in_gb = image, None, None
    return made


@cache  # the SDK reads all of AWS's endpoints for each
def _rules_image(region: str) -> str:
    """Return the image of AWS's rules. Raises UsageError where there is none."""
    image_uri: Any = get_rule_container_image_uri
    try:
        return str(image_uri(None, region))
    except ValueError:
        what = f"SageMaker Debugger has no rules in {region}"
        raise UsageError(f"{what}: set debugger.mode to embedded") from None


def sort_collections(request: Any) -> Any:
    """Sort the request's debugger collections by name, in place, and return the request."""
    hook = request.get("DebugHookConfig", {})
    if "CollectionConfigurations" in hook:
        hook["CollectionConfigurations"].sort(key=lambda one: one["CollectionName"])
    return request


def _base_config(rule: str) -> dict[str, Any]:
    """VanishingGradient -> the SDK's rule_configs.vanishing_gradient(), or {} without one."""
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in rule).removeprefix("_")
    configure: Any = getattr(rule_configs, name, dict)
    config: dict[str, Any] = configure()
    return config
