from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        dest="backends",
        help="backend of torch.compile in the conformance tests, such as inductor; may be repeated",
    )
