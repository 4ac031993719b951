"""The error for a file that breaks its format's rules because it is of another format."""

from auditor.errors import HeaderMalformed
from auditor.formats.foreign import recognise


def mistaken(error: HeaderMalformed, format_: str, first: bytes) -> HeaderMalformed:
    """The error to raise: what the file is instead where its `first` bytes tell, else `error`."""
    foreign = recognise(first)
    if foreign is None:
        return type(error)(error.subject, error.reason, hint=error.hint)
    reason = f"no {format_} file but {foreign.what}"
    return HeaderMalformed(error.subject, reason, hint=foreign.hint)
