"""Files of reconstructed scenes: COLMAP models, point clouds, and a page."""

from intertwine.tasks.sfm.writing._colmap_model import write_colmap_model
from intertwine.tasks.sfm.writing._page import scene_page
from intertwine.tasks.sfm.writing._projective import write_projective_scene
from intertwine.tasks.sfm.writing._writing import write_ply, write_scene

__all__ = ["scene_page", "write_colmap_model", "write_ply", "write_projective_scene", "write_scene"]
