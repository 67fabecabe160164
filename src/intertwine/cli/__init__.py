"""The command line: `intertwine fit | evaluate | predict | audit | data ...`.

One command a file. Nothing here imports torch before a command has work for it, so help and errors of use are instant.
"""

from intertwine.cli._main import main

__all__ = ["main"]
