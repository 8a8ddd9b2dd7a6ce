"""Judge what SAGEMAKER_PROGRAM may say: where a server starts, and where a model is made."""


def is_program(name: str) -> bool:
    """Check whether a name is that of a file in a model's code/, and leads nowhere else."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")
