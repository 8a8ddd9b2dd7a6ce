"""Define the shape of pipeline.yaml: every setting with its type, and names derived from them.

Values live in pipeline.yaml; what may be left out (null) gets its name from `project`. A
hyperparameter that is left out has the default of training_code/hyperparameters.py.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from pipeline.addresses import folder_uri
from pipeline.job_scripts.hyperparameters import (
    Hyperparameter,
    training_settings,
    tunable_hyperparameters,
)
from pipeline.settings.card import Card, CardSetting
from pipeline.settings.cost import Cost
from pipeline.settings.debugger import Debugger, RuleName
from pipeline.settings.deploy import Deploy
from pipeline.settings.forms import (
    Bucket,
    DataUri,
    Duration,
    Form,
    FunctionName,
    ImageUri,
    InstanceType,
    ProjectName,
    Region,
    ResourceName,
    RoleArn,
    Section,
)
from pipeline.settings.monitor import Monitor, MonitorSetting
from pipeline.settings.network import Encryption, EncryptionSetting, Network, NetworkSetting
from pipeline.settings.notify import Notify, NotifySetting
from pipeline.settings.tracking import Tracking
from training_code.folders.layout import Layout

Strategy = Literal["Bayesian", "Random", "Grid", "Hyperband"]
ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]
Scaling = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]


def _account_id(value: object) -> object:
    """Accept an unquoted account number, which is fine as long as YAML kept all its digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Aws(Section):
    """Where the pipeline lives on AWS."""

    region: Region
    account_id: Annotated[
        str, Form(r"\d{12}", "12 digits, in quotes"), BeforeValidator(_account_id)
    ]
    bucket: Bucket | None = None
    role_arn: RoleArn | None = None
    jobs_role_arn: RoleArn | None = None
    serving_role_arn: RoleArn | None = None
    lambda_role_arn: RoleArn | None = None
    lambda_function: FunctionName | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class Split(Section):
    """Fractions of the pictures for each split, used when the data is not split already."""

    train: Annotated[float, Field(gt=0, lt=1)]
    valid: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]


class Data(Section):
    """The pictures: where they are, which folders are classes, and how they are split."""

    uri: DataUri | None = None
    layout: Layout | Literal["auto"] = "auto"
    split: Split
    seed: Annotated[int, Field(ge=0)]
    test_in_train: Literal["warn", "fail", "off"] = "warn"
    decisions: Annotated[str, Field(min_length=1)] | None = None


class Preprocessing(Section):
    """Sizes that pictures are resized and cropped to, in pixels."""

    resize: Annotated[int, Field(ge=8, le=2048)]
    crop: Annotated[int, Field(ge=8, le=2048)]


class Backbone(Section):
    """The network in front of the classifier."""

    name: Annotated[str, Form(r"\w+", "a torchvision model, as in resnet50")]
    weights: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)]


class Features(Section):
    """The one pass of the backbone over the data."""

    views: Annotated[int, Field(ge=1, le=64)]
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    precision: Literal["fp32", "int8"]
    with_prepare: bool = False

    def of_the_pass(self) -> Iterator[tuple[str, Any]]:
        """Yield what the pass itself is told: all but which job does it."""
        yield from ((name, value) for name, value in self if name != "with_prepare")


class TrainingSection(Section):
    """Hyperparameters of every trial that the tuner does not choose, and of the final training."""

    # What is read by name here; all others follow from training_code/hyperparameters.py below.
    optimizer: str
    epochs: int
    fine_tune_blocks: int
    max_run_minutes: Annotated[int, Field(ge=1, le=40320)]


class ContinuousRange(Section):
    """A hyperparameter's range: any number from min to max."""

    type: Literal["continuous"]
    min: float
    max: float
    scaling: Scaling = "Auto"


class IntegerRange(Section):
    """A hyperparameter's range: any whole number from min to max."""

    type: Literal["integer"]
    min: int
    max: int
    scaling: Literal["Auto", "Linear", "Logarithmic"] = "Auto"


class CategoricalRange(Section):
    """A hyperparameter's range: one of the values."""

    type: Literal["categorical"]
    values: Annotated[tuple[str | int | float, ...], Field(strict=False)]


def _listed(value: object) -> object:
    """Take a list of values for a categorical range."""
    return {"type": "categorical", "values": value} if isinstance(value, list) else value


Range = Annotated[
    Annotated[ContinuousRange | IntegerRange | CategoricalRange, Field(discriminator="type")],
    BeforeValidator(_listed),
]


class RangesSection(Section):
    """What the tuner varies; null leaves a hyperparameter at its value under `training`."""

    def items(self) -> Iterator[tuple[str, Range]]:
        """Yield (hyperparameter, range) of those that are tuned, in a fixed order."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None:
                yield name, value


def _setting(one: Hyperparameter) -> Any:
    """Return a hyperparameter's field: its type with its limits, and its default."""
    if one.choices:
        return Literal[one.choices], one.default
    limits = Field(ge=one.at_least, gt=one.above, le=one.most, lt=one.below)
    return Annotated[{"int": int, "float": float}[one.kind], limits], one.default


if TYPE_CHECKING:

    class Training(TrainingSection):
        """Stand for the model below, which holds every hyperparameter."""

    class Ranges(RangesSection):
        """Stand for the model below, which holds every tunable hyperparameter."""
else:
    Training = create_model(
        "Training",
        __base__=TrainingSection,
        __doc__=TrainingSection.__doc__,
        **{name: _setting(one) for name, one in training_settings().items()},
    )
    Ranges = create_model(
        "Ranges",
        __base__=RangesSection,
        __doc__=RangesSection.__doc__,
        **dict.fromkeys(tunable_hyperparameters(), (Range | None, None)),
    )


class Spot(Section):
    """Machines that AWS may take back, for less: the job goes on when there is one again."""

    max_wait_minutes: Annotated[int, Field(ge=1, le=40320)]
    checkpoints: bool = True


class Tuning(Section):
    """The search for hyperparameters."""

    strategy: Strategy
    objective: str
    max_jobs: Annotated[int, Field(ge=1, le=750)]
    max_parallel_jobs: Annotated[int, Field(ge=1, le=100)]
    settings_per_trial: Annotated[int, Field(ge=1, le=750)] = 1
    early_stopping: bool
    seed: Annotated[int, Field(ge=0)]
    max_run_minutes: Annotated[int, Field(ge=1, le=40320)]
    spot: Spot | None = None
    ranges: Ranges


class Serving(Section):
    """What the endpoint runs, and in which image."""

    image: ImageUri | None = None
    graph: Literal["onnx", "none"]
    int8: bool
    int8_tolerance: Annotated[float, Field(ge=0, le=1)]
    refuse_at: Annotated[float, Field(gt=0, lt=1)] | None = None
    examples: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class CoverageAt(Section):
    """The share of the test pictures, the surest, that must be answered with an accuracy."""

    accuracy: Annotated[float, Field(gt=0, le=1)]
    minimum: Annotated[float, Field(ge=0, le=1)]


class Gate(Section):
    """What a model must reach on the test split before it is registered."""

    accuracy_threshold: Annotated[float, Field(ge=0, le=1)]
    champion_tolerance: Annotated[float, Field(ge=0, le=1)] | None = None
    coverage_at: CoverageAt | None = None
    no_issues_from: Annotated[tuple[RuleName, ...], Field(strict=False)] = ()


class Registry(Section):
    """The group in the model registry, and the approval status that new versions get."""

    group: ResourceName | None = None
    approval_status: ApprovalStatus


class Instance(Section):
    """Machines for one kind of job."""

    type: InstanceType
    count: Annotated[int, Field(ge=1)]
    volume_gb: Annotated[int, Field(ge=1, le=16384)]


class ProcessingInstance(Instance):
    """Machines for Prepare, ExtractFeatures, Evaluate and CheckTensors."""

    max_run_minutes: Annotated[int, Field(ge=1, le=40320)]


class TrainingInstance(Instance):
    """Machines for Train."""

    spot: Spot | None = None
    keep_alive_minutes: Annotated[int, Field(ge=1, le=60)] | None = None


class Instances(Section):
    """Machines of the jobs on AWS; a local run uses this machine."""

    processing: ProcessingInstance
    training: TrainingInstance
    tuning: Instance


class Caching(Section):
    """Reuse of a step whose inputs have not changed."""

    enabled: bool
    expire_after: Duration


class Retry(Section):
    """How often a step is tried again when AWS, not our code, failed."""

    max_attempts: Annotated[int, Field(ge=1, le=20)]
    interval_seconds: Annotated[int, Field(ge=1, le=3600)]
    backoff_rate: Annotated[float, Field(ge=1, le=10)]


class Settings(Section):
    """Everything in pipeline.yaml for one environment, checked."""

    project: ProjectName
    aws: Aws
    data: Data
    preprocessing: Preprocessing
    backbone: Backbone
    features: Features
    training: Training
    tuning: Tuning
    debugger: Debugger
    serving: Serving
    gate: Gate
    registry: Registry
    deploy: Deploy
    instances: Instances
    caching: Caching
    retry: Retry
    tracking: Tracking = Field(default_factory=Tracking)
    monitor: MonitorSetting = Field(default_factory=Monitor)
    notify: NotifySetting = Field(default_factory=Notify)
    network: NetworkSetting = Field(default_factory=Network)
    encryption: EncryptionSetting = Field(default_factory=Encryption)
    cost: Cost = Field(default_factory=Cost)
    card: CardSetting = Field(default_factory=Card)

    @property
    def bucket(self) -> str:
        """The bucket for code, weights, data and runs."""
        return self.aws.bucket or f"{self.project}-{self.aws.account_id}-{self.aws.region}"

    @property
    def data_uri(self) -> str:
        """Where the pictures are, unless a run is started with another DataUri."""
        return folder_uri(self.data.uri or f"s3://{self.bucket}/data")

    @property
    def partition(self) -> str:
        """The AWS partition of the region, as in ARNs."""
        prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next(
            (p for start, p in prefixes.items() if self.aws.region.startswith(start)), "aws"
        )

    @property
    def role_arn(self) -> str:
        """The role of the pipeline, which starts the jobs."""
        return self.aws.role_arn or self._role("pipeline")

    @property
    def jobs_role_arn(self) -> str:
        """The role that the pipeline's jobs run under."""
        return self.given_jobs_role or self._role("jobs")

    @property
    def given_jobs_role(self) -> str | None:
        """The given role for jobs; None when one is to be made."""
        # Users who pass role_arn often cannot create roles, so the jobs and serving reuse it.
        return self.aws.jobs_role_arn or self.aws.role_arn

    @property
    def serving_role_arn(self) -> str:
        """The role that models and endpoints run under."""
        return self.given_serving_role or self._role("serving")

    @property
    def given_serving_role(self) -> str | None:
        """The given role for serving; None when one is to be made."""
        return self.aws.serving_role_arn or self.aws.role_arn

    @property
    def monitor_role_arn(self) -> str:
        """The role of the monitoring job, which reads captured pictures: no other job may."""
        return self.given_jobs_role or self._role("monitor")

    @property
    def monitor_pipeline(self) -> str:
        """The monitoring pipeline: no other project's name holds two dashes."""
        return f"{self.project}--monitor"

    @property
    def capture_uri(self) -> str:
        """Where production's captured requests lie."""
        return f"s3://{self.bucket}/capture/{self.production_endpoint_name}"

    @property
    def lambda_role_arn(self) -> str:
        """The role of the deploying Lambda."""
        return self.aws.lambda_role_arn or self._role("deploy-endpoint")

    @property
    def lambda_name(self) -> str:
        """The name of the Lambda that deploys."""
        return self.aws.lambda_function or f"{self.project}-deploy-endpoint"

    @property
    def lambda_arn(self) -> str:
        """The ARN of the Lambda that deploys."""
        return self._function(self.lambda_name)

    @property
    def champion_lambda_name(self) -> str:
        """The name of the Lambda that finds the approved model."""
        return f"{self.project}-find-champion"

    @property
    def champion_lambda_arn(self) -> str:
        """The ARN of the Lambda that finds the approved model."""
        return self._function(self.champion_lambda_name)

    @property
    def lambda_names(self) -> tuple[str, ...]:
        """Every Lambda that a pipeline calls: all of them have the code in lambda_code/."""
        asks = self.gate.champion_tolerance is not None or self.monitor.enabled
        return (self.lambda_name, self.champion_lambda_name) if asks else (self.lambda_name,)

    @property
    def model_package_group(self) -> str:
        """The group in the model registry."""
        return self.registry.group or self.project

    @property
    def experiment(self) -> str:
        """The experiment in MLflow that runs are logged to."""
        return self.tracking.experiment or self.project

    @property
    def endpoint_name(self) -> str:
        """The endpoint that the pipeline itself deploys to."""
        return self.deploy.endpoint_name or f"{self.project}-staging"

    @property
    def production_endpoint_name(self) -> str:
        """The endpoint that an approval in the registry deploys to."""
        return self.deploy.production.endpoint_name or f"{self.project}-production"

    def _function(self, name: str) -> str:
        where = f"arn:{self.partition}:lambda:{self.aws.region}:{self.aws.account_id}"
        return f"{where}:function:{name}"

    def _role(self, purpose: str) -> str:
        return f"arn:{self.partition}:iam::{self.aws.account_id}:role/{self.project}-{purpose}"
