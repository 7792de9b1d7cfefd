"""Runs every stage in order; what is finished is skipped and what was interrupted continues.

    python train_all.py --work DIR --out DEMO_DIR

DEMO_DIR gets model/, lora/ and judge.safetensors, as they lie beside the folder of this file. No stage notices that an
earlier one was trained anew: delete the checkpoints of the later ones then.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

# Stage → the file or folder in WORK that exists once the stage is done. Stages without one check that
# themselves: the long trainings continue from their checkpoint and end at once where nothing is left.
STAGES = [
    ("render.py", None),
    ("vocabulary.py", "tokenizer_2/tokenizer_config.json"),
    ("vae.py", "vae/config.json"),
    ("text.py", "text_encoder_2/config.json"),
    ("encode.py", None),
    ("judge.py", "judge.safetensors"),
    ("base.py", None),
    ("decoder.py", None),
    ("distil.py", None),
    ("saturate.py", "saturated.pt"),
    ("schnell.py", None),
]


def main(options):
    """Runs the stages, then writes the model, the LoRA and the judge."""
    here, work, out = Path(__file__).resolve().parent, Path(options.work), Path(options.out)

    def run(script, *arguments):
        print(f"== {script}", flush=True)
        subprocess.run([sys.executable, str(here / script), "--work", options.work, *arguments], check=True)

    for script, done in STAGES:
        if done is None or not (work / done).exists():
            run(script)
    run("export.py", "--out", str(out / "model"))
    run("style.py", "--out", str(out / "lora"))
    shutil.copyfile(work / "judge.safetensors", out / "judge.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints, about 2 GB")
    parser.add_argument("--out", required=True, help="folder to write the model to, such as assets/demo")
    main(parser.parse_args())
