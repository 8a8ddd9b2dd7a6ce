"""Name the member by which the elements of each list of a definition are told apart."""

from collections.abc import Mapping

NATURAL_KEYS: Mapping[str, str] = {
    "Steps": "Name",
    "IfSteps": "Name",
    "ElseSteps": "Name",
    "Parameters": "Name",
    "OutputParameters": "OutputName",
    "PropertyFiles": "PropertyFileName",
    "ProcessingInputs": "InputName",
    "Outputs": "OutputName",
    "InputDataConfig": "ChannelName",
    "MetricDefinitions": "Name",
    "ContinuousParameterRanges": "Name",
    "IntegerParameterRanges": "Name",
    "CategoricalParameterRanges": "Name",
    "AutoParameters": "Name",
    "TrainingJobDefinitions": "DefinitionName",
    "DebugRuleConfigurations": "RuleConfigurationName",
    "ProfilerRuleConfigurations": "RuleConfigurationName",
    "CollectionConfigurations": "CollectionName",
    "ProductionVariants": "VariantName",
    "Alarms": "AlarmName",
    "Tags": "Key",
}

# Lists of plain values whose order means nothing.
UNORDERED = (
    "DependsOn",
    "EnumValues",
    "ExceptionType",
    "SupportedContentTypes",
    "SupportedResponseMIMETypes",
    "SupportedRealtimeInferenceInstanceTypes",
    "SupportedTransformInstanceTypes",
    "SecurityGroupIds",
    "Subnets",
)
