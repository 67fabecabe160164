from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import warnings
from importlib.metadata import requires

import pytest

from intertwine import __version__, tasks
from intertwine.cli import _app, main
from intertwine.cli._interrupts import guard
from intertwine.cli._usage import missing_extra


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["fit", "--help"],
        ["fit", "properties", "--help"],
        ["evaluate", "--help"],
        ["fit", "properties", "qm9", "--target", "polarizabilty"],
        ["fit", "properties", "qm9", "--target", "gap", "--encoder", "vektor"],
        ["predict", "nowhere", "nothing.xyz"],
        ["data", "qm8"],
        ["data"],
        ["-h"],
        ["-V"],
        ["runs"],
        ["fit", "properties", "pyproject.toml", "--target", "a", "--devices", "1000"],
        ["fit", "properties", "pyproject.toml", "--target", "a", "--nodes", "2"],
        ["fit", "properties", "pyproject.toml", "--target", "a", "--output", ""],
        ["fit", "classify", "tests", "--points", "100000000000"],
        ["fit", "classify", "circuit-parts"],
    ],
)
def test_what_needs_no_torch_does_not_load_it(words):
    heavy = "{'torch', 'lightning', 'ase', 'matplotlib', 'pandas', 'numpy', 'scipy'}"
    code = f"import sys; from intertwine.cli import main; main({words!r})\nfound = {heavy} & set(sys.modules)"
    done = python(f"{code}\nassert not found, found")
    assert done.returncode == 0, done.stderr


def test_python_m_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "intertwine", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"intertwine {__version__}\n")
    wrong = subprocess.run([sys.executable, "-m", "intertwine", "evalute"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2


@pytest.mark.parametrize("name", ["", "fit", *(f"fit {task}" for task in tasks.names()), *_app.COMMANDS])
def test_short_and_long_help_with_two_examples(run, name):
    words = name.split()
    short, long = run(*words, "-h").out, run(*words, "--help").out
    assert short == long
    assert "Usage: intertwine" in short
    if name:
        assert len([line for line in short.splitlines() if line.strip().startswith(f"intertwine {words[0]}")]) == 2


def test_the_short_flag_of_the_version(run):
    assert run("-V").out == run("--version").out == f"intertwine {__version__}\n"


def test_completion_of_the_shell():
    typed = {"_INTERTWINE_COMPLETE": "complete_bash", "COMP_WORDS": "intertwine ev", "COMP_CWORD": "1"}
    done = python("from intertwine.cli import main; main([])", env={**os.environ, **typed})
    assert done.stdout.split() == ["evaluate"]


def test_without_a_command_there_is_help(run):
    assert "fit" in run().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["evalute"],
            f'no command "evalute"; did you mean "evaluate"? Known: {", ".join(sorted([*_app.COMMANDS, "fit"]))}',
        ),
        (
            ["fit", "propertys", "x"],
            'no task "propertys"; did you mean "properties"? Known: classify, dock, images, keypoints, potential, '
            "properties, register, segment, sfm, weights",
        ),
        (["fit", "properties", "mine.extxyz", "--traget", "a"], 'no option "--traget"; did you mean "--target"?'),
        (["--hepl"], 'no option "--hepl"; did you mean "--help"?'),
        (["fit", "properties", "mine.extxyz", "--target", "a", "--encoder", "steerabel"], 'did you mean "steerable"?'),
        (["fit", "properties", "mine.extxyz", "--target", "a", "--pool", "max"], "Known: mean, sum"),
        (["data", "qm8"], 'no public set "qm8"; did you mean "qm9"?'),
        (["evaluate"], "missing argument CHECKPOINT; see intertwine evaluate --help"),
        (["fit", "properties"], "missing argument DATA"),
        (
            ["fit"],
            "fit expects a task (classify, dock, images, keypoints, potential, properties, register, segment, sfm, "
            "weights)",
        ),
        (["fit", "--epochs", "3", "properties", "mine.extxyz"], "options come after the task"),
        (["fit", "properties", "mine.extxyz", "--resume", "x"], "intertwine fit --resume RUN"),
        (["fit", "properties", "mine.extxyz", "--epochs", "many"], "--epochs expects a whole number"),
        (["fit", "properties", "mine.extxyz", "--cutoff", "near"], "--cutoff expects a number"),
        (["evaluate", "a", "b", "c"], "unexpected extra argument"),
        (["fit", "properties", "mine.extxyz", "--target"], "requires an argument"),
    ],
)
def test_slips_of_the_keyboard(run, here, words, said):
    found = run(*words, code=2)
    assert said in found.err
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert found.out == ""


@pytest.fixture
def failing(monkeypatch):
    """A command `data` that does something else."""

    def install(function):
        monkeypatch.setitem(_app.COMMANDS, "data", function)
        _app.command.cache_clear()

    yield install
    monkeypatch.undo()
    _app.command.cache_clear()


def raising(error):
    def fail() -> int:
        raise error

    return fail


def test_a_defect_of_ours_is_one_line_and_a_file(run, failing, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(raising(ZeroDivisionError("twice\ntwo lines")))
    found = run("data", code=1)
    assert found.err.startswith("error: unexpected ZeroDivisionError: twice two lines; details in ")
    assert found.err.count("\n") == 1
    (log,) = tmp_path.glob("intertwine-*.log")
    assert "Traceback" in log.read_text()
    assert str(log) in found.err


@pytest.mark.parametrize("words", [["--debug", "data"], ["data", "--debug"]])
def test_debug_shows_the_traceback(run, failing, words, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(raising(ZeroDivisionError("oh")))
    assert "Traceback" in run(*words, code=1).err


def test_ctrl_c_is_one_line(run, failing):
    failing(raising(KeyboardInterrupt()))
    found = run("data", code=130)
    assert found.err.startswith("interrupted: ")
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_the_file_system_is_not_our_defect(run, failing, number):
    failing(raising(OSError(number, "Refused by the system", "some/file")))
    found = run("data", code=2)
    assert found.err == "error: refused by the system: some/file; what was saved before is untouched\n"


def test_a_missing_extra_is_named(run, failing):
    failing(raising(ModuleNotFoundError("No module named 'lightning'", name="lightning.pytorch")))
    assert 'pip install "intertwine[train]"' in run("data", code=2).err
    assert missing_extra(ModuleNotFoundError("no", name="somebody_elses")) is None


def test_the_advice_names_the_extra_that_declares_the_package():
    declared = [line.replace("'", '"') for line in requires("intertwine") or []]
    for package in ("lightning", "safetensors", "ase", "qm9pack", "matplotlib"):
        extra = missing_extra(ModuleNotFoundError("no", name=package)).split("[")[1].split("]")[0]
        assert any(line.startswith(package) and line.endswith(f'extra == "{extra}"') for line in declared), package


def test_our_warnings_and_logs_are_notes_and_those_of_others_are_not_seen(run, failing):
    def warn() -> int:
        warnings.warn_explicit("ours", UserWarning, "/somewhere/intertwine/data/_x.py", 1)
        warnings.warn_explicit("theirs", UserWarning, "/somewhere/lightning/x.py", 1)
        logging.getLogger("intertwine.data").warning("a cache is %s", "damaged")
        return 0

    failing(warn)
    assert run("data").err == "note: ours\nnote: a cache is damaged\n"


def test_a_closed_pipe_is_silence():
    code = "import sys; from intertwine.cli import main; sys.exit(main(['fit', 'properties', '--help']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() in (0, 1)


def test_a_pipe_that_closes_in_the_middle_ends_well():
    done = python(
        "import errno, sys; from intertwine.cli import main, _app\n"
        "def fail() -> int:\n    raise BrokenPipeError(errno.EPIPE, 'closed')\n"
        "_app.COMMANDS['data'] = fail; sys.exit(main(['data']))"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_guarding_keeps_the_name_and_the_value():
    def command(x: int) -> int:
        """Help."""
        return x

    assert guard(command)(3) == 3
    assert (guard(command).__name__, guard(command).__doc__) == ("command", "Help.")


def test_exit_codes_are_those_of_commands(failing):
    failing(lambda: 1)
    assert main(["data"]) == 1
