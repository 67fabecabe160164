"""Conformance tests of every family of point encoders."""

import pytest

from intertwine.testing import FamilyCase, FamilyTests, assert_equivariant


class TestFamilies(FamilyTests):
    rep_in = "4x0e + 2x1o + 1x2e"

    def families(self):
        return {
            "attention": FamilyCase("attention", {"hidden": "6x0e + 3x1o"}),
            "depthwise": FamilyCase("depthwise", {"hidden": "6x0e + 3x1o"}),
            "depthwise, squares": FamilyCase({"name": "depthwise", "correlation": 2}, {"hidden": "6x0e + 3x1o"}),
            "egnn": FamilyCase("egnn", {"hidden": "6x0e + 3x1o"}),
            "equiformer": FamilyCase("equiformer", {"hidden": "6x0e + 3x1o"}),
            "lifted": FamilyCase("lifted", {"hidden": "2"}),
            "message": FamilyCase("message", {"hidden": "6x0e + 3x1o"}, equivariant=False),
            "steerable": FamilyCase("steerable", {"hidden": "6x0e + 3x1o"}),
            "vector": FamilyCase("vector", {"rep_in": "1x0e + 1x1o", "hidden": "6x1o", "layers": 1}),
        }

    def test_message_passing_is_caught_under_rotation(self):
        with pytest.raises(AssertionError):
            assert_equivariant(self.make_encoder(self.families()["message"]))
