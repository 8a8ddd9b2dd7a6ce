"""Calls of a network: those that begin a step, and those that are only counted."""

import torch
from torch import nn

from debugger.network_calls import NetworkCalls

BATCH = torch.zeros(1, 2)


def watched(network: nn.Module) -> tuple[NetworkCalls, list[nn.Module]]:
    began: list[nn.Module] = []
    calls = NetworkCalls(began.append)
    calls.add(network)
    return calls, began


def test_every_call_begins_a_step() -> None:
    network = nn.Linear(2, 2)
    calls, began = watched(network)
    network(BATCH)
    network(BATCH)
    assert began == [network, network]
    assert calls.take_passed() == 0


def test_silent_calls_are_only_counted_and_counted_once() -> None:
    network = nn.Linear(2, 2)
    calls, began = watched(network)
    calls.silent = 2
    for _ in range(3):
        network(BATCH)
    assert began == [network]
    assert (calls.take_passed(), calls.take_passed()) == (2, 0)


def test_batches_are_counted_without_a_callback() -> None:
    network = nn.Linear(2, 2)
    calls, began = watched(network)
    calls.silent = 2
    callbacks = []
    for batch in calls.steps([BATCH] * 3):
        callbacks.append(len(network._forward_pre_hooks))
        network(batch)
    assert callbacks == [0, 0, 1]
    assert began == [network]
    assert calls.take_passed() == 2


def test_calls_are_noticed_again_after_a_loop_that_was_left() -> None:
    network = nn.Linear(2, 2)
    calls, began = watched(network)
    calls.silent = 1
    steps = calls.steps([BATCH, BATCH])
    network(next(steps))
    steps.close()
    network(BATCH)
    assert began == [network]


def test_calls_between_two_batches_begin_steps_once_it_listens_again() -> None:
    network = nn.Linear(2, 2)
    calls, began = watched(network)
    calls.silent = 2
    for batch in calls.steps([BATCH]):
        network(batch)
        calls.listen()
        network(batch)
    assert began == [network]
    assert calls.take_passed() == 1


def test_a_network_that_is_added_later_begins_steps_too() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    calls, began = watched(first)
    calls.add(second)
    first(BATCH)
    second(BATCH)
    assert began == [first, second]
