"""Write reports of runs on AWS here, and upload them beside what the run wrote."""

import mimetypes
import sys
from pathlib import Path

from pipeline.addresses import split_uri
from pipeline.aws.clients import Aws
from pipeline.aws.errors import explained
from pipeline.data.progress import Progress
from pipeline.report.making import REPORT_FILE, WrittenReport, make_report
from pipeline.report.sources.aws_source import AwsSource
from pipeline.temporary import temporary_folder


def make_aws_report(aws: Aws, arn: str, folder: Path) -> WrittenReport:
    """Write the report of an execution on AWS into a folder of this machine.

    Raises UsageError when there is no such execution, AwsError, AwsAccessError.
    """
    with (
        temporary_folder("report") as scratch,
        explained(f"making the report of {arn}"),
    ):
        source = AwsSource(aws, scratch, progress=Progress(sys.stderr))
        return make_report(source, arn, folder)


def publish(aws: Aws, written: WrittenReport) -> str:
    """Upload a report to the address that the registry entry names; return its HTML address.

    Raises AwsError, AwsAccessError; Absent when the definition names no place.
    """
    base = written.published()
    bucket, prefix = split_uri(base)
    for path in sorted(written.path.parent.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(written.path.parent).as_posix()}"
            with explained(f"uploading s3://{bucket}/{key}"):
                aws.client("s3").put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=path.read_bytes(),
                    ContentType=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                    ExpectedBucketOwner=aws.account_id,
                )
    return f"{base}/{REPORT_FILE}"
