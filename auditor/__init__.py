"""hfaudit: the real parameter counts of Hugging Face models, held against what is documented.

    from auditor import audit

    record = audit("google-bert/bert-base-uncased")
    record.tally.total, record.verdict

NOTE: names are looked up when they are first used: `hfaudit --help` pays for none of them, and the
command line asks the Hub its first question before it loads what judges the answer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from auditor.__about__ import __version__

if TYPE_CHECKING:
    from auditor.auditing import audit, audit_many
    from auditor.core.identity import ModelRef
    from auditor.core.record import AuditFailure, AuditRecord, Outcome
    from auditor.core.verdict import Policy, Verdict
    from auditor.errors import HfauditError

_HOMES: Final = {
    "audit": "auditor.auditing",
    "audit_many": "auditor.auditing",
    "ModelRef": "auditor.core.identity",
    "AuditFailure": "auditor.core.record",
    "AuditRecord": "auditor.core.record",
    "Outcome": "auditor.core.record",
    "Policy": "auditor.core.verdict",
    "Verdict": "auditor.core.verdict",
    "HfauditError": "auditor.errors",
}

__all__ = [
    "AuditFailure",
    "AuditRecord",
    "HfauditError",
    "ModelRef",
    "Outcome",
    "Policy",
    "Verdict",
    "__version__",
    "audit",
    "audit_many",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
