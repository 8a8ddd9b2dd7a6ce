"""SageMaker Debugger for a training job: AWS's built-in rules, and what they need saved."""

from typing import Any

from sagemaker.debugger import (  # type: ignore[attr-defined] # documented, not in its __all__
    CollectionConfig,
    DebuggerHookConfig,
    Rule,
    get_rule_container_image_uri,
    rule_configs,
)

from pipeline.errors import UsageError
from pipeline.settings.model import Settings

# Rules whose base configuration names no collection read these.
_ALWAYS = ("gradients", "losses", "weights")


def debugger_options(settings: Settings) -> dict[str, Any]:
    """The Estimator's options for `debugger` in the settings."""
    debugger = settings.debugger
    if debugger.mode == "off":
        return {"debugger_hook_config": False}
    _refuse_region_without_debugger(settings.aws.region)
    bases = [_base_config(name) for name in debugger.rules]
    collections = _collections(bases, str(debugger.save_interval))
    hook = DebuggerHookConfig(
        # No execution id here: it would be part of the cache key. SageMaker adds the job's name.
        s3_output_path=f"s3://{settings.bucket}/debugger",
        hook_parameters={"save_interval": str(debugger.save_interval)},
        collection_configs=collections,
    )
    built_in: Any = Rule.sagemaker
    rules = [built_in(base, collections_to_save=collections) for base in bases]
    return {"debugger_hook_config": hook, "rules": rules}


def _refuse_region_without_debugger(region: str) -> None:
    image_uri: Any = get_rule_container_image_uri
    try:
        image_uri(None, region)
    except ValueError:
        what = f"SageMaker Debugger has no rules in {region}"
        raise UsageError(f"{what}: set debugger.mode to off") from None


def sort_collections(request: Any) -> Any:
    """The request with its collections by name."""
    hook = request.get("DebugHookConfig", {})
    if "CollectionConfigurations" in hook:
        hook["CollectionConfigurations"].sort(key=lambda one: one["CollectionName"])
    return request


def _base_config(rule: str) -> dict[str, Any]:
    """VanishingGradient -> the SDK's rule_configs.vanishing_gradient()."""
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in rule).removeprefix("_")
    config: dict[str, Any] = getattr(rule_configs, name)()
    return config


def _collections(bases: list[dict[str, Any]], save_interval: str) -> list[CollectionConfig]:
    """Every collection that a rule asks for, once, all saved at our interval."""
    wanted: dict[str, dict[str, str]] = {name: {} for name in _ALWAYS}
    for base in bases:
        for config in base.get("CollectionConfigurations", []):
            wanted.setdefault(config["CollectionName"], {}).update(config["CollectionParameters"])
    return [
        CollectionConfig(name, {**wanted[name], "save_interval": save_interval})
        for name in sorted(wanted)
    ]
