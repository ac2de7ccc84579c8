"""Peak memory of the loading process, at one and at three million rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import load, made, state
from benchmarks.figures import Figure

TIMES = 3


def figures() -> list[Figure]:
    """The highest of three loads of each size, each in a process of its own."""
    peaks = {}
    for rows in (load.ROWS, 3 * load.ROWS):
        file = made.street_file("2022-03", rows)
        found = []
        for _ in range(TIMES):
            with state.fresh():
                found.append(_peak(file))
        peaks[rows] = found
    one, three = (max(found) for found in peaks.values())
    context = {f"{rows} rows, MB": found for rows, found in peaks.items()}
    return [
        Figure("load_peak_memory", one, context),
        Figure("load_memory_growth", three / one, context),
    ]


def _peak(file: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", str(file)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def _load(file: Path) -> None:
    """Fetch and parse a file in this process and print the peak of its memory, in MB of 1,000,000 bytes.

    The peak is the kernel's own of this program (VmHWM, proc(5)): that of getrusage begins with what its parent had.
    """
    from vru import pipeline
    from vru.profile import Source

    fetched = pipeline.fetch(load.FEED, Source("files"), file=file)
    fetched.check()
    pipeline.parse(load.FEED, fetched.deliveries).check()
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    sys.stdout.write(f"{round(peak_kib * 1024 / 1e6, 1)}\n")


if __name__ == "__main__":
    _load(Path(sys.argv[1]))
