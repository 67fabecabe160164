import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from intertwine._errors import UsageError
from intertwine.training import Settings
from intertwine.training._average import MovingAverage, snapshot
from intertwine.training.checkpoints._state import ResumeState, TrainingState, learning_rate


def rates(settings, steps_per_epoch=10, seconds=lambda share: 0.0):
    planned = settings.epochs * steps_per_epoch
    return [
        learning_rate(
            settings,
            TrainingState(step // steps_per_epoch, step % steps_per_epoch, steps_per_epoch, step),
            seconds(step / planned),
        )
        for step in range(planned)
    ]


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nearly_nothing():
    settings = Settings(epochs=20, learning_rate=0.1, warmup=0.1)
    curve = rates(settings)
    peak = curve.index(max(curve))
    assert 15 <= peak <= 20
    assert 0.95 * 0.1 < max(curve) <= 0.1
    assert all(a < b for a, b in itertools.pairwise(curve[:peak]))
    assert all(a > b for a, b in itertools.pairwise(curve[peak:]))
    assert curve[-1] == pytest.approx(0.1 * 0.01, rel=0.02)
    assert curve[0] == pytest.approx(0.1 / 20, rel=1e-6)


def test_the_learning_rate_is_the_formula():
    settings = Settings(epochs=4, learning_rate=1.0, warmup=0.0)
    curve = rates(settings, steps_per_epoch=5)
    assert curve[7] == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi * 7 / 20)) / 2)


def test_a_time_budget_brings_the_learning_rate_down_in_time():
    settings = Settings(epochs=1000, learning_rate=0.1, minutes=1.0, warmup=0.05)
    curve = rates(settings, steps_per_epoch=1, seconds=lambda share: 600 * share)
    assert curve[50] == pytest.approx(0.1 * (0.01 + 0.99 * 0.5), rel=1e-3)
    assert max(curve[100:]) == pytest.approx(0.001)
    slow = rates(settings, steps_per_epoch=1, seconds=lambda share: 6 * share)
    assert slow[500] == pytest.approx(
        rates(Settings(epochs=1000, learning_rate=0.1, warmup=0.05), steps_per_epoch=1)[500]
    )


def test_the_state_survives_its_bytes():
    state = TrainingState(2, 3, 9, 21, 0.1 + 0.2, 17, 0.3, 1, 1, 12.5, [{"epoch": 1.0, "mae": 1 / 3}])
    model = nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2)).sum().backward()
    optimizer.step()
    resume_state = ResumeState(state, dict(model.state_dict()), None, 5, optimizer.state_dict())
    again = ResumeState.decode(resume_state.encode(), Path("resume.pt"), "toy")
    assert again.state == state
    assert again.average_updates == 5
    assert torch.equal(again.weights["weight"], model.weight)
    assert torch.equal(again.optimizer["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


EXECUTED = []


def execute(word):
    EXECUTED.append(word)
    return {}


class Evil:
    def __reduce__(self):
        return (execute, ("code",))


def test_bytes_that_are_no_state_run_nothing_and_say_so(tmp_path):
    good = ResumeState().encode()
    EXECUTED.clear()
    torch.save({"format": 1, "progress": Evil()}, tmp_path / "evil.pt")
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert EXECUTED == ["code"]  # the payload works
    EXECUTED.clear()
    for content in (b"", b"nonsense", good[: len(good) // 2], (tmp_path / "evil.pt").read_bytes()):
        with pytest.raises(UsageError, match=r"runs/x/resume.pt is damaged"):
            ResumeState.decode(content, Path("runs/x/resume.pt"), "toy")
    assert EXECUTED == []


def test_an_epoch_of_another_length_begins_again():
    state = TrainingState(epoch=3, step_in_epoch=4, steps_per_epoch=9, global_step=31, loss_sum=1.0, loss_count=4)
    state.set_steps_per_epoch(9)
    assert state.step_in_epoch == 4
    state.set_steps_per_epoch(5)
    assert (state.epoch, state.step_in_epoch, state.loss_count, state.global_step) == (3, 0, 0, 31)


def test_the_average_is_the_recursion_and_swaps_exactly():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model[2].weight.requires_grad_(False)
    average = MovingAverage(model, 0.5)
    expected = model[0].weight.detach().double()
    for t in range(1, 30):
        with torch.no_grad():
            model[0].weight.add_(torch.randn(2, 2))
        average.update(model)
        decay = min(0.5, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * model[0].weight.detach().double()
    assert torch.allclose(average.values["0.weight"].double(), expected, atol=1e-6)
    before = snapshot(model)
    averaged = snapshot(model, average)
    assert torch.equal(averaged["0.weight"], average.values["0.weight"])
    assert torch.equal(averaged["2.weight"], before["2.weight"])
    assert averaged.keys() == before.keys()
    average.swap(model)
    assert torch.equal(model[0].weight, averaged["0.weight"])
    average.swap(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_average_forgets_its_first_weights_soon():
    """d = min(decay, (1 + t) / (10 + t)) after step t: 2/11, 3/12, ... and the given decay only after many steps."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = MovingAverage(model, 0.999)
    nn.init.ones_(model.weight)
    left = 1.0
    for step in range(1, 6):
        average.update(model)
        left *= (1 + step) / (10 + step)
        assert average.values["weight"].item() == pytest.approx(1 - left, rel=1e-6)
    late = MovingAverage(model, 0.5, {"weight": torch.zeros(1, 1)}, updates=1000)
    late.update(model)
    assert late.values["weight"].item() == pytest.approx(0.5)


def test_tied_weights_are_averaged_under_each_name():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    average = MovingAverage(model, 0.9)
    with torch.no_grad():
        model[0].weight.add_(1)
    average.update(model)
    weights = snapshot(model, average)
    assert torch.equal(weights["0.weight"], weights["1.weight"])
    assert not torch.equal(weights["0.weight"], model[0].weight)
