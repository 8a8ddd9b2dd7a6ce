"""One report a run: what its steps, trials, tensors, rules, profile and test results say."""
