"""What every script that runs models does first."""

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


def set_up() -> None:
    """No chatter, and sums in a fixed order: two runs write the same bytes."""
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
