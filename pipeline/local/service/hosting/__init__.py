"""Host models in processes of their own, as SageMaker's endpoints do."""
