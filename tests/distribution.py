"""Which tests are slow, and how a run's workers share the tests: slow ones first, a file to one."""

import os
from typing import Any

import pytest

# What `make test-quick` leaves out, by its place or by a fixture that it asks for.
SLOW_PLACES = {
    "tests/e2e/": "e2e",
    "tests/pipeline/console/test_account_browser.py": "browser",
    "tests/pipeline/console/test_browser.py": "browser",
    "tests/pipeline/console/test_endpoint_browser.py": "browser",
    "tests/pipeline/report/test_browser.py": "browser",
    "tests/pipeline/console/test_registry_browser.py": "browser",
    "tests/pipeline/console/test_together.py": "slow",
    "tests/inference_code/server/test_http.py": "server",
    "tests/inference_code/server/test_model_server.py": "server",
    "tests/inference_code/server/test_ray_serve.py": "server",
    "tests/inference_code/server/test_serverless.py": "server",
    "tests/inference_code/server/test_serving_image.py": "server",
    "tests/inference_code/test_hostile_requests.py": "server",
    "tests/inference_code/test_model_servers.py": "server",
    "tests/inference_code/test_runtimes.py::test_pytorch": "slow",
    "tests/inference_code/test_same_pixels.py": "slow",
    "tests/inference_code/test_serving_metrics.py::test_every_answer": "slow",
    "tests/inference_code/test_explaining.py::test_the_map_is_all": "slow",
    "tests/infra/test_template.py::test_cfn_lint": "slow",
    "tests/inference_code/test_network.py": "slow",
    "tests/lambda_code/test_any_order.py": "slow",
    "tests/lambda_code/test_event_sequences.py": "slow",
    "tests/lambda_code/test_staging_endpoint.py": "slow",
    "tests/pipeline/check/test_mutations.py": "slow",
    "tests/pipeline/check/test_robustness.py": "slow",
    "tests/pipeline/console/pages/test_compare.py": "slow",
    "tests/pipeline/console/pages/test_decision.py": "slow",
    "tests/pipeline/console/pages/test_review.py": "slow",
    "tests/pipeline/console/test_account.py": "slow",
    "tests/pipeline/definition/test_compile.py::test_the_bytes": "slow",
    "tests/pipeline/local/jobs/test_debug_rules.py": "slow",
    "tests/pipeline/local/jobs/test_opt_ml.py": "slow",
    "tests/pipeline/local/jobs/test_tuning.py": "slow",
    "tests/pipeline/local/processes/test_launcher.py": "slow",
    "tests/pipeline/local/service/executing/test_executions.py": "slow",
    "tests/pipeline/local/service/test_clients.py": "server",
    "tests/pipeline/local/service/test_following.py": "server",
    "tests/pipeline/local/service/test_server.py": "server",
    "tests/pipeline/local/test_repair.py": "slow",
    "tests/pipeline/registry/test_comparison.py": "slow",
    "tests/pipeline/report/page/test_dull.py": "slow",
    "tests/pipeline/report/page/test_html.py": "slow",
    "tests/pipeline/report/sections/test_tensors.py": "slow",
    "tests/pipeline/report/test_aws_report.py": "slow",
    "tests/pipeline/report/test_main.py": "slow",
    "tests/pipeline/report/tracking/": "slow",
    "tests/test_buildspec.py::test_the_chosen_tests": "slow",
    "tests/training_code/debugger/test_default_rules.py": "slow",
    "tests/training_code/debugger/test_embedded_debugging.py": "slow",
    "tests/training_code/debugger/test_smdebug_loading.py": "slow",
    "tests/training_code/graphs/": "slow",
    "tests/training_code/learning/test_distributed.py": "slow",
    "tests/training_code/learning/test_network_cut.py::test_both_parts": "slow",
    "tests/training_code/profiler/test_session.py": "slow",
    "tests/training_code/pretrained/test_weights_files.py": "slow",
    "tests/training_code/review/test_findings.py::test_wrong_labels_come_first": "slow",
    "tests/training_code/test_backbones.py::test_a_row_is_what_is_measured": "slow",
    "tests/training_code/test_isolation.py": "slow",
    "tests/training_code/test_prepare.py": "slow",
}
SLOW_FIXTURES = {
    "write_model": "server",
    "servers": "server",
    "extract": "slow",
    "features": "slow",
    "rules_at_once": "slow",
}
# What shares trainings that take long: one worker does it all.
GROUP_FIXTURES = {"features": "training"}

# A run begins with what takes longest; the small tests at its end keep all workers busy.
FIRST = ("e2e", "server", "browser", "slow")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests and put them first."""
    for item in items:
        marks = [mark for place, mark in SLOW_PLACES.items() if item.nodeid.startswith(place)]
        fixtures = getattr(item, "fixturenames", ())
        marks += [mark for name, mark in SLOW_FIXTURES.items() if name in fixtures]
        for mark in marks:
            item.add_marker(mark)
        for group in (group for name, group in GROUP_FIXTURES.items() if name in fixtures):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The first mark that puts the test in front, as a number."""
    marks = (turn for turn, mark in enumerate(FIRST) if item.get_closest_marker(mark))
    return next(marks, len(FIRST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """End a run whose groups of tests are spread, though --dist loadgroup keeps them together."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if getattr(session.config.option, "loadgroup", False):
        assert all("@" in item.nodeid for item in grouped), "install what constraints.txt pins"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start one worker more than there are cores: some tests wait, for a process or a page."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a file that has no group to one worker, too: its fixtures are made once."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):
        """Groups, then files, in the order of the collection."""

        def _split_scope(self, nodeid: str) -> str:
            group: str = super()._split_scope(nodeid)
            return nodeid.partition("::")[0] if group == nodeid else group

    config.option.loadscopereorder = False  # by the number of tests: the e2e ones would come late
    return Scheduling(config, log)
