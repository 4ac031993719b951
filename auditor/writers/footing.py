"""What a model weighs, what is odd about it, and on what its audit stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.findings import Finding, Severity
from auditor.core.left_out import LeftOut
from auditor.core.record import AuditRecord, Proof, bits_per_weight
from auditor.core.repository import Origin
from auditor.core.sizes import binary_size, decimal_size, decimal_text, percent
from auditor.core.tally import LayoutCount
from auditor.writers.escape import line
from auditor.writers.words import MAX_NAME, MAX_PLACE, MAX_TEXT, Tone

_ORIGINS: Final = {
    Origin.HUB: "",
    Origin.CACHE: "read from the Hugging Face cache",
    Origin.FOLDER: "read from the folder",
    Origin.SNAPSHOT_FETCHED: "replayed from a snapshot that was read from the Hub",
    Origin.SNAPSHOT_RECONSTRUCTED: (
        "reconstructed from the published architecture, not read from the Hub"
    ),
    Origin.MEMORY: "read from memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence with its weight."""

    text: str
    tone: Tone


def memory(record: AuditRecord) -> tuple[str, ...]:
    """`F32 1.34 GB (1.25 GiB) as stored`, then other dtypes, those of the same size together.

    What is stored stands apart where it is not just the parameters in one dtype.
    """
    tally = record.tally
    stored = tally.stored.stored_bytes
    names: dict[int, list[str]] = {}
    for name, size in record.memory.items():
        if name != "stored":
            names.setdefault(size, []).append(line(name, MAX_PLACE))
    loaded = [(f"{'/'.join(group)} {_both_units(size)}", size) for size, group in names.items()]
    dtypes = sorted(tally.by_dtype, key=lambda name: -tally.by_dtype[name].stored_bytes)
    if len(dtypes) == 1 and dtypes[0] in names.get(stored, []):
        own = f"{dtypes[0]} {_both_units(stored)} as stored"
        return (own, *(text for text, size in loaded if size != stored))
    written = " + ".join(line(name, MAX_PLACE) for name in dtypes)
    apart = f"{_both_units(stored)} stored as {written}"
    return (apart, *(f"loaded as {text}" if not i else text for i, (text, _) in enumerate(loaded)))


def packing(record: AuditRecord) -> tuple[str, ...]:
    """How the weights are packed, and what a count of stored elements would have shown."""
    tally = record.tally
    if not tally.layouts:
        return ()
    sentences = [_layout(layout) for layout in tally.layouts]
    packed = sum(layout.high for layout in tally.layouts)
    if tally.total is not None and packed < tally.total:
        sentences.append(f"{tally.total - packed:,} parameters are not quantised")
    if tally.total is not None and tally.stored.elements != tally.total:
        sentences.append(
            f"a count of stored elements would show {tally.stored.elements:,}"
            f" instead of {tally.total:,}"
        )
    return tuple(sentences)


def _layout(layout: LayoutCount) -> str:
    """`GPTQ: 6,979,321,856 parameters in 224 modules · 3.63 GB · 4.16 bits each`."""
    held = f"{layout.low:,}" if layout.low == layout.high else f"{layout.low:,} to {layout.high:,}"
    bits = layout.bits_per_weight
    each = "" if bits is None else f" · {decimal_text(bits, 2)} bits each, scales included"
    modules = f"{layout.modules:,} module{'' if layout.modules == 1 else 's'}"
    size = decimal_size(layout.stored_bytes)
    return f"{line(layout.name, MAX_NAME)}: {held} parameters in {modules} · {size}{each}"


def _both_units(size_bytes: int) -> str:
    return f"{decimal_size(size_bytes)} ({binary_size(size_bytes)})"


_TONES: Final = {
    Severity.INFO: Tone.ASIDE,
    Severity.NOTICE: Tone.PLAIN,
    Severity.WARNING: Tone.DOUBT,
    Severity.ERROR: Tone.BAD,
}


def remarks(findings: Sequence[Finding], *, everything: bool) -> tuple[Remark, ...]:
    """The oddities, the gravest first; mere information only where everything is asked for."""
    order = list(Severity)
    shown = [each for each in findings if everything or each.severity is not Severity.INFO]
    return tuple(
        Remark(text=line(each.message, MAX_TEXT), tone=_TONES[each.severity])
        for each in sorted(shown, key=lambda each: -order.index(each.severity))
    )


def left_out(record: AuditRecord) -> tuple[str, ...]:
    """Weight files that were not counted, and why."""
    total = record.tally.total
    return tuple(left_out_line(left, bits_per_weight(left, total)) for left in record.left_out)


def left_out_line(left: LeftOut, bits: str | None = None) -> str:
    """`model.Q4_K_M.gguf (4.92 GB, 4.9 bits a weight): the same weights in Q4_K_M`."""
    name = line(left.paths[0], MAX_NAME) if left.paths else "files"
    others = len(left.paths) - 1
    more = f" and {others:,} more" if others > 0 else ""
    facts = [] if left.size_bytes is None else [decimal_size(left.size_bytes)]
    facts += [] if bits is None else [f"{bits} bits a weight"]
    about = f" ({', '.join(facts)})" if facts else ""
    return f"{name}{more}{about}: {line(left.reason, MAX_TEXT)}"


def standing(proof: Proof) -> str:
    """On what the audit stands, where that is not the Hub itself."""
    note = line(proof.note, MAX_TEXT)
    origin = _ORIGINS[proof.origin]
    return f"{origin}: {note}" if origin and note else origin or note


def cost(proof: Proof) -> tuple[str, ...]:
    """Requests and bytes, against the bytes of the weights; how headers and roles were had.

    An empty text stands for what does not apply: nobody is asked where the Hub is not.
    """
    requests = f"{proof.requests:,} request{'' if proof.requests == 1 else 's'}"
    if proof.retries:
        requests += f" ({proof.retries:,} repeated)"
    read = f"{decimal_size(proof.bytes_read)} read"
    share = percent(proof.bytes_read, proof.weight_bytes)
    if share is not None and proof.bytes_read < proof.weight_bytes:
        whole = decimal_size(proof.weight_bytes)
        read = f"{decimal_size(proof.bytes_read)} of {whole} read ({share.normalize():f} %)"
    return (
        requests if proof.requests or proof.origin is Origin.HUB else "",
        read,
        f"headers by {line(proof.headers_by, MAX_PLACE)}",
        f"roles by {line(proof.roles_by, MAX_PLACE)}",
    )


def spans(proof: Proof) -> tuple[str, ...]:
    """Every span that was read of a weight file."""
    return tuple(
        f"{line(path, MAX_NAME)} {span.begin:,}-{span.end:,}" for path, span in proof.spans
    )
