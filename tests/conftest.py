from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        dest="backends",
        help="backend of torch.compile in the conformance tests, such as inductor; may be repeated",
    )


SLOW = (
    "test_compile[",
    "test_compiled",
    "Modules::test_export",
    "Families::test_export",
    "Conformance::test_export",
    "test_law_without_pooling",
    "test_law_after_training",
    "test_mirror_images_are_the_same_or_not_as_the_group_says",
    "test_the_logits_are_invariant_in_use_and_in_training",
    "test_they_export_compile_and_copy",
    "test_arms_are_trained_measured_and_reported",
    "test_the_exported_file_has_forces_and_runs_without_this_library",
    "test_a_group_too_large_to_list",
    "test_planted_faults_are_found",
    "test_two_processes",
    "cli/test_demo.py",
    "tasks/clouds/test_exported.py",
    "tasks/clouds/test_processes.py",
    "training/test_processes.py",
)
"""Names of tests that compile, train in several processes, or take ten seconds and more: `make slow` runs them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(name in item.nodeid for name in SLOW):
            item.add_marker(pytest.mark.slow)
