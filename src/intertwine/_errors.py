"""The one exception that a user's files and options may cause."""

from __future__ import annotations


class UsageError(ValueError):
    """A file, an option or a configuration is not what was expected.

    The message is one line: what was expected, what came, how to mend it. The command line prints it after ``error:``
    and exits with code 2.
    """
