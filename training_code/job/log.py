"""Write a job's log, one line in one piece."""

import sys


def log(line: str) -> None:
    """Write a line to the job's log now, with its newline, in a single write.

    AWS's images run Python unbuffered, and SageMaker's toolkit makes a line of each piece it reads:
    print() writes its arguments and the newline one by one.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
