"""What the Deploy step hands to the function."""

NAME, PRODUCTION = "dog-breeds-staging", "dog-breeds-production"
EVENT: dict[str, object] = {
    "model_package_arn": "arn:aws:sagemaker:us-east-1:111122223333:model-package/dog-breeds/7",
    "endpoint_name": NAME,
    "instance_type": "ml.m5.large",
    "instance_count": 1,
    "role_arn": "arn:aws:iam::111122223333:role/execution",
}
