"""pipeline.yaml -> settings: overlays, overrides, and one clear line for every mistake."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import environments_of, load_settings, overlay_of

ROOT = Path(__file__).parents[3]
FILE = ROOT / "pipeline.yaml"


def error_of(*overrides: str, path: Path = FILE, environment: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environment, overrides)
    return str(caught.value)


@pytest.fixture
def edited(tmp_path):
    """`edited(old, new)`: a copy of pipeline.yaml with one text replaced."""

    def edit(old: str, new: str) -> Path:
        text = FILE.read_text()
        assert old in text
        (tmp_path / "pipeline.yaml").write_text(text.replace(old, new, 1))
        return tmp_path / "pipeline.yaml"

    return edit


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


class TestLayers:
    @pytest.mark.parametrize("environment", [None, *environments_of(FILE)])
    def test_every_environment_of_ours_is_valid(self, environment):
        assert load_settings(FILE, environment, []).project

    def test_an_environment_overlays_the_base_key_by_key(self):
        base, local = (load_settings(FILE, name, []) for name in (None, "local"))

        assert local.backbone.weights == "none"
        assert base.backbone.weights == "imagenet"
        assert local.backbone.seed == base.backbone.seed
        assert local.deploy == base.deploy

    def test_what_an_environment_replaces_can_be_told(self):
        replaced = overlay_of(FILE, "production")

        assert replaced["tuning.max_jobs"] == 24
        assert replaced["deploy.production.autoscaling.max_instances"] == 8
        assert "tuning" not in replaced

    def test_an_override_beats_the_environment(self):
        settings = load_settings(FILE, "local", ["backbone.name=squeezenet1_1"])

        assert settings.backbone.name == "squeezenet1_1"

    def test_a_range_of_another_type_replaces_the_old_one(self):
        override = "tuning.ranges.lr={type: categorical, values: [0.1, 0.01]}"

        settings = load_settings(FILE, None, [override])

        assert dict(settings.tuning.ranges.items())["lr"].values == (0.1, 0.01)

    def test_a_range_of_another_type_in_an_environment_replaces_the_old_one(self, edited):
        grid = "grid: {tuning: {ranges: {lr: {type: categorical, values: [0.1]}}}}"
        path = edited("  local:", f"  {grid}\n  local:")

        settings = load_settings(path, "grid", [])

        assert dict(settings.tuning.ranges.items())["lr"].values == (0.1,)

    @pytest.mark.parametrize(
        ("key", "text", "values"),
        [
            ("epochs", "[5, 10, 30]", (5, 10, 30)),
            ("lr", "[1e-3, 0.01]", (0.001, 0.01)),
            ("optimizer", "[SGD]", ("SGD",)),
        ],
    )
    def test_a_list_is_a_categorical_range(self, key, text, values):
        settings = load_settings(FILE, None, [f"tuning.ranges.{key}={text}"])
        written = f"{{type: categorical, values: {text}}}"

        assert dict(settings.tuning.ranges.items())[key].values == values
        assert settings == load_settings(FILE, None, [f"tuning.ranges.{key}={written}"])

    def test_null_removes_a_range(self):
        settings = load_settings(FILE, None, ["tuning.ranges.lr=null"])

        assert "lr" not in dict(settings.tuning.ranges.items())

    def test_settings_cannot_be_changed(self):
        with pytest.raises(ValueError, match="frozen"):
            load_settings(FILE, None, []).training.lr = 1.0


class TestNames:
    def test_names_that_are_not_given_follow_from_the_project(self):
        settings = load_settings(
            FILE, None, ["project=cats", "aws={region: eu-west-1, account_id: 222233334444}"]
        )

        assert settings.bucket == "cats-222233334444-eu-west-1"
        assert settings.data_uri == "s3://cats-222233334444-eu-west-1/data/"
        assert settings.role_arn == "arn:aws:iam::222233334444:role/cats-pipeline"
        assert settings.jobs_role_arn == "arn:aws:iam::222233334444:role/cats-jobs"
        assert settings.serving_role_arn == "arn:aws:iam::222233334444:role/cats-serving"
        assert settings.lambda_arn == (
            "arn:aws:lambda:eu-west-1:222233334444:function:cats-deploy-endpoint"
        )
        assert settings.champion_lambda_arn == (
            "arn:aws:lambda:eu-west-1:222233334444:function:cats-find-champion"
        )
        assert settings.model_package_group == "cats"
        assert settings.endpoint_name == "cats-staging"
        assert settings.production_endpoint_name == "cats-production"

    @pytest.mark.parametrize("purpose", ["jobs", "serving"])
    def test_a_given_role_is_everybodys_unless_another_is_given(self, purpose):
        one, other = (f"arn:aws:iam::222233334444:role/{name}" for name in ("one", "other"))
        both = [f"aws.role_arn={one}", f"aws.{purpose}_role_arn={other}"]

        assert getattr(load_settings(FILE, None, both[:1]), f"{purpose}_role_arn") == one
        assert getattr(load_settings(FILE, None, both), f"{purpose}_role_arn") == other
        assert load_settings(FILE, None, both).role_arn == one

    @pytest.mark.parametrize(
        ("region", "partition"),
        [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")],
    )
    def test_arns_are_of_the_regions_partition(self, region, partition):
        settings = load_settings(FILE, None, [f"aws.region={region}"])

        assert settings.role_arn.startswith(f"arn:{partition}:iam::")

    def test_derived_names_of_the_longest_project_fit(self):
        project = "a" * 32
        settings = load_settings(FILE, None, [f"project={project}", "aws.region=ap-southeast-1"])

        assert len(settings.bucket) <= 63
        assert all(len(name) <= 64 for name in settings.lambda_names)
        assert len(settings.endpoint_name) <= 63

    def test_without_a_tolerance_there_is_one_lambda(self):
        settings = load_settings(FILE, None, ["gate.champion_tolerance=null"])

        assert settings.lambda_names == (settings.lambda_name,)

    def test_an_account_number_keeps_its_leading_zero(self):
        settings = load_settings(FILE, None, ["aws.account_id=012345678901"])

        assert settings.aws.account_id == "012345678901"

    def test_weights_in_the_file_are_relative_to_it(self, edited, monkeypatch, tmp_path_factory):
        path = edited("weights: imagenet", "weights: resnet.pth")
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

        assert load_settings(path, None, []).backbone.weights == str(path.parent / "resnet.pth")

    def test_weights_of_an_override_are_relative_to_where_it_was_typed(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

        settings = load_settings(FILE, None, ["backbone.weights=resnet.pth"])

        assert settings.backbone.weights == str(tmp_path / "resnet.pth")


MISTAKES = [
    ("training.lrr=1", "--set training.lrr: unknown key; did you mean training.lr?"),
    ("lr=0.1", "--set lr: unknown key; did you mean training.lr?"),
    ("training.epochs=5.5", "--set training.epochs: must be a whole number, not 5.5"),
    ("training.epochs=true", "--set training.epochs: must be a whole number, not true"),
    ("training.epochs=0", "--set training.epochs: must be at least 1, not 0"),
    ("training.lr=.nan", "--set training.lr: must be a finite number, not nan"),
    ("training.lr=fast", "--set training.lr: must be a number, not 'fast'"),
    ("training.optimizer=adamw", "'adamw' is not allowed; did you mean AdamW?"),
    ("training=5", "--set training: must be a section of keys, not 5"),
    ("project.x=1", "--set project.x=1: project is a value, not a section"),
    ("project=Dog_Breeds", "must be a-z, 0-9 and single -, at most 32 characters"),
    (f"project={'a' * 33}", "at most 32 characters"),
    ("aws.region=Frankfurt", "'Frankfurt' must be a region, as in eu-west-1"),
    ("aws.account_id=123", "'123' must be 12 digits, in quotes"),
    ("aws.tags={a: 5}", "--set aws.tags.a: must be text, not 5"),
    ("aws.tags={project: b}", "--set aws.tags.project: every resource has this tag already"),
    ("aws.tags={Project: b}", "--set aws.tags.Project: every resource has this tag already"),
    ("aws.tags={'aws:a': b}", "--set aws.tags.aws:a: a tag's key has 1 to 128"),
    ("deploy.instance_type=m5.large", "must be an instance type, as in ml.m5.large"),
    ("deploy.endpoint_name=dog-breeds-production", "where approved versions go"),
    ("deploy.endpoint_name=Dog-Breeds-Production", "where approved versions go"),
    ("deploy.production.traffic.type=canari", "did you mean canary?"),
    ("deploy.production.traffic.size_percent=60", "must be at most 50, not 60"),
    ("deploy.production.traffic.size_percent=10", "a part is at least 50 percent"),
    ("deploy.production.traffic.wait_seconds=0", "so that alarms have time to go off"),
    (
        "deploy.production.traffic={type: linear, size_percent: 10, wait_seconds: 3600}",
        "of 2 instances a part is at least 50 percent",
    ),
    ("deploy.staging.type=server", "'server' is not allowed; did you mean serverless?"),
    ("deploy.staging.memory_mb=2000", "2000 is not allowed; there are: 1024, 2048"),
    (
        "deploy.staging={type: serverless, max_concurrency: 2, provisioned_concurrency: 3}",
        "3 is more than max_concurrency (2)",
    ),
    ("deploy.production.instance_type=ml.g5.xlarge", "serverless has no GPUs, and the image for"),
    ("cost.maximum_per_run=-1", "must be at least 0, not -1"),
    ('card.owner=""', "must be text of 1 to 1,024 characters"),
    (f"card.ethics={'x' * 2049}", "must be text of 1 to 2,048 characters"),
    ("card.risk_rating=None", "there are: High, Medium, Low, Unknown"),
    ("deploy.production.instance_count=1", "canary needs 2 instances or more: choose all_at_once"),
    ("deploy.production.instance_count=9", "9 is not from 2 to 4 (its autoscaling)"),
    ("deploy.production.autoscaling.min_instances=5", "5 is more than max_instances (4)"),
    (
        "serving={graph: none, int8: true, int8_tolerance: 0}",
        "serving.int8: needs the graph: set serving.graph",
    ),
    (
        "serving={graph: none, int8: false, int8_tolerance: 0}",
        "serving.graph: without a graph PyTorch serves, which our image lacks: set serving.image",
    ),
    ("monitor={enabled: true, schedule: rate(1 days)}", "must be how often, as in rate(1 day)"),
    ("monitor.schedule=cron(0 8 * * ? *)", "must be how often"),
    ("monitor.max_pictures=20", "must be at least 50"),
    ("notify.emails=[me]", "must be an e-mail address, as in me@example.org"),
    ("notify.emails=['a@b.org,c@d.org']", "must be an e-mail address"),
    ("notify.emails=[a@b.org, A@b.org]", "a@b.org is there twice"),
    ("notify.emails=[a@b.c, b@b.c, c@b.c, d@b.c, e@b.c, f@b.c]", "at most 5"),
    ("notify.webhook=http://example.org", "must be an address that begins with https://"),
    ("notify.topic_arn=arn:aws:sns:us-east-1:1:mine", "must be arn:aws:sns:REGION:ACCOUNT:NAME"),
    (
        "notify.topic_arn=arn:aws:sns:us-east-1:111122223333:mine.fifo",
        "must be arn:aws:sns:REGION:ACCOUNT:NAME, which is not FIFO",
    ),
    (
        "notify.topic_arn=arn:aws:sns:eu-west-1:111122223333:mine",
        "the topic is in eu-west-1, alarms write to topics in us-east-1 only",
    ),
    ("training.class_weights=square", "'square' is not allowed; did you mean sqrt?"),
    ("serving.image=a b", "must be an image's address, without white space"),
    ("instances.tuning.count=2", "must be 1, not 2: a job runs on one machine"),
    ("instances.training.count=2", "one machine, but for fine-tuning (training.fine_tune_blocks"),
    ("data.split.train=0.9", "data.split: train + valid + test must be 1, not 1.1"),
    ("data.uri=/home/me/pictures", "must be an address, as in s3://bucket/folder"),
    ("preprocessing.crop=300", "300 is more than preprocessing.resize (256)"),
    ("tuning.max_parallel_jobs=100", "100 is more than tuning.max_jobs"),
    ("tuning.spot.max_wait_minutes=1", "1 is less than tuning.max_run_minutes"),
    ("instances.training.spot.max_wait_minutes=1", "1 is less than training.max_run_minutes"),
    ("instances.training.keep_alive_minutes=61", "must be at most 60, not 61"),
    (
        "instances.training={type: ml.m5.xlarge, count: 1, volume_gb: 30, keep_alive_minutes: 9,"
        " spot: {max_wait_minutes: 200}}",
        "spot machines cannot be kept: remove it, or instances.training.spot",
    ),
    ("tuning.strategy=Grid", "continuous does not go with Grid: list its values (categorical)"),
    ("tuning.strategy=Hyperband", "Hyperband ends trials itself: set it to false"),
    ("tuning.ranges.lr.min=3", "3 is not less than max (0.01)"),
    ("tuning.ranges.lr.min=0", "lr must be above 0 and at most 10"),
    ("tuning.ranges.weight_decay.min=0", "Logarithmic scaling needs a min above 0"),
    ("tuning.ranges.lr.scaling=log", "'log' is not allowed; there are: Auto"),
    ("tuning.ranges.lr={type: continous, min: 0, max: 1}", "did you mean continuous?"),
    (
        "tuning.ranges.epochs={type: list, values: [1]}",
        "epochs.type: 'list' is not a type of range: continuous, integer or categorical",
    ),
    (
        "tuning.ranges.epochs={min: 1, max: 2}",
        "epochs.type: is missing; a range is a list of values, or {type: continuous or integer,",
    ),
    ("tuning.ranges.epochs=5", "epochs: 5 is no range: give a list of values, or {type:"),
    ("tuning.ranges.epochs=[]", "epochs.values: must have 1 to 30 values, not 0"),
    ("tuning.ranges.epochs=[5, 10.5]", "10.5 is not a whole number, at least 1"),
    ("tuning.ranges.epochs=[5, [6]]", "tuning.ranges.epochs[1]: must be "),
    ("tuning.ranges.optimizer=[SGD, adam]", "'adam' is no optimizer; did you mean Adam?"),
    (
        "backbone.name=resnet51",
        "backbone.name: 'resnet51' is no classification model of torchvision",
    ),
    ("backbone.name=resnet51", "did you mean resnet50?"),
    ("backbone.name=ResNet50", "did you mean resnet50?"),
    ("backbone.name=yolov8", "; there are: alexnet, "),
    ("tuning.ranges.lr={type: integer, min: 1, max: 2}", "lr is a fraction"),
    ("tuning.ranges.epochs={type: continuous, min: 1, max: 2}", "epochs is a whole number"),
    ("tuning.ranges.optimizer.values=[]", "must have 1 to 30 values, not 0"),
    ("tuning.ranges.optimizer.values=[sgd]", "'sgd' is no optimizer; did you mean SGD?"),
    ("tuning.ranges.batch_size.values=[32, 32]", "has the same value twice"),
    (
        "tuning.ranges.batch_size.values=[a]",
        "'a' is not a whole number, at least 1 and at most 65536",
    ),
    ("tuning.ranges.momentum={}", "tuning.ranges.momentum: unknown key"),
    ("tuning.ranges=null", "tuning.ranges: must be a section of keys, not null"),
    ("tuning.ranges={lr: null}", "--set tuning.ranges: nothing to tune"),
    ("debugger.rules=[Overfitt]", "--set debugger.rules[0]: 'Overfitt' is not allowed"),
    ("debugger.rules=[{Overfit: {patiense: 2}}]", "rules[0]: Overfit has no parameter 'patiense'"),
    ("debugger.rules=[{Overfit: {patience: x}}]", "debugger.rules[0]: Overfit.patience cannot be"),
    ("debugger.rules=[{LossNotDecreasing: {mode: all}}]", "LossNotDecreasing.mode cannot be"),
    ("debugger.rules=[{DeadRelu: {tensor_regex: 'a,('}}]", "DeadRelu.tensor_regex is no regular"),
    ("debugger.rules=[{Overfit: [1]}]", "rules[0]: Overfit needs its parameters as {parameter"),
    ("debugger.rules=[7]", "debugger.rules[0]: a rule is a name, or {name: {parameter: value}}"),
    ("debugger.rules=[Overfit, Overfit]", "debugger.rules: Overfit is there twice"),
    ("debugger.stop_training_on=[DeadRelu]", "DeadRelu does not run: add it to debugger.rules"),
    ("debugger.collections={bias: {}}", "bias needs an include_regex; did you mean biases?"),
    ("debugger.collections={x: {include_regex: '('}}", "x.include_regex is no regular expression"),
    ("gate.no_issues_from=[Overfit, Overfit]", "no_issues_from[1]: Overfit is there twice"),
    ("gate.no_issues_from=[DeadRelu]", "no_issues_from[0]: DeadRelu does not run: add it to"),
    ("debugger.mode=on", "'on' is not allowed; there are: embedded, service, off"),
    ("gate.champion_tolerance=off", "gate.champion_tolerance: must be a number, not 'off'"),
    ("caching.expire_after=30d", "must be a duration, as in P30D (days) or PT12H (hours)"),
    ("backbone.weights=s3://bucket", "'s3://bucket' names no file"),
    ("backbone.weights=https://x.org/w.pth", "cannot be read: imagenet, none, a path or s3://"),
    ("enviroments={}", "did you mean environments?"),
]


LINEAR = "{type: linear, size_percent: 11, wait_seconds: %d}"
REVERSE = "{type: continuous, min: 0, max: %g, scaling: ReverseLogarithmic}"
MANY = ("deploy.production.instance_count=20", "deploy.production.autoscaling.max_instances=20")
COLLECTIONS = [
    "{" + ", ".join(f"c{n}: {{include_regex: x}}" for n in range(m)) + "}" for m in (12, 13)
]
NUMBERED = [list(range(1, count + 1)) for count in (30, 31)]
TAGGED = ["{" + ", ".join(f"t{n}: x" for n in range(count)) + "}" for count in (49, 50)]

# (setting, the last value that is taken, the first that is not, what else is set)
LIMITS = [
    ("training.fine_tune_blocks", 9, 10, "backbone.name=resnet18"),
    ("training.fine_tune_blocks", 17, 18, "backbone.name=resnet50"),
    ("training.fine_tune_blocks", 0, 1, "tuning.ranges.optimizer=[AdamW, LBFGS]"),
    ("training.fine_tune_blocks", 0, 1, "tuning.ranges.optimizer=null", "training.optimizer=LBFGS"),
    ("preprocessing.crop", 224, 223, "backbone.name=vit_b_32"),
    ("preprocessing.crop", 224, 225, "backbone.name=vit_b_32"),
    ("preprocessing.crop", 75, 74, "backbone.name=inception_v3"),
    ("gate.accuracy_threshold", 0, -0.001),
    ("gate.accuracy_threshold", 1, 1.001),
    ("gate.champion_tolerance", 0, -0.001),
    ("gate.champion_tolerance", 1, 1.001),
    ("aws.tags", *TAGGED),
    ("aws.tags", f"{{{'k' * 128}: x}}", f"{{{'k' * 129}: x}}"),
    ("aws.tags", f"{{k: {'x' * 256}}}", f"{{k: {'x' * 257}}}"),
    ("debugger.collections", *COLLECTIONS),
    ("tuning.ranges.batch_size.values", *NUMBERED),
    ("tuning.ranges.batch_size.values", "[65536]", "[65537]"),
    ("tuning.ranges.weight_decay", REVERSE % 0.99, REVERSE % 1),
    ("tuning.ranges.lr.max", 10, 10.1),
    ("tuning.ranges.lr.min", 0.0099, 0.01),
    ("tuning.max_parallel_jobs", 5, 6, "tuning.max_jobs=5"),
    ("training.epochs", 2, 1, "tuning.strategy=Hyperband", "tuning.early_stopping=false"),
    ("preprocessing.crop", 256, 257, "preprocessing.resize=256"),
    ("deploy.production.instance_count", 2, 1),
    ("deploy.production.instance_count", 4, 5),
    ("deploy.production.traffic.wait_seconds", 240, 239),
    ("deploy.production.traffic", LINEAR % 2520, LINEAR % 2521, *MANY),
    (
        "deploy.production.autoscaling.enabled",
        "false",
        "true",
        "deploy.production.instance_count=5",
    ),
    ("data.split.train", 0.8000009, 0.800002),
    ("debugger.mode", "embedded", "off", "gate.no_issues_from=[Overfit]"),
]


@pytest.mark.parametrize(
    ("key", "last", "beyond", "more"),
    [pytest.param(key, last, beyond, more, id=key) for key, last, beyond, *more in LIMITS],
)
def test_a_limit_is_exact(key, last, beyond, more):
    assert load_settings(FILE, None, [*more, f"{key}={last}"])
    assert key.partition(".")[0] in error_of(*more, f"{key}={beyond}")


class TestMistakes:
    @pytest.mark.parametrize(("override", "line"), MISTAKES, ids=[m[0][:40] for m in MISTAKES])
    def test_an_override_that_cannot_be(self, override, line):
        message = error_of(override)

        assert line in message
        assert all(": " in part for part in message.splitlines())

    def test_a_rule_of_the_service_that_is_to_end_a_training(self):
        message = error_of("debugger.mode=service", "debugger.stop_training_on=[Overfit]")

        assert "stop a pipeline's job safely: debugger.mode embedded" in message

    @pytest.mark.parametrize(
        ("override", "line"),
        [
            ("lr", "--set lr: must look like key.path=value"),
            ("a..b=1", "--set a..b=1: must look like key.path=value"),
            ("training.lr=[1", "--set training.lr=[1: the value is not YAML: "),
            ("training.lr={a: 1, a: 2}", "'a' is here twice"),
        ],
    )
    def test_an_override_that_cannot_be_read(self, override, line):
        assert line in error_of(override)

    def test_a_mistake_in_the_file_is_named_with_its_line(self, edited):
        path = edited("  epochs: 20", "  epochz: 20")
        line = line_of(path, "epochz")

        assert error_of(path=path).splitlines() == [
            f"{path}:{line}: training.epochz: unknown key; did you mean training.epochs?",
        ]

    def test_a_mistake_in_an_environment_is_named_with_its_line(self, edited):
        path = edited("weights: none}", "weigths: none}")

        assert error_of(path=path, environment="local") == (
            f"{path}:{line_of(path, 'weigths')}: backbone.weigths: unknown key; "
            "did you mean backbone.weights?"
        )

    def test_every_mistake_is_told_at_once(self):
        message = error_of("training.lr=x", "data.seed=-1", "gate.accuracy_threshold=2")

        assert len(message.splitlines()) == 3

    def test_an_unknown_environment(self):
        assert error_of(environment="prodction").endswith(
            "no environment 'prodction'; did you mean production?"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: [1", "pipeline.yaml:1: not YAML"),
            ("a: 1\na: 2", "pipeline.yaml:2: not YAML: 'a' is here twice (first on line 1)"),
            ("a: &x {b: *x}", "an anchor that contains itself"),
            ("a: !!python/name:os.system x", "pipeline.yaml:1: not YAML"),
            ("[1]: 2", "a key must be a word"),
            ("- 1", "must be a mapping of settings"),
            ("", "must be a mapping of settings"),
            ("environments: [local]", "environments: must be a section"),
        ],
    )
    def test_a_file_that_is_no_settings(self, tmp_path, text, message):
        path = tmp_path / "pipeline.yaml"
        path.write_text(text)

        assert message in error_of(path=path, environment="local")

    def test_a_file_that_cannot_be_read(self, tmp_path):
        (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")

        assert "No such file" in error_of(path=tmp_path / "missing.yaml")
        assert "not UTF-8" in error_of(path=tmp_path / "binary.yaml")
        assert "is a folder" in error_of(path=tmp_path)


def test_reading_settings_needs_neither_torch_nor_an_aws_library():
    script = (
        "import sys; from pathlib import Path; "
        "from pipeline.settings.loading import load_settings; "
        "load_settings(Path('pipeline.yaml'), 'local', []); "
        "print(sorted({'torch', 'sagemaker', 'boto3', 'numpy'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


NO_CAPTURE = "deploy.production.data_capture.enabled=false"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (NO_CAPTURE, "needs deploy.production.data_capture.enabled"),
        (
            "serving={graph: none, int8: false, int8_tolerance: 0, image: a/b:1}",
            "needs serving.graph",
        ),
    ],
)
def test_what_cannot_be_monitored_is_refused(more, words):
    with pytest.raises(SettingsError, match=f"monitor.enabled: {words}"):
        load_settings(ROOT / "pipeline.yaml", None, ["monitor.enabled=true", more])
    load_settings(ROOT / "pipeline.yaml", None, [more])  # off, it needs none of it


@pytest.mark.parametrize("nobody", ["notify=null", "notify={}", "notify.emails=[]"])
def test_nobody_is_told_who_is_not_named(nobody):
    assert not load_settings(ROOT / "pipeline.yaml", None, [nobody]).notify.is_on


@pytest.mark.parametrize("off", ["monitor=null", "monitor={}", "monitor.enabled=false"])
def test_no_monitor_is_one_that_is_off(off):
    assert not load_settings(ROOT / "pipeline.yaml", None, [off]).monitor.enabled
