"""Saves a training's tensors and judges them by rules, as SageMaker Debugger does."""
