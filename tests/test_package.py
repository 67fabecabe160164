"""What importing costs, and that every public name is what it says."""

import subprocess
import sys

import pytest

import intertwine


def loaded_by(statement: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("statement", ["import intertwine", "import intertwine.cli", "from intertwine import tasks"])
def test_neither_the_package_nor_the_command_line_loads_what_is_slow(statement: str) -> None:
    assert not loaded_by(statement) & {"torch", "lightning", "ase", "matplotlib", "scipy", "numpy", "pandas"}


def test_the_library_leaves_the_extras_alone() -> None:
    names = "from intertwine import " + ", ".join(name for name in intertwine.__all__)
    assert not loaded_by(names) & {"lightning", "ase", "matplotlib", "pandas", "safetensors", "e3nn", "qm9pack"}


def test_the_slow_modules_are_noticed() -> None:
    assert "torch" in loaded_by("import intertwine; intertwine.SO3()")


@pytest.mark.parametrize("name", intertwine.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(intertwine, name) is not None
    assert name in dir(intertwine)


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'SO4'"):
        _ = intertwine.SO4


@pytest.mark.parametrize(("name", "package"), [("audit", "auditing"), ("intertwiners", "hom")])
@pytest.mark.parametrize("first", ["", "import intertwine.{package}; ", "from intertwine.{package} import {name}; "])
def test_a_function_and_its_package_have_different_names(name: str, package: str, first: str) -> None:
    check = f"import types; assert isinstance(iw.{name}, types.FunctionType)"
    code = f"import intertwine as iw; {first.format(name=name, package=package)}{check}"
    subprocess.run([sys.executable, "-c", code], check=True)
