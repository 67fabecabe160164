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
