"""The folder of these tests on the path, so that they share `emt_frames`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
