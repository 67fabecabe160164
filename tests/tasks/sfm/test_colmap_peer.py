"""Files of COLMAP beside pycolmap: what pycolmap writes is read as it has it, and pycolmap reads what is written."""

import contextlib

import numpy as np
import pytest
import torch

from intertwine.data.tracks import read_tracks, synthetic_tracks
from intertwine.tasks.sfm._reconstruction import Reconstruction
from intertwine.tasks.sfm.writing import write_colmap_model

MODELS = {
    "PINHOLE": [900.0, 950, 500, 400],
    "SIMPLE_RADIAL": [900.0, 500, 400, 0.05],
    "OPENCV": [900.0, 950, 500, 400, 0.05, -0.02, 1e-3, -2e-3],
}


@pytest.fixture
def pycolmap():
    return pytest.importorskip("pycolmap")


@pytest.fixture(params=MODELS)
def model(request, pycolmap, tmp_path):
    """Five images of 60 points, with keypoints of no point: a database and both kinds of model, as pycolmap writes."""
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig, options.num_points3D = 1, 1, 5, 60
    options.camera_width, options.camera_height = 1000, 800
    options.camera_model_id = getattr(pycolmap.CameraModelId, request.param)
    options.camera_params = MODELS[request.param]
    (tmp_path / "database").mkdir()
    with contextlib.closing(pycolmap.Database.open(tmp_path / "database" / "database.db")) as database:
        made = pycolmap.synthesize_dataset(options, database)
    for kind in ("text", "binary"):
        (tmp_path / kind).mkdir()
        getattr(made, f"write_{kind}")(tmp_path / kind)
    return made


def observations(model):
    """Without the distortion, of images by name: numbers of images, numbers of points, and pixels."""
    rows, pixels = [], []
    for number, image in enumerate(sorted(model.images.values(), key=lambda image: image.name)):
        matrix = image.camera.calibration_matrix() @ image.cam_from_world().matrix()
        for point in image.points2D:
            if point.has_point3D():
                rows.append((number, point.point3D_id))
                seen = matrix @ [*model.points3D[point.point3D_id].xyz, 1]
                pixels.append(seen[:2] / seen[2])
    return torch.tensor(rows), torch.tensor(np.stack(pixels))


def assert_same_tracks(found, model, tolerance):
    """The observations in one order; the numbers of points may be others, but equal where theirs are equal."""
    rows, pixels = observations(model)
    assert torch.equal(found.camera, rows[:, 0])
    pairs = torch.stack([found.point, rows[:, 1]], 1).unique(dim=0)
    assert len(pairs) == len(pairs[:, 0].unique()) == len(pairs[:, 1].unique()) == model.num_points3D()
    torch.testing.assert_close(found.xy, pixels, atol=tolerance, rtol=0)
    matrix = torch.tensor(next(iter(model.cameras.values())).calibration_matrix())
    torch.testing.assert_close(found.intrinsics, matrix.expand(5, 3, 3))
    assert found.sizes.tolist() == 5 * [[1000, 800]]


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_models_of_pycolmap_are_read(model, tmp_path, kind):
    found = read_tracks(tmp_path / kind)
    assert_same_tracks(found, model, 1e-6)
    poses = {image.name: image.cam_from_world().matrix() for image in model.images.values()}
    ours = torch.cat([found.poses.rotations, found.poses.translations[..., None]], 2)
    torch.testing.assert_close(ours, torch.tensor(np.stack([poses[name] for name in found.names])))


def test_databases_of_pycolmap_are_read(model, tmp_path):
    """Keypoints are float32 there: 6e-5 pixels of 1,000."""
    assert_same_tracks(read_tracks(tmp_path / "database" / "database.db"), model, 3e-4)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_pycolmap_reads_what_is_written(pycolmap, tmp_path, kind):
    tracks, points = synthetic_tracks(4, 50, visible=0.8, noise=0.0, seed=1)
    tracks = tracks.replaced(sizes=torch.tensor([[1600, 1200]]).expand(4, 2))
    inliers = torch.ones(len(tracks.camera), dtype=torch.bool)
    write_colmap_model(tmp_path, Reconstruction(tracks, *tracks.poses, points, inliers))
    model = pycolmap.Reconstruction()
    getattr(model, f"read_{kind}")(tmp_path)
    images = sorted(model.images.values(), key=lambda image: image.image_id)
    assert [image.name for image in images] == list(tracks.names)
    poses = torch.tensor(np.stack([image.cam_from_world().matrix() for image in images]))
    torch.testing.assert_close(poses, torch.cat([tracks.poses.rotations, tracks.poses.translations[..., None]], 2))
    for image, matrix in zip(images, tracks.intrinsics.numpy(), strict=True):
        assert (image.camera.model.name, image.camera.width, image.camera.height) == ("PINHOLE", 1600, 1200)
        np.testing.assert_allclose(image.camera.calibration_matrix(), matrix, rtol=1e-15)
    found = np.stack([model.points3D[number].xyz for number in sorted(model.points3D)])
    seen = tracks.point.unique()
    assert sorted(model.points3D) == (seen + 1).tolist()
    np.testing.assert_allclose(found, points[seen], rtol=1e-15)
    for k, image in enumerate(images):
        kept = [(point.point3D_id - 1, *point.xy) for point in image.points2D if point.has_point3D()]
        rows = tracks.camera == k
        expected = torch.cat([tracks.point[rows, None].double(), tracks.xy[rows]], 1)
        torch.testing.assert_close(torch.tensor(kept, dtype=torch.float64), expected)
    elements = {(e.image_id, n) for n, point in model.points3D.items() for e in point.track.elements}
    assert elements == {(c + 1, p + 1) for c, p in zip(tracks.camera.tolist(), tracks.point.tolist(), strict=True)}
    model.update_point_3d_errors()
    assert model.compute_mean_reprojection_error() < 1e-9
