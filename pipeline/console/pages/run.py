"""Show one run: its graph, trials, curves and rules; stop it, run it again, or a part."""

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, Response
from starlette.routing import Route

from pipeline.console.context import Console, console_of
from pipeline.console.forms import form_of
from pipeline.console.rendering import REPORT_TEMPLATES, page, redirect
from pipeline.console.run_view import command_of, find_execution, report_of
from pipeline.console.starting import arguments_again, start_run, started_of, without
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

# The report has its own style and script; of scripts, only this tree's own one runs in it.
_REPORT_POLICY = (
    "default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'; script-src {script}; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_REPORT = "report.html"


def show(request: "Request") -> Response:
    """Show a run as it is now."""
    console, run = console_of(request), _run(request)
    view = console.place.run(run)
    started = started_of(console.state, run) if console.place.is_here else None
    return page(request, "run.html", view=view, started=started)


def stop(request: "Request") -> Response:
    """Ask a run to stop."""
    run = _run(request)
    console_of(request).place.stop(run)
    return redirect(f"/runs/{run}")


def again(request: "Request") -> Response:
    """Start another run with the same command."""
    console, run = console_of(request), _run(request)
    find_execution(console.store, run)
    command = _command(console, run)
    if command is None:
        raise UsageError(f"nobody wrote down which command started run {run}")
    here = f"--state={console.state}"  # the last one counts
    arguments = [word for word in arguments_again(command) if word != here]
    return redirect(f"/started/{start_run(console.state, [*arguments, here])}")


def begin(request: "Request") -> Response:
    """Start another run that begins at a step, on what this one made before it."""
    console, run = console_of(request), _run(request)
    step = form_of(request).get("step")
    if step not in console.place.run(run).begins:
        raise UsageError(f"no run can begin at step {step!r} of run {run}")
    command = _command(console, run)
    settings = f"--settings={console.settings}"
    before = without(arguments_again(command), "--from", "--source") if command else [settings]
    words = [word for word in before if word != "--local"]
    arguments = ["--local", *words, f"--from={step}", f"--source={run}"]
    token = start_run(console.state, [*arguments, f"--state={console.state}"])
    return redirect(f"/started/{token}")


def retry(request: "Request") -> Response:
    """Have a run go on where it failed or was stopped."""
    return redirect(console_of(request).place.retry(_run(request)))


def report(request: "Request") -> Response:
    """Lead to a run's report, whose links are relative."""
    return redirect(f"/runs/{_run(request)}/report/{_REPORT}")


def report_file(request: "Request") -> Response:
    """Show a run's report, or hand out a file beside it."""
    from pipeline.report.page.markup import source_of

    console, run = console_of(request), _run(request)
    find_execution(console.store, run)
    folder = report_of(console.store, run)
    if folder is None:
        raise UsageError(f"run {run} has no report yet: python -m pipeline.report {run}")
    path = _file_in(folder, request.path_params["file"])
    if path.name != _REPORT:
        return FileResponse(path, filename=path.name)
    script = (REPORT_TEMPLATES / "report.js").read_text(encoding="utf-8")
    policy = _REPORT_POLICY.format(script=source_of(script))
    return FileResponse(path, headers={"Content-Security-Policy": policy})


def _file_in(folder: Path, name: str) -> Path:
    try:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            return path
    except (OSError, ValueError):
        pass  # no file can be called so
    raise UsageError(f"the report has no file {name[:100]!r}")


def _command(console: Console, run: str) -> str | None:
    started = started_of(console.state, run)
    return command_of(console.store, run) or (started.command if started else None)


def _run(request: "Request") -> str:
    return str(request.path_params["run"])


ROUTES = (
    Route("/runs/{run}", show),
    Route("/runs/{run}/stop", stop, methods=["POST"]),
    Route("/runs/{run}/retry", retry, methods=["POST"]),
)
HERE = (
    Route("/runs/{run}/again", again, methods=["POST"]),
    Route("/runs/{run}/from", begin, methods=["POST"]),
    Route("/runs/{run}/report", report),
    Route("/runs/{run}/report/{file:path}", report_file),
)
