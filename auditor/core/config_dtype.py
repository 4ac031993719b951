"""Whether the weights have the dtype that the config says they have."""

from collections import Counter
from math import prod
from typing import Final

from auditor.core.config import ModelConfig
from auditor.core.findings import Finding, Severity, quoted
from auditor.core.roles import PARAMETER_ROLES, Assignment

# torch's names, as configs have them, and those of files.
_FILE_NAMES: Final = {
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float": "F32",
    "float64": "F64",
    "double": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}


def dtype_findings(config: ModelConfig, assignment: Assignment) -> tuple[Finding, ...]:
    """`dtype-differs` where most parameters are stored in another dtype than the config says.

    Nothing is said of quantised models, whose config means the dtype of the computation.
    """
    said = (config.dtype or "").removeprefix("torch.")
    meant = _FILE_NAMES.get(said)
    stored: Counter[str] = Counter()
    for bucket, count in assignment.counts.items():
        if assignment.rules[bucket].role in PARAMETER_ROLES and bucket.mark is None:
            stored[bucket.dtype.name] += count * prod(bucket.shape)
    if meant is None or config.quantization or not stored:
        return ()
    most, elements = stored.most_common(1)[0]
    if most == meant:
        return ()
    message = (
        f"config.json says {quoted(said)}, and {elements:,} of {stored.total():,} parameters are"
        f" stored as {most}"
    )
    return (Finding(code="dtype-differs", severity=Severity.NOTICE, message=message),)
