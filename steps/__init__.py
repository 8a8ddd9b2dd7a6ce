"""Build the pipeline's steps: one file a step, one build_*_step() each."""
