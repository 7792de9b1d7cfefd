"""How many steps run for every number of steps and every strength of two digits, as diffusers counts them.

Writes `strengths.json`: for each number of steps from 1 to 50 a row, in it for each strength 0, 0.01 … 1 the first step
that runs. At strength 0 that is the number of steps, and the pipelines refuse.
"""

import json
from pathlib import Path
from types import SimpleNamespace

from diffusers import FluxImg2ImgPipeline, FluxInpaintPipeline

FILE = Path(__file__).resolve().parent.parent / "data" / "strengths.json"


class Scheduler:
    """As much of a scheduler as counting needs: it hears where the schedule begins."""

    order = 1

    def __init__(self, steps: int):
        self.timesteps = list(range(steps))
        self.begin = 0

    def set_begin_index(self, begin: int) -> None:
        self.begin = begin


def first_step(pipeline: type, steps: int, strength: float) -> int:
    scheduler = Scheduler(steps)
    pipeline.get_timesteps(SimpleNamespace(scheduler=scheduler), steps, strength, "cpu")
    return scheduler.begin


def main() -> None:
    rows = []
    for steps in range(1, 51):
        row = [first_step(FluxImg2ImgPipeline, steps, percent / 100) for percent in range(101)]
        assert row == [first_step(FluxInpaintPipeline, steps, percent / 100) for percent in range(101)]
        rows.append(row)
    FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
