"""Define the errors that a user can cause, and the exit codes they end a command with."""

EXIT_SUCCEEDED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_STOPPED = 3


class PipelineError(Exception):
    """A failure that the message explains: what, where, and how to mend it."""

    exit_code = EXIT_FAILED


class UsageError(PipelineError):
    """A command, settings or a given file that cannot be used as they are."""

    exit_code = EXIT_USAGE


def file_reason(error: OSError) -> str:
    """Say in one line why a file could not be read or written, and which."""
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or ' '.join(str(error).split()) or type(error).__name__}{place}"
