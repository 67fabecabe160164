"""`python -m intertwine` is `intertwine`."""

from __future__ import annotations

import sys

from intertwine.cli import main

if __name__ == "__main__":
    sys.exit(main())
