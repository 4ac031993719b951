"""Flax files as flax itself writes them."""

from typing import Any

import pytest

from auditor.core.tensors import Header
from auditor.formats.flax_msgpack import read_header
from auditor.formats.numpy_dtypes import BY_NAME
from spread_files import feed

pytestmark = pytest.mark.packers

# Not the names of a dtype but of its kind, or of bytes without one.
NO_NAMES = {"bool_", "void16"}


def header_of(tree: Any) -> Header:
    serialization = pytest.importorskip("flax.serialization")
    return feed(read_header, serialization.to_bytes(tree)).header


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - NO_NAMES))
def test_every_dtype_is_read_as_flax_writes_it(name: str) -> None:
    pytest.importorskip("flax")
    np = pytest.importorskip("numpy")
    pytest.importorskip("ml_dtypes")
    array = np.zeros((3, 5), np.dtype(name))
    header = header_of({"params": {"dense": {"kernel": array}}})
    (each,) = header.tensors
    assert (each.name, each.dtype, each.shape) == ("dense.kernel", BY_NAME[name], (3, 5))
    assert each.stored_bytes == array.nbytes


def test_arrays_of_jax_and_scalars_are_read() -> None:
    jnp = pytest.importorskip("jax.numpy")
    np = pytest.importorskip("numpy")
    tree = {"a": jnp.zeros((2, 3), jnp.bfloat16), "b": np.float32(1), "c": 1.5, "d": 2 + 3j}
    shapes = {each.name: each.shape for each in header_of(tree).tensors}
    assert shapes == {"a": (2, 3), "b": ()}


def test_an_array_in_chunks_is_read_as_flax_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    serialization = pytest.importorskip("flax.serialization")
    np = pytest.importorskip("numpy")
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", 100)
    header = header_of({"wte": {"embedding": np.zeros((11, 7), "f4")}, "b": np.zeros(5, "f4")})
    assert {each.name: each.shape for each in header.tensors} == {
        "wte.embedding": (11, 7),
        "b": (5,),
    }


def test_a_training_state_is_its_parameters_without_the_optimizers() -> None:
    train_state = pytest.importorskip("flax.training.train_state")
    optax = pytest.importorskip("optax")
    jnp = pytest.importorskip("jax.numpy")
    state = train_state.TrainState.create(
        apply_fn=None, params={"dense": {"kernel": jnp.zeros((4, 5))}}, tx=optax.adam(1e-3)
    )
    header = header_of(state)
    assert {each.name: each.shape for each in header.tensors} == {"dense.kernel": (4, 5)}
    assert header.notes[0].startswith("the optimizer's state was left out: 41 numbers")
