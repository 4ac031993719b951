"""hfaudit: the real parameter counts of Hugging Face models, held against what is documented.

from auditor import audit

record = audit("google-bert/bert-base-uncased")
record.tally.total, record.verdict
"""

from auditor.__about__ import __version__
from auditor.audit import audit, audit_many
from auditor.core.identity import ModelRef
from auditor.core.record import AuditFailure, AuditRecord, Outcome
from auditor.core.verdict import Policy, Verdict
from auditor.errors import HfauditError

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
