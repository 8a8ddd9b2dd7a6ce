"""Run one job as SageMaker would: its folders, environment, metrics and end."""
