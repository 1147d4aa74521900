"""The memory that is left is a number of bytes, in any process."""

import os

import torch

from bestiary.placement.free_memory import free_memory


def test_the_cpu_has_memory_left_and_not_more_than_there_is():
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_memory(torch.device("cpu")) <= whole


def test_a_system_that_does_not_say_is_taken_to_have_some(monkeypatch):
    monkeypatch.setattr(os, "sysconf_names", {})
    assert free_memory(torch.device("cpu")) == 4 * 2**30
