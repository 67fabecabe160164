import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from group_toys import GROUPS


@pytest.fixture(params=GROUPS)
def group(request: pytest.FixtureRequest):
    return GROUPS[request.param]
