"""The UNet of Stable Diffusion v1: diffusers' UNet2DConditionModel."""

from collections.abc import Iterator
from typing import Final

from reconstructed.model import Part, Row
from reconstructed.pieces import convolution, linear, norm, resnet

_TEXT: Final = 768  # width of the text encoder that it attends to
_TIMES: Final = 1_280  # four times the first block's channels

# Channels out of each block, those into each of its resnets, whether it attends to the text, and
# whether it changes the size. The way up takes the way down's outputs in reverse, each beside what
# comes from below.
_Block = tuple[int, tuple[int, ...], bool, bool]
_DOWN: Final[tuple[_Block, ...]] = (
    (320, (320, 320), True, True),
    (640, (320, 640), True, True),
    (1_280, (640, 1_280), True, True),
    (1_280, (1_280, 1_280), False, False),
)
_UP: Final[tuple[_Block, ...]] = (
    (1_280, (1_280 + 1_280, 1_280 + 1_280, 1_280 + 1_280), False, True),
    (1_280, (1_280 + 1_280, 1_280 + 1_280, 1_280 + 640), True, True),
    (640, (1_280 + 640, 640 + 640, 640 + 320), True, True),
    (320, (640 + 320, 320 + 320, 320 + 320), True, False),
)


def _rows() -> Iterator[Row]:
    yield from linear("time_embedding.linear_1", _TIMES, 320)
    yield from linear("time_embedding.linear_2", _TIMES, _TIMES)
    yield from convolution("conv_in", 320, 4)
    for at, (out, into, attends, halves) in enumerate(_DOWN):
        yield from _block(f"down_blocks.{at}", out, into, attends=attends)
        if halves:
            yield from convolution(f"down_blocks.{at}.downsamplers.0.conv", out, out)
    yield from _block("mid_block", 1_280, (1_280, 1_280), attends=True, attentions=1)
    for at, (out, into, attends, doubles) in enumerate(_UP):
        yield from _block(f"up_blocks.{at}", out, into, attends=attends)
        if doubles:
            yield from convolution(f"up_blocks.{at}.upsamplers.0.conv", out, out)
    yield from norm("conv_norm_out", 320)
    yield from convolution("conv_out", 4, 320)


def _block(
    name: str, out: int, into: tuple[int, ...], *, attends: bool, attentions: int | None = None
) -> Iterator[Row]:
    """Resnets, each with an attention behind it unless another number of them is given."""
    for at, channels in enumerate(into):
        yield from resnet(f"{name}.resnets.{at}", out, channels, times=_TIMES)
    for at in range(attentions or len(into)) if attends else ():
        yield from _transformer(f"{name}.attentions.{at}", out)


def _transformer(name: str, width: int) -> Iterator[Row]:
    """diffusers' Transformer2DModel of one block: attention to itself, then to the text."""
    block = f"{name}.transformer_blocks.0"
    yield from norm(f"{name}.norm", width)
    yield from convolution(f"{name}.proj_in", width, width, width=1)
    for at, context in (1, width), (2, _TEXT):
        yield f"{block}.attn{at}.to_q.weight", f"{width} {width}"
        yield f"{block}.attn{at}.to_k.weight", f"{width} {context}"
        yield f"{block}.attn{at}.to_v.weight", f"{width} {context}"
        yield from linear(f"{block}.attn{at}.to_out.0", width, width)
    yield from linear(f"{block}.ff.net.0.proj", 8 * width, width)  # GEGLU: gate and value
    yield from linear(f"{block}.ff.net.2", width, 4 * width)
    for at in 1, 2, 3:
        yield from norm(f"{block}.norm{at}", width)
    yield from convolution(f"{name}.proj_out", width, width, width=1)


UNET: Final = Part(
    folder="unet/",
    stem="diffusion_pytorch_model",
    table=tuple(_rows()),
    config={
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": "0.2.2",
        "act_fn": "silu",
        "attention_head_dim": 8,
        "block_out_channels": [320, 640, 1_280, 1_280],
        "center_input_sample": False,
        "cross_attention_dim": 768,
        "down_block_types": [
            "CrossAttnDownBlock2D",
            "CrossAttnDownBlock2D",
            "CrossAttnDownBlock2D",
            "DownBlock2D",
        ],
        "downsample_padding": 1,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "in_channels": 4,
        "layers_per_block": 2,
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-05,
        "norm_num_groups": 32,
        "out_channels": 4,
        "sample_size": 64,
        "up_block_types": [
            "UpBlock2D",
            "CrossAttnUpBlock2D",
            "CrossAttnUpBlock2D",
            "CrossAttnUpBlock2D",
        ],
    },
)
