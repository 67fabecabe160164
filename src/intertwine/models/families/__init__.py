"""Families of interactions that point encoders are made of, by registered name."""

from intertwine.models.families._attention import AttentionFamily
from intertwine.models.families._depthwise import DepthwiseFamily
from intertwine.models.families._egnn import EGNNFamily
from intertwine.models.families._equiformer import EquiformerFamily
from intertwine.models.families._family import OUTPUT_SCALE, Family, InteractionConfig
from intertwine.models.families._lifted import LiftedFamily, rotation_group
from intertwine.models.families._message import MessageFamily
from intertwine.models.families._registry import describe_family, get_family, known_families
from intertwine.models.families._steerable import SteerableFamily
from intertwine.models.families._vector import VectorEmbedding, VectorFamily

__all__ = [
    "OUTPUT_SCALE",
    "AttentionFamily",
    "DepthwiseFamily",
    "EGNNFamily",
    "EquiformerFamily",
    "Family",
    "InteractionConfig",
    "LiftedFamily",
    "MessageFamily",
    "SteerableFamily",
    "VectorEmbedding",
    "VectorFamily",
    "describe_family",
    "get_family",
    "known_families",
    "rotation_group",
]
