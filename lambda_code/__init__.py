"""Code that runs in AWS Lambda; each file stands alone there, with boto3 beside it."""
