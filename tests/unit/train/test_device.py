"""Where a device was asked for the CPU is not used instead, and the reason says what is missing."""

import pytest
import torch

from forebay_workloads.contract import ACCELERATOR_ENV
from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.train.device import chosen

ASKED = {"accelerator": {"vendor": "nvidia", "count": 1}}


@pytest.fixture
def machine(monkeypatch):
    """What torch was built for and what it sees; and whether the pod says that it asked for a device."""

    def make(*, built=True, there=True, pod="nvidia"):
        monkeypatch.setattr(torch.version, "cuda", "13.0" if built else None)
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
        monkeypatch.delenv(ACCELERATOR_ENV, raising=False)
        if pod:
            monkeypatch.setenv(ACCELERATOR_ENV, pod)

    return make


def test_without_a_wish_it_is_the_cpu_even_beside_a_device(machine):
    machine(pod="")
    assert chosen({}, "pytorch", print) == "cpu"


@pytest.mark.parametrize("maker", ["nvidia", "amd"])
def test_the_device_that_was_asked_for_is_used(machine, maker):
    machine(pod=maker)
    assert chosen(ASKED, "pytorch", print) == "cuda"


def test_F57_a_device_that_is_not_to_be_seen_is_worth_another_try_elsewhere(machine):
    machine(there=False)
    with pytest.raises(RetryableError) as caught:
        chosen(ASKED, "pytorch", print)
    assert caught.value.reason == "GpuUnavailable"


def test_F57_an_image_whose_torch_cannot_use_a_device_is_not_tried_again(machine):
    machine(built=False, there=False)
    with pytest.raises(ConfigError) as caught:
        chosen(ASKED, "pytorch", print)
    assert caught.value.reason == "GpuUnavailable"
    assert "train.image" in caught.value.message


def test_on_one_machine_a_device_is_used_where_there_is_one(machine):
    machine(pod="")
    assert chosen(ASKED, "pytorch", print) == "cuda"
    said = []
    machine(pod="", there=False)
    assert chosen(ASKED, "pytorch", said.append) == "cpu"
    assert said


def test_a_recipe_that_computes_on_the_cpu_refuses_to_hold_a_device(machine):
    machine()
    with pytest.raises(ConfigError, match="leave it out"):
        chosen(ASKED, "sklearn", print)
    machine(pod="")
    assert chosen(ASKED, "sklearn", print) == "cpu"


def test_another_framework_looks_for_the_device_itself(machine):
    machine(built=False, there=False)
    assert chosen(ASKED, "tensorflow", print) == "cuda"
