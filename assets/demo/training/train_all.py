"""Runs every stage in order; what is finished is skipped and what was interrupted continues.

    python train_all.py --work DIR --out MODEL_DIR
"""

import argparse
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
    ("base.py", None),
    ("distil.py", None),
    ("judge.py", "judge.pt"),
]


def main(options):
    """Runs the stages, then exports, measures and draws the contact sheet."""
    here = Path(__file__).resolve().parent

    def run(script, *arguments):
        print(f"== {script}", flush=True)
        subprocess.run([sys.executable, str(here / script), "--work", options.work, *arguments], check=True)

    for script, done in STAGES:
        if done is None or not (Path(options.work) / done).exists():
            run(script)
    run("export.py", "--out", options.out)
    run("evaluate.py", "--model", options.out)
    run("contact_sheet.py", "--model", options.out, "--out", str(Path(options.work) / "contact-sheet.png"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints, about 2 GB")
    parser.add_argument("--out", required=True, help="folder to write the model to")
    main(parser.parse_args())
