"""Define the version of this code: `--version` says it, every registered model carries it."""

VERSION = "0.3.0"
