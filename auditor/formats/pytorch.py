"""PyTorch: the files of torch.save, in the three ways in which it has written them.

    since 1.6     a zip archive      `torch_zip`
    since 0.1.10  pickles end to end, then the storages      `torch_legacy`
    before        a tar archive      `torch_tar`

In each of them a pickle has the names, and what makes tensors of storages. A pickle is a program,
and loading runs it; here it is followed and nothing of it is called (`pickle_machine`): a short
table knows what torch's own functions would make (`torch_objects`), and what else the pickle names
is told in `warnings`. Where that decides what a tensor is, it is a gap.

    the object's parts and their names      `torch_parts`, `torch_names`
    which of them are the weights           `torch_weights`
    which tensors share bytes               `torch_views`
"""

from collections.abc import Generator
from typing import Final

from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed, UnsupportedFormat
from auditor.formats.pickle_machine import Machine
from auditor.formats.pickle_values import CutPickle, NotPickle, PickleTooLarge
from auditor.formats.torch_foreign import refusal
from auditor.formats.torch_globals import path_of
from auditor.formats.torch_header import FORMAT
from auditor.formats.torch_legacy import MAGIC, read_legacy
from auditor.formats.torch_tar import MAGIC as TAR_MAGIC
from auditor.formats.torch_tar import MAGIC_AT, read_tar
from auditor.formats.torch_tensors import DAMAGED
from auditor.formats.torch_zip import TAIL_BYTES, read_zip

name: Final = FORMAT

# A tensor takes some 150 bytes of the pickle: this has those of 1,700, which few files exceed.
FRONT_BYTES: Final = 1 << 18

# Protocols from 2 on begin with their number, and the magic number in protocol 1 so.
_PICKLE_BEGINS: Final = (b"\x80", b"L%dL\n." % MAGIC)


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of a PyTorch file of `size_bytes`.

    Asks for the front, of a zip archive for its end, and for what of either is longer: four spans
    at most, of a zip archive; of a small file one. Raises HeaderMalformed, UnknownDtype,
    LimitExceeded, UnsupportedFormat.
    """
    if not size_bytes:
        raise HeaderMalformed(path, "0 bytes", hint=DAMAGED)
    is_small = size_bytes <= FRONT_BYTES + TAIL_BYTES
    front = yield Span(0, size_bytes if is_small else FRONT_BYTES)
    if front.startswith((b"PK\3\4", b"PK\5\6")):
        return (yield from read_zip(path, size_bytes, front))
    if front.startswith(TAR_MAGIC, MAGIC_AT):
        return (yield from read_tar(path, size_bytes, front))
    if front.startswith(_PICKLE_BEGINS):
        _check_magic(path, size_bytes, front)
        return (yield from read_legacy(path, size_bytes, front))
    raise refusal(path, front, "it begins like nothing that torch writes")


def _check_magic(path: str, size_bytes: int, front: bytes) -> None:
    """Refuses what begins with another pickle than torch's magic number."""
    machine = Machine(front)
    try:
        first = machine.load()
    except CutPickle as error:
        if len(front) == size_bytes:
            raise HeaderMalformed(path, f"no whole pickle: {error}", hint=DAMAGED) from error
        raise _plain_pickle(path, machine) from error
    except (NotPickle, PickleTooLarge) as error:
        if machine.named:
            raise _plain_pickle(path, machine) from error
        raise refusal(path, front, f"no sound pickle: {error}") from error
    if type(first) is not int or first != MAGIC:
        raise _plain_pickle(path, machine)


def _plain_pickle(path: str, machine: Machine) -> UnsupportedFormat:
    names = [quoted(path_of(named)) for named in machine.named]
    what = f", of {listed(names)}" if names else ""
    return UnsupportedFormat(
        path,
        f"a pickle that torch.save did not write{what}",
        hint="only torch.save's files are read; loading any other pickle runs its code",
    )
