"""What hypothesis draws: names, dtypes and shapes of tensors."""

from typing import Final

from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES, Dtype

# What a safetensors file may hold; the table of dtypes is the only list of them.
DTYPES_OF_FILES: Final = tuple(
    dtype for dtype in DTYPES.values() if dtype.source.startswith("safetensors/")
)

NAMES: Final = st.text(st.characters(codec="utf-8"), max_size=12).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def shapes(draw: st.DrawFn, dtype: Dtype) -> tuple[int, ...]:
    """A shape, small, whose elements of `dtype` fill whole bytes."""
    shape = draw(st.lists(st.integers(0, 5), max_size=3))
    if dtype.block_elements > 1:
        shape.append(dtype.block_elements * draw(st.integers(0, 2)))
    return tuple(shape)


@st.composite
def storages(
    draw: st.DrawFn, dtypes: tuple[Dtype, ...] = DTYPES_OF_FILES
) -> tuple[str, tuple[int, ...]]:
    """How a tensor is stored: the name of its dtype, and its shape."""
    dtype = draw(st.sampled_from(dtypes))
    return dtype.name, draw(shapes(dtype))


def tensors(
    dtypes: tuple[Dtype, ...] = DTYPES_OF_FILES, *, min_size: int = 0
) -> st.SearchStrategy[dict[str, tuple[str, tuple[int, ...]]]]:
    """Tensors of one file by their names."""
    return st.dictionaries(NAMES, storages(dtypes), min_size=min_size, max_size=8)
