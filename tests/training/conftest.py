import signal
import sys
from pathlib import Path

import pytest

# The toys must be importable by name: spawned processes unpickle them.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def listen_to_ctrl_c():
    """A test run that a shell has put into the background ignores SIGINT; these tests must not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
