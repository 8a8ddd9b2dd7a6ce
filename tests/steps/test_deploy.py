"""Deploy in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


ON_INSTANCES = ("deploy.staging.type=realtime", "deploy.instance_count=2")


def test_the_lambda_is_called_with_exactly_the_version_just_registered(step):
    deploy = step("Deploy", *ON_INSTANCES)

    assert deploy["FunctionArn"] == (
        "arn:aws:lambda:us-east-1:111122223333:function:dog-breeds-deploy-endpoint"
    )
    assert deploy["Arguments"] == {
        "model_package_arn": {"Get": "Steps.Register.ModelPackageArn"},
        "endpoint_name": {"Get": "Parameters.EndpointName"},
        "instance_type": {"Get": "Parameters.EndpointInstanceType"},
        "instance_count": 2,
        "role_arn": "arn:aws:iam::111122223333:role/dog-breeds-serving",
    }
    assert [one["OutputName"] for one in deploy["OutputParameters"]] == [
        "endpoint_name",
        "endpoint_config_name",
        "model_name",
        "action",
    ]


@pytest.mark.parametrize(
    ("overrides", "machines"),
    [
        ((), {"memory_size_mb": 2048, "max_concurrency": 5}),
        (("backbone.name=vit_l_16",), {"memory_size_mb": 4096, "max_concurrency": 5}),
        (
            (
                "deploy.staging.memory_mb=6144",
                "deploy.staging.max_concurrency=9",
                "deploy.staging.provisioned_concurrency=1",
            ),
            {"memory_size_mb": 6144, "max_concurrency": 9, "provisioned_concurrency": 1},
        ),
    ],
)
def test_a_serverless_endpoint_has_memory_that_the_model_fits_into(step, overrides, machines):
    arguments = step("Deploy", *overrides)["Arguments"]
    assert {
        name: value
        for name, value in arguments.items()
        if name not in ("model_package_arn", "endpoint_name", "role_arn")
    } == machines


def test_settings_that_say_nothing_of_staging_stay_on_instances(compiled):
    unsaid, said = ("deploy.staging={}", "deploy.staging={type: realtime, expire_hours: 24}")
    assert compiled(unsaid) == compiled(said)
    assert "memory_size_mb" not in str(compiled(unsaid))


def test_without_staging_a_run_ends_with_its_registration(compiled):
    gate = compiled("deploy.staging.type=none")["Steps"][-1]
    assert [one["Name"] for one in gate["Arguments"]["IfSteps"]] == ["Register"]
