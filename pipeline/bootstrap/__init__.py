"""Make what the pipeline needs of an AWS account, as one CloudFormation stack."""
