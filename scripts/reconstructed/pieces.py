"""Rows that every diffusion model is made of: a `name` with what it multiplies by and adds."""

from reconstructed.model import Row

Size = int | str  # a number, or a word of the part's dimensions


def linear(name: str, out: Size, into: Size) -> tuple[Row, ...]:
    return (f"{name}.weight", f"{out} {into}"), (f"{name}.bias", f"{out}")


def convolution(name: str, out: Size, into: Size, width: int = 3) -> tuple[Row, ...]:
    return (f"{name}.weight", f"{out} {into} {width} {width}"), (f"{name}.bias", f"{out}")


def norm(name: str, size: Size) -> tuple[Row, ...]:
    return (f"{name}.weight", f"{size}"), (f"{name}.bias", f"{size}")


def resnet(name: str, out: int, into: int, *, times: int = 0) -> tuple[Row, ...]:
    """diffusers' ResnetBlock2D; with an embedding of the time step of `times` numbers, if any."""
    return (
        *norm(f"{name}.norm1", into),
        *convolution(f"{name}.conv1", out, into),
        *(linear(f"{name}.time_emb_proj", out, times) if times else ()),
        *norm(f"{name}.norm2", out),
        *convolution(f"{name}.conv2", out, out),
        *(convolution(f"{name}.conv_shortcut", out, into, width=1) if out != into else ()),
    )
