"""Fuzzer of the command line: seeded inputs, right, wrong and odd, and the counts of what they did.

    python tools/fuzz_cli.py --count 2000 --seed 1

Exit code 1 if there is a fault: a traceback, an "unexpected" error, no end after 20 seconds of computing
or waiting, an error that takes longer
than it may, files that an error leaves, an input known to be wrong that is accepted, or one known to be right that is
refused. One input again: `--first NUMBER --count 1 --show`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzzing"))


def main() -> int:
    """Run the fuzzer as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="number of inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument(
        "--hang",
        type=float,
        default=20.0,
        help="seconds of processor time, or of waiting, after which an input is ended",
    )
    parser.add_argument("--base", type=Path, help="folder that keeps the trained runs from one call to the next")
    parser.add_argument("--planted", action="store_true", help="run the planted faults instead")
    parser.add_argument("--show", action="store_true", help="print each input and what it did")
    parser.add_argument("--json", type=Path, help="file for the counts")
    options = parser.parse_args()

    from fuzz_harness import faults, fuzz, make_base, make_case, preload, run_case
    from fuzz_planted import PLANTED

    preload()
    with tempfile.TemporaryDirectory() as folder:
        place = options.base or Path(folder)
        base = place / "base" if (place / "base").is_dir() else make_base(place)
        if options.planted:
            found = {name: faults(case, run_case(case, base, options.hang)) for name, case in PLANTED.items()}
            print(json.dumps(found))
            return 0 if all(name.split(",")[0] in kinds for name, kinds in found.items()) else 1
        numbers = range(options.first, options.first + options.count)
        if options.show:
            for number in numbers:
                case = make_case(options.seed, number)
                print(case, *run_case(case, base, options.hang), sep="\n  ")
            return 0
        tally = fuzz(numbers, options.seed, base, options.hang, lambda line: print(line, flush=True))
    for name, count in sorted(tally.counts.items()):
        print(f"{name:28s}{count}")
    total = sum(seconds for seconds, _ in tally.seconds)
    print(f"{'processor seconds':28s}{total:.0f}")
    for seconds, name in sorted(tally.seconds, reverse=True)[:5]:
        print(f"  {seconds:5.1f} s {name[:200]}")
    if options.json is not None:
        options.json.write_text(json.dumps({"counts": tally.counts, "faults": tally.faults}))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
