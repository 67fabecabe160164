import subprocess
import sys

import pytest

from intertwine._errors import UsageError
from intertwine.training import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", True),
        ("batch_size", -1),
        ("devices", 0),
        ("patience", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("minutes", -1),
        ("clip", 0),
        ("weight_decay", -0.1),
        ("warmup", 1.5),
        ("ema", 1.0),
        ("seed", -1),
        ("accelerator", "abacus"),
    ],
)
def test_bad_values_are_named_in_one_line(name, value):
    with pytest.raises(UsageError, match=name) as caught:
        Settings(**{name: value})
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_there_and_back():
    settings = Settings(epochs=7, minutes=2.5, ema=None, patience=3)
    assert Settings.from_json(settings.to_json()) == settings
    with pytest.raises(UsageError, match="learning_rte"):
        Settings.from_json({"learning_rte": 1e-3})


def test_the_package_is_imported_without_torch_and_lightning():
    code = (
        "import sys; from intertwine.training import Settings, Job, FitResult; Settings(); "
        "assert not {'torch', 'lightning', 'rich'} & set(sys.modules); "
        "from intertwine.training import load_checkpoint; assert 'lightning' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "smallest", "beyond"),
    [
        ("epochs", 1, 0),
        ("batch_size", 1, 0),
        ("devices", 1, 0),
        ("nodes", 1, 0),
        ("patience", 1, 0),
        ("learning_rate", 5e-324, 0.0),
        ("clip", 5e-324, -0.0),
        ("minutes", 5e-324, 0.0),
        ("save_minutes", 5e-324, 0.0),
        ("weight_decay", 0, -5e-324),
        ("warmup", 0, -5e-324),
        ("warmup", 1, 1.0000001),
        ("ema", 5e-324, 0),
        ("ema", 0.9999999, 1),
        ("seed", 0, -1),
        ("seed", 2**63 - 1, 2**63),
        ("optimizer", "muon", "sgd"),
        ("accelerator", "gpu", "tpu"),
        ("tensorboard", True, 1),
        ("clip", None, True),
        ("minutes", None, "1"),
        ("ema", None, True),
        ("patience", None, 1.0),
        ("weight_decay", 1, float("inf")),
    ],
)
def test_the_last_value_that_is_taken_and_the_first_that_is_not(name, smallest, beyond):
    assert getattr(Settings(**{name: smallest}), name) == smallest
    with pytest.raises(UsageError, match=f"^{name} "):
        Settings(**{name: beyond})


def test_none_is_taken_only_where_it_means_something():
    for name in ("epochs", "learning_rate", "save_minutes", "weight_decay", "warmup", "seed", "tensorboard"):
        with pytest.raises(UsageError, match=name):
            Settings(**{name: None})


def test_the_defaults():
    assert Settings().to_json() == {
        "epochs": 60, "batch_size": 32, "optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.0,
        "warmup": 0.02, "clip": 10.0, "ema": 0.999, "patience": None, "minutes": None, "seed": 0, "devices": 1,
        "nodes": 1, "accelerator": "auto", "save_minutes": 10.0, "tensorboard": False,
    }  # fmt: skip
