"""Report a run: its steps, trials, tensors, debugger rules, profile and test results."""
