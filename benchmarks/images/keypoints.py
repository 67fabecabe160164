"""Keypoints against in-plane rotation, on held-out photos, and on graf1/graf3 with their homography.

Ours, the plain twin of the same size, and OpenCV's SIFT, on the same pairs with the same number of keypoints and
without a ratio test. The plain twin is trained on pairs that are turned by any angle, as ours ("plain"), and by 30
degrees at most ("plain-30").

    python benchmarks/images/keypoints.py TRAIN TEST --graf OPENCV_DATA      about 12 minutes on one core
    python benchmarks/images/keypoints.py TRAIN TEST --methods equivariant plain plain-30 sift --seeds 0 1 2

TRAIN and TEST are folders of photos. Debian's packages lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and
mate-backgrounds have photos to train on (`apt-get download`, `dpkg-deb -x`), scikit-image's wheel has others to test on
(skimage/data), and opencv-doc has graf1.png, graf3.png and H1to3p.xml (examples/data), and more photos to train on. One
JSON object a run goes to --output; a table is printed last.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from intertwine.data import Split, read_image, to_float
from intertwine.ops import Keypoints, sift
from intertwine.tasks.keypoints import (
    KeypointOptions,
    KeypointPredictor,
    KeypointTask,
    read_photos,
    rotation_curve,
    score_pair,
)
from intertwine.training import fit, load_checkpoint

TOLERANCE, RESOLUTION, CROP = 3.0, 400, 96
GRAF_KEYPOINTS = 1024
LEARNED = {
    "equivariant": {},
    "so2": {"group": "SO2"},
    "plain": {"model": "plain"},
    "plain-30": {"model": "plain", "rotation": 30.0},
}
METHODS = (*LEARNED, "sift", "opencv-sift")


def opencv_sift(image, count):
    """OpenCV's SIFT as a function like `intertwine.ops.sift`."""
    import cv2

    pixels = (255 * image).round().to(torch.uint8).numpy()
    points, descriptors = cv2.SIFT_create().detectAndCompute(pixels, None)
    if not points:
        return Keypoints(*(torch.zeros(0, *size) for size in ((2,), (), (), (), (128,))))
    found = Keypoints(
        torch.tensor([point.pt for point in points]),
        torch.tensor([point.size / 2 for point in points]),
        torch.tensor([point.angle for point in points]).deg2rad(),
        torch.tensor([point.response for point in points]),
        torch.nn.functional.normalize(torch.from_numpy(descriptors)),
    )
    return found.select(found.responses.argsort(descending=True, stable=True)[:count])


def extractors(method, train, seed, minutes):
    """What finds keypoints at one level and at several, and what is known of its training."""
    if method in ("sift", "opencv-sift"):
        extract = sift if method == "sift" else opencv_sift
        return extract, extract, {}
    begin = time.time()
    with tempfile.TemporaryDirectory() as folder:
        options = KeypointOptions.from_values("keypoints", {
            "data": train, "test": 0, "minutes": minutes, "epochs": 1000, "seed": seed, "crop": CROP,
            "resolution": RESOLUTION, **LEARNED[method],
        })  # fmt: skip
        job = KeypointTask().prepare(options)
        result = fit(job, Path(folder) / "run", options.settings)
        load_checkpoint(result.best).load_into(job.network)
    model = job.network.eval()
    predictor = KeypointPredictor(model, job.config, Split.from_json(job.split))
    parameters = {name: sum(weight.numel() for weight in part.parameters())
                  for name, part in (("detector", model.detector), ("descriptor", model.descriptor))}  # fmt: skip
    known = {"minutes": round((time.time() - begin) / 60, 2), "epochs": len(result.history), "parameters": parameters}
    return predictor.extract_upright, predictor.extract, known


def rotations(extract, photos, step):
    """Figures at each angle."""
    points = rotation_curve(photos.pixels, extract, TOLERANCE, degrees=range(0, 181, step))
    upright = points[0].score.correct
    return {
        "degrees": [point.degrees for point in points],
        "repeatability": [round(point.score.repeatability, 4) for point in points],
        "accuracy": [round(point.score.accuracy, 4) for point in points],
        "matching_score": [round(point.score.matching_score, 4) for point in points],
        "kept": [round(point.score.correct / max(upright, 1), 4) for point in points],
    }


def graf(extract, folder):
    """Figures of graf1 and graf3."""
    text = (Path(folder) / "H1to3p.xml").read_text()
    numbers = re.search(r"<data>(.*?)</data>", text, re.DOTALL)[1].split()
    homography = torch.from_numpy(np.array(numbers, dtype=np.float64).reshape(3, 3))
    images = [to_float(read_image(Path(folder) / f"graf{k}.png", channels=1).pixels)[0] for k in (1, 3)]
    points = [extract(image, GRAF_KEYPOINTS) for image in images]
    score = score_pair(*points, homography, [image.shape for image in images], TOLERANCE)
    return {"repeatability": round(score.repeatability, 4), "accuracy": round(score.accuracy, 4),
            "correct": score.correct}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="folder of photos to train and validate on")
    parser.add_argument("test", help="folder of other photos")
    parser.add_argument("--graf", help="folder with graf1.png, graf3.png and H1to3p.xml")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["opencv-sift", "equivariant", "plain"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=4.5, help="of training, each")
    parser.add_argument("--step", type=int, default=15, help="degrees between two angles")
    parser.add_argument("--output", default="keypoints.jsonl")
    arguments = parser.parse_args()
    photos, rows = read_photos(arguments.test, RESOLUTION, CROP), []
    for method in arguments.methods:
        for seed in arguments.seeds if method in LEARNED else [None]:
            one_level, levels, known = extractors(method, arguments.train, seed, arguments.minutes)
            row = {"method": method, "seed": seed, "photos": len(photos), **known}
            row |= {"rotation": rotations(one_level, photos, arguments.step)}
            if arguments.graf:
                row["graf"] = graf(levels, arguments.graf)
            print(json.dumps(row), flush=True)
            with open(arguments.output, "a") as file:
                file.write(json.dumps(row) + "\n")
            rows.append(row)
    print(table(rows))


def table(rows):
    """A line for each angle, of each method the repeatability, the accuracy, and the share of matches kept."""
    names = [row["method"] if row["seed"] is None else f"{row['method']}, seed {row['seed']}" for row in rows]
    lines = [f"| degrees | {' | '.join(names)} |", "|---" * (len(rows) + 1) + "|"]
    for number, degrees in enumerate(rows[0]["rotation"]["degrees"]):
        cells = []
        for row in rows:
            found = [row["rotation"][name][number] for name in ("repeatability", "accuracy", "kept")]
            cells.append(" / ".join(f"{100 * value:.1f}" for value in found))
        lines.append(f"| {degrees} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
