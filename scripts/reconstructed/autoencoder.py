"""The VAE of Stable Diffusion v1: diffusers' AutoencoderKL.

Its attentions have the names from before diffusers 0.16 (query, key, value, proj_attn), which have
stayed in the files.
"""

from collections.abc import Iterator
from typing import Final

from reconstructed.model import Part, Row
from reconstructed.pieces import convolution, linear, norm, resnet

_MIDDLE: Final = 512
_LATENT: Final = 4  # channels of a latent picture; the encoder gives mean and variance of each

# Channels out of each block, those into each of its resnets, and whether it changes the size.
_Block = tuple[int, tuple[int, ...], bool]
_ENCODER: Final[tuple[_Block, ...]] = (
    (128, (128, 128), True),
    (256, (128, 256), True),
    (512, (256, 512), True),
    (512, (512, 512), False),
)
_DECODER: Final[tuple[_Block, ...]] = (
    (512, (512, 512, 512), True),
    (512, (512, 512, 512), True),
    (256, (512, 256, 256), True),
    (128, (256, 128, 128), False),
)


def _rows() -> Iterator[Row]:
    yield from convolution("encoder.conv_in", 128, 3)
    for at, (out, into, halves) in enumerate(_ENCODER):
        yield from _block(f"encoder.down_blocks.{at}", out, into)
        if halves:
            yield from convolution(f"encoder.down_blocks.{at}.downsamplers.0.conv", out, out)
    yield from _middle("encoder.mid_block")
    yield from norm("encoder.conv_norm_out", _MIDDLE)
    yield from convolution("encoder.conv_out", 2 * _LATENT, _MIDDLE)
    yield from convolution("quant_conv", 2 * _LATENT, 2 * _LATENT, width=1)
    yield from convolution("post_quant_conv", _LATENT, _LATENT, width=1)
    yield from convolution("decoder.conv_in", _MIDDLE, _LATENT)
    yield from _middle("decoder.mid_block")
    for at, (out, into, doubles) in enumerate(_DECODER):
        yield from _block(f"decoder.up_blocks.{at}", out, into)
        if doubles:
            yield from convolution(f"decoder.up_blocks.{at}.upsamplers.0.conv", out, out)
    yield from norm("decoder.conv_norm_out", 128)
    yield from convolution("decoder.conv_out", 3, 128)


def _block(name: str, out: int, into: tuple[int, ...]) -> Iterator[Row]:
    for at, channels in enumerate(into):
        yield from resnet(f"{name}.resnets.{at}", out, channels)


def _middle(name: str) -> Iterator[Row]:
    yield from _block(name, _MIDDLE, (_MIDDLE, _MIDDLE))
    attention = f"{name}.attentions.0"
    yield from norm(f"{attention}.group_norm", _MIDDLE)
    for part in ("query", "key", "value", "proj_attn"):
        yield from linear(f"{attention}.{part}", _MIDDLE, _MIDDLE)


VAE: Final = Part(
    folder="vae/",
    stem="diffusion_pytorch_model",
    table=tuple(_rows()),
    config={
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.2.2",
        "act_fn": "silu",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "in_channels": 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "out_channels": 3,
        "sample_size": 512,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    },
)
