"""The moving average of weights by its formula, and the log by its text."""

import torch
from torch import nn

from intertwine.training._average import MovingAverage, snapshot
from intertwine.training._log import EventLog, append_log, write_log


class Net(nn.Module):
    def __init__(self, *values):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(values))
        self.fixed = nn.Parameter(torch.tensor([7.0]), requires_grad=False)
        self.tied = self.a
        self.register_buffer("seen", torch.tensor([3.0]))


def test_each_step_by_the_formula():
    model = Net(1.0)
    average, expected = MovingAverage(model, 0.3), 1.0
    for step in range(1, 8):
        model.a.data.fill_(float(step**2))
        average.update(model)
        decay = min(0.3, (1 + step) / (10 + step))  # 2/11, 3/12, then the bound
        expected = decay * expected + (1 - decay) * step**2
        assert average.updates == step
        assert abs(float(average.values["a"]) - expected) < 1e-5 * expected
    assert list(average.values) == ["a"]


def test_it_continues_from_values():
    model = Net(1.0, 2.0)
    average = MovingAverage(model, 0.5, {"a": torch.tensor([5.0, 6.0])}, updates=90)
    assert average.values["a"].tolist() == [5, 6]
    average.update(model)
    assert average.updates == 91
    assert average.values["a"].tolist() == [3, 4]
    assert MovingAverage(model, 0.5).updates == 0


def test_swapping_and_the_snapshot():
    model = Net(1.0)
    average = MovingAverage(model, 0.5, {"a": torch.tensor([5.0])})
    kept = snapshot(model)
    assert {name: value.tolist() for name, value in kept.items()} == {"a": [1], "fixed": [7], "tied": [1], "seen": [3]}
    averaged = snapshot(model, average)
    assert {name: value.tolist() for name, value in averaged.items()} == {
        "a": [5], "fixed": [7], "tied": [5], "seen": [3],
    }  # fmt: skip
    average.swap(model)
    assert (model.a.item(), average.values["a"].item()) == (5, 1)
    average.swap(model)
    assert (model.a.item(), average.values["a"].item()) == (1, 5)
    model.a.data.fill_(9.0)
    assert kept["a"].item() == 1  # a copy


def test_the_log(tmp_path):
    path = tmp_path / "metrics.csv"
    append_log(path, {"epoch": 0, "loss": 1 / 3})
    append_log(path, {"epoch": 1, "loss": 123456789.0})
    assert path.read_text() == "epoch,loss\n0,0.33333333\n1,1.2345679e+08\n"
    write_log(path, [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "acc": 0.25}])
    assert path.read_text() == "epoch,loss,acc\n0,0.5,\n1,,0.25\n"
    write_log(path, [])
    assert path.read_text() == ""
    EventLog(None).write({"epoch": 1, "step": 2, "loss": 0.5})


def test_events_have_all_metrics_but_the_counters():
    class Writer:
        rows, flushed = [], 0

        def add_scalar(self, *row):
            self.rows.append(row)

        def flush(self):
            self.flushed += 1

    log = EventLog(None)
    log._writer = Writer()
    log.write({"epoch": 1, "step": 20, "loss": 0.5, "acc": 0.75})
    assert log._writer.rows == [("loss", 0.5, 20), ("acc", 0.75, 20)]
    assert log._writer.flushed == 1
