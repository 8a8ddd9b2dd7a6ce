"""SageMaker's API and endpoints on this machine, over loopback HTTP or inside a process."""
