"""The pickles of a checkpoint, one after another, and the storages that they name."""

from typing import Final

from auditor.errors import HeaderMalformed, LimitExceeded
from auditor.formats.pickle_machine import Machine
from auditor.formats.pickle_values import CutPickle, NotPickle, PickleTooLarge, Value
from auditor.formats.torch_tensors import DAMAGED, TensorReader

MAX_PICKLE_BYTES: Final = 100_000_000  # as long as a header of safetensors may be


def load(path: str, machine: Machine) -> Value:
    """The next object of `machine`. Raises CutPickle, HeaderMalformed, LimitExceeded."""
    try:
        return machine.load()
    except CutPickle:
        raise
    except NotPickle as error:
        raise HeaderMalformed(path, f"no sound pickle: {error}", hint=DAMAGED) from error
    except PickleTooLarge as error:
        raise LimitExceeded(path, str(error)) from error


def load_whole(path: str, data: bytes) -> tuple[Value, Machine]:
    """The object of the one pickle `data`. Raises HeaderMalformed, LimitExceeded."""
    machine = Machine(data)
    try:
        return load(path, machine), machine
    except CutPickle as error:
        raise HeaderMalformed(path, f"no whole pickle: {error}", hint=DAMAGED) from error


def read_storages(machine: Machine, tensors: TensorReader) -> None:
    """Takes note of all storages that the pickles name. Raises HeaderMalformed, UnknownDtype."""
    for outside in machine.outside:
        tensors.storage(outside)
