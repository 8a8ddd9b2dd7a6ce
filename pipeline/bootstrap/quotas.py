"""Tell what of AWS's quotas the settings need, and what the account has."""

import argparse

from pipeline.aws.clients import Aws
from pipeline.aws.quota_needs import quota_needs
from pipeline.aws.quotas import quotas_text, read_quotas
from pipeline.bootstrap.showing import print_document, say
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, PipelineError
from pipeline.settings.model import Settings


def compare_quotas(aws: Aws, settings: Settings, options: argparse.Namespace) -> int:
    """Show the account's quotas beside what is needed. Exit code 1 when one is too small.

    Raises AwsAccessError when AWS may not be asked: then nobody knows.
    """
    found = read_quotas(aws, quota_needs(settings))
    for line in quotas_text(found):
        say(options, line)
    print_document(options, found)
    return EXIT_SUCCEEDED if found.enough else EXIT_FAILED


def show_quotas(aws: Aws, settings: Settings, options: argparse.Namespace) -> None:
    """Show the quotas when one is too small; the stack is made, so nothing fails of it."""
    try:
        found = read_quotas(aws, quota_needs(settings))
    except PipelineError as error:
        say(options, f"quotas are not known: {error}")
        return
    for line in ("the quotas are enough",) if found.enough else quotas_text(found):
        say(options, line)
