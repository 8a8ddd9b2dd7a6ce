"""Save a training's tensors and judge them by rules, as SageMaker Debugger does."""
