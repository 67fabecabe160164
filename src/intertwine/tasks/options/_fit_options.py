"""Options of a task: a dataclass whose fields are flags of the command line and keywords of `intertwine.fit`.

A task declares `@dataclass class Options(FitOptions)` with one `option(...)` per field. Nothing here imports torch, so
a misspelled option costs no seconds.
"""

from __future__ import annotations

import math
import os
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine.tasks._source import resolve, stem
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.options._bounds import (
    LARGEST_BATCH,
    LARGEST_EPOCHS,
    LARGEST_RATE,
    LARGEST_SEED,
    LARGEST_SPLIT_SEED,
    SMALLEST_RATE,
    check_devices,
    check_nodes,
    check_split_size,
)
from intertwine.tasks.options._config_file import read_config
from intertwine.training import OPTIMIZER_NAMES, Settings, check_tensorboard

OPTION = "intertwine"
"""The key of a field's metadata under which `option` keeps its arguments."""

Number = int | float


def option(
    default: Any = None,
    *,
    help: str,
    group: str = "Options",
    metavar: str | None = None,
    choices: Callable[[], Sequence[str]] | Sequence[str] | None = None,
    minimum: Number | None = None,
    above: Number | None = None,
    maximum: Number | None = None,
    argument: bool = False,
    spelling: str | None = None,
) -> Any:
    """A dataclass field that is also an option of the command line.

    Args:
        default: Its default value.
        help: One line for `--help`.
        group: The heading under which `--help` lists it.
        metavar: What stands for the value in `--help`.
        choices: The values it may take, or a function that lists them when asked.
        minimum: Smallest value allowed.
        above: Values must be larger than this one.
        maximum: Largest value allowed.
        argument: Positional, instead of a flag.
        spelling: A second flag for the same thing, such as the one that other programs have.

    Returns:
        The field.
    """
    rules = {
        "help": help,
        "group": group,
        "metavar": metavar,
        "choices": choices,
        "minimum": minimum,
        "above": above,
        "maximum": maximum,
        "argument": argument,
        "spelling": spelling,
    }
    return field(default=default, metadata={OPTION: rules})


def flag(name: str) -> str:
    """The flag of a field: `batch_size` becomes `--batch-size`."""
    return "--" + name.replace("_", "-")


def check_rules(options: Any) -> None:
    """Check each value against the type, the choices and the bounds of its field.

    Args:
        options: An instance of a dataclass made of `option` fields.

    Raises:
        UsageError: A value is of another type, not among the choices, or out of bounds.
    """
    hints = get_type_hints(type(options))
    for item in fields(options):
        rules = item.metadata.get(OPTION)
        value = getattr(options, item.name)
        if rules is None or (value is None and type(None) in _accepted(hints[item.name])):
            continue
        _check_type(item.name, value, _accepted(hints[item.name]))
        choices = rules["choices"]
        known = choices() if callable(choices) else choices
        if known is not None and value not in known:
            raise unknown(item.name.replace("_", " "), str(value), known)
        if isinstance(value, str) and not value.strip() and not rules["argument"] and item.name != "output":
            raise UsageError(f'{flag(item.name)} expects a value, got "{value}"')
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            _check_bounds(item.name, value, rules)


_WORDS: dict[type, str] = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}


def _accepted(hint: Any) -> tuple[type, ...]:
    """The types of values that a type hint allows."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _accepted(part))
    if get_origin(hint) is not None:
        return (list, tuple)
    return (float, int) if hint is float else (hint,)


def _check_type(name: str, value: Any, accepted: tuple[type, ...]) -> None:
    odd = isinstance(value, (list, tuple)) and not all(isinstance(item, str) for item in value)
    if odd or not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        kinds = [kind for kind in accepted if kind is not type(None) and not (kind is int and float in accepted)]
        words = dict.fromkeys(_WORDS.get(kind, "a list of texts") for kind in kinds)
        raise UsageError(f"{flag(name)} expects {' or '.join(words)}, got {value!r}")


def _check_bounds(name: str, value: Number, rules: Mapping[str, Any]) -> None:
    minimum, above, maximum = rules["minimum"], rules["above"], rules["maximum"]
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{flag(name)} expects a finite number, got {value}")
    if maximum is None and value > LARGEST_SEED:
        raise UsageError(f"{flag(name)} expects at most {LARGEST_SEED:,}, got {show_count(int(value))}")
    if minimum is not None and value < minimum:
        raise UsageError(f"{flag(name)} expects at least {minimum}, got {value}")
    if above is not None and value <= above:
        raise UsageError(f"{flag(name)} expects more than {above}, got {value}")
    if maximum is not None and value > maximum:
        raise UsageError(f"{flag(name)} expects at most {maximum:,}, got {value}")


def share(name: str, text: str | float | int | None) -> Number | None:
    """A number of structures (`4000`) or a share of them (`0.8`, `80%`).

    Args:
        name: The field it was given for, for the error.
        text: What the user typed; None passes through.

    Returns:
        An int that counts, a float that is a fraction, or None.

    Raises:
        UsageError: It is neither.

    >>> share("train", "4000"), share("train", "0.8"), share("train", "80%")
    (4000, 0.8, 0.8)
    """
    if text is None or isinstance(text, (int, float)):
        return text
    try:
        value: Number = float(text[:-1]) / 100 if text.endswith("%") else int(text) if text.isdigit() else float(text)
    except ValueError:
        value = math.nan
    if not (isinstance(value, int) or 0 <= value <= 1):
        raise UsageError(f'{flag(name)} expects a count such as 4000 or a fraction such as 0.8, got "{text}"')
    return value


OPTIMIZER_HELP = "Optimizer: adamw, or muon, which orthogonalizes the momentum of weights that are matrices."


@dataclass(kw_only=True)
class FitOptions:
    """What every task's `fit` understands."""

    data: str = option("", help="A file of yours, or the name of a public set (qm9).", metavar="DATA", argument=True)
    train: str | int | float | None = option(None, help="Training structures.", group="Data", metavar="COUNT|FRACTION")
    validation: str | int | float | None = option(
        None, help="Validation structures, which choose the best epoch.", group="Data", metavar="COUNT|FRACTION"
    )
    test: str | int | float | None = option(
        None, help="Test structures, which training never sees.", group="Data", metavar="COUNT|FRACTION"
    )
    seed: int = option(
        0, help="Random seed of the split, the initial weights and the order of the data.", group="Data", minimum=0,
        maximum=LARGEST_SPLIT_SEED,
    )  # fmt: skip
    epochs: int = option(
        Settings.epochs, help="Passes over the training set.", group="Training", minimum=1, maximum=LARGEST_EPOCHS
    )
    batch_size: int = option(
        Settings.batch_size, help="Structures in a step, over all devices.", group="Training", minimum=1,
        maximum=LARGEST_BATCH,
    )  # fmt: skip
    learning_rate: float = option(
        Settings.learning_rate, help="Peak of the learning rate schedule.", group="Training", above=0,
        minimum=SMALLEST_RATE, maximum=LARGEST_RATE,
    )  # fmt: skip
    optimizer: str = option(Settings.optimizer, help=OPTIMIZER_HELP, group="Training", choices=list(OPTIMIZER_NAMES))
    minutes: float | None = option(None, help="Time budget of the run, in minutes.", group="Training", above=0)
    patience: int | None = option(
        None, help="Stop after this many epochs without improvement.", group="Training", minimum=1
    )
    devices: int = option(Settings.devices, help="Processes on this machine.", group="Training", minimum=1)
    nodes: int = option(Settings.nodes, help="Machines (Lightning's own strategy).", group="Training", minimum=1)
    output: str | None = option(None, help="Folder of the run.", group="Run", metavar="DIR")
    config: str | None = option(
        None, help="Options from a TOML or JSON file, such as runs/x/config.json; those given here win.", group="Run",
        metavar="FILE",
    )  # fmt: skip
    tensorboard: bool = option(False, help="Write TensorBoard logs into the run.", group="Run")

    public: ClassVar[tuple[str, ...]] = ()
    """The names of the public sets that the task can learn from."""

    @classmethod
    def from_values(cls, task: str, values: Mapping[str, Any]) -> Self:
        """Checked options of a task from names and values, as Python code gives them.

        Args:
            task: The name of the task, for errors.
            values: By name. Paths may be `Path`, a list of one text may be that text.

        Raises:
            UsageError: There is no such option, or its value is not what was expected.
        """
        hints = get_type_hints(cls)
        known = [item.name for item in fields(cls)]
        if values.get("config") is not None:
            values = {**read_config(Path(values["config"]), task), **values}
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise unknown(f"option of {task}", name, known)
            value = str(value) if isinstance(value, Path) else value
            is_list = list in _accepted(hints.get(name, str))
            given[name] = (value,) if isinstance(value, str) and is_list else value
        if given.get("data") is None:
            raise UsageError(f"missing argument DATA; see intertwine fit {task} --help")
        options = cls(**given)
        options.check()
        return options

    def check(self) -> None:
        """Everything that can be found wrong without reading data or importing torch.

        Raises:
            UsageError: The first thing that is wrong.
        """
        check_rules(self)
        shares = self.shares.values()
        if self.data in self.public:
            check_split_size(self.data, [each for each in shares if isinstance(each, int)])
        if self.output is not None and not self.output.strip():
            raise UsageError(f'--output expects the name of a folder, got "{self.output}"')
        check_devices(self.devices)
        if (self.nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ) and self.output is None:
            raise UsageError("--nodes needs --output DIR: every process must mean the same folder")
        check_nodes(self.nodes)
        if self.tensorboard:
            check_tensorboard()

    @property
    def shares(self) -> dict[str, Number | None]:
        """How many structures, or which share of them, each part of the split is to have; None where it is not said.

        Raises:
            UsageError: One is neither a count nor a fraction.
        """
        return {name: share(name, getattr(self, name)) for name in ("train", "validation", "test")}

    @property
    def resolved(self) -> dict[str, Any]:
        """The options that name files, as they are kept with a run: wherever it is repeated."""
        return {"data": resolve(self.data)}

    @property
    def name(self) -> str:
        """What the folder of the run is called after."""
        return stem(self.data)

    @property
    def settings(self) -> Settings:
        """The numbers of the run, as the training floor wants them."""
        return Settings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            minutes=self.minutes,
            patience=self.patience,
            seed=self.seed,
            devices=self.devices,
            nodes=self.nodes,
            tensorboard=self.tensorboard,
        )
