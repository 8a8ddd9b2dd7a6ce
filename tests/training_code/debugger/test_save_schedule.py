"""The next step to save is the one that smdebug itself would save."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("smdebug")

from smdebug import SaveConfig, modes

from debugger.save_schedule import NEVER, next_saved

CONFIGURATIONS = st.builds(
    SaveConfig,
    save_interval=st.integers(1, 12),
    start_step=st.none() | st.integers(0, 15),
    end_step=st.none() | st.integers(0, 30),
    save_steps=st.lists(st.integers(0, 30), max_size=3),
)


@settings(deadline=None)
@given(st.lists(CONFIGURATIONS, max_size=3), st.integers(-1, 30))
def test_it_is_the_first_step_that_smdebug_saves(
    configurations: list[SaveConfig], step: int
) -> None:
    wanted = (
        later
        for later in range(step + 1, 100)
        if any(each.should_save_step(modes.TRAIN, later) for each in configurations)
    )
    assert next_saved(configurations, modes.TRAIN, step) == next(wanted, NEVER)
