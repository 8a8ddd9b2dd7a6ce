"""Answer SageMaker's API and host endpoints here, over loopback HTTP or inside a process."""
