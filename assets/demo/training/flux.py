"""The tiny FLUX.1 transformer, and what is needed to run it: packing, positions, schedule."""

import torch
from diffusers import FluxTransformer2DModel

CONFIG = dict(
    patch_size=1, in_channels=64, num_layers=2, num_single_layers=4, attention_head_dim=32, num_attention_heads=4,
    joint_attention_dim=128, pooled_projection_dim=128, guidance_embeds=True, axes_dims_rope=(8, 12, 12),
)
# Of FluxPipeline's shifted schedule, as in FLUX.1-dev.
SCHEDULER = dict(
    num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=True,
    base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096,
)


def build(seed, **other):
    """A new transformer whose blocks start as identity and whose output starts at zero; `other` replaces parts of CONFIG."""
    torch.manual_seed(seed)
    model = FluxTransformer2DModel(**{**CONFIG, **other})
    with torch.no_grad():
        for name, p in model.named_parameters():
            if ("norm" in name and "linear" in name) or name.startswith("proj_out"):
                p.zero_()
            elif "time_text_embed" in name and name.endswith("weight"):
                torch.nn.init.normal_(p, std=0.02)
    return model


def pack(latents):
    """(b, 16, h, w) → (b, h/2 · w/2, 64), one token per 2 × 2 patch."""
    b, c, h, w = latents.shape
    return latents.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h // 2 * (w // 2), c * 4)


def unpack(tokens, h, w):
    """The inverse of `pack`."""
    b = tokens.shape[0]
    return tokens.view(b, h // 2, w // 2, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, 16, h, w)


def positions(h, w):
    """Row and column of every image token: (h/2 · w/2, 3), the first of the three is always 0."""
    ids = torch.zeros(h // 2, w // 2, 3)
    ids[..., 1] += torch.arange(h // 2)[:, None]
    ids[..., 2] += torch.arange(w // 2)[None]
    return ids.reshape(-1, 3)


def velocity(model, tokens, t, pooled, sequence, guidance, image_ids):
    """The predicted direction from picture to noise; `t` is 1 at pure noise."""
    return model(hidden_states=tokens, encoder_hidden_states=sequence, pooled_projections=pooled, timestep=t,
                 guidance=guidance, img_ids=image_ids, txt_ids=torch.zeros(sequence.shape[1], 3), return_dict=False)[0]
