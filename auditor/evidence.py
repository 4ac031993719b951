"""Everything that one audit reads: which files, in how many round trips, and what they said.

What does not depend on one another is asked for at once: after the repository's list of files the
config, the card, the index and the headers travel together.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from auditor.core import strict_json
from auditor.core.checkpoints import SAFETENSORS, LeftOut, Plan, choose, resolve_left_out
from auditor.core.config import ModelConfig, read_config
from auditor.core.findings import Finding, Severity
from auditor.core.index import MAX_INDEX_BYTES, ShardIndex, parse_index
from auditor.core.packing import Hints, Recovery, is_plain
from auditor.core.quantization import quantization_of
from auditor.core.repository import RepoFile
from auditor.core.tensors import Checkpoint, Header, Span, Tensor, WeightFile, check_index, join
from auditor.errors import BadAnswer, ContentError, HeaderMalformed, IndexMalformed
from auditor.formats import FORMATS
from auditor.formats.safetensors import header_from_json

if TYPE_CHECKING:  # it names every noun of the house; here only what asks is loaded
    from auditor.core.protocols import OpenRepository

CARD: Final = "README.md"
CONFIG: Final = "config.json"
MAX_CONFIG_BYTES: Final = 10_000_000  # huggingface.js reads as much; the largest known has 3 MB
SIDE_FILES: Final = (
    "quantize_config.json",
    "quant_config.json",
    "hf_quant_config.json",
    "quanto_qmap.json",
)
MAX_HELPER_BYTES: Final = 4_096  # bitsandbytes' quant_state has about 100, a weight_shape 16
MAX_CARD_BYTES: Final = 5_000_000  # the largest cards with tables of results have under 1 MB

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read of one repository. `spans` are those of weight files, in the order of paths."""

    plan: Plan
    left_out: tuple[LeftOut, ...]
    config: ModelConfig
    has_config: bool
    documents: Mapping[str, str]
    index: ShardIndex | None
    checkpoint: Checkpoint
    recovery: Recovery  # what the packings among its tensors hold
    complete: bool  # every shard that is named is there
    findings: tuple[Finding, ...]
    spans: tuple[tuple[str, Span], ...]
    headers_by: str


async def gather_evidence(opened: "OpenRepository") -> Evidence:
    """Reads one repository. Raises SourceError and ContentError."""
    return await _Gatherer(opened=opened).run()


@dataclass(slots=True, kw_only=True)
class _Gatherer:
    opened: "OpenRepository"
    findings: list[Finding] = field(default_factory=list)
    spans: list[tuple[str, Span]] = field(default_factory=list)
    headers_by: str = "ranges"
    _files: Mapping[str, RepoFile] = field(init=False)

    def __post_init__(self) -> None:
        self._files = {file.path: file for file in self.opened.repository.files}

    async def run(self) -> Evidence:
        repository = self.opened.repository
        plan = choose(repository.repo_id, repository.files)
        config_text, card, side_texts, index, early = await _together(
            self._document(CONFIG, MAX_CONFIG_BYTES),
            self._document(CARD, MAX_CARD_BYTES),
            self._side_files(),
            self._index(plan),
            self._early_headers(plan),
        )
        values = self._parsed(CONFIG, config_text)
        side_files = {
            path: parsed
            for path, text in side_texts.items()
            if (parsed := self._parsed(path, text)) is not None
        }
        config = replace(
            ModelConfig() if values is None else read_config(values),
            quantization=quantization_of(values or {}, side_files) or None,
        )
        paths = self._shards(plan, index)
        present = [path for path in paths if path in self._files]
        headers = dict(early)
        headers.update(await self._headers([path for path in present if path not in headers]))
        checkpoint = self._join({path: headers[path] for path in present}, index)
        recovery = await self._recover(checkpoint, config)
        return Evidence(
            plan=plan,
            left_out=resolve_left_out(plan, paths, repository.files),
            config=config,
            has_config=values is not None,
            documents={} if card is None else {CARD: card},
            index=index,
            checkpoint=checkpoint,
            recovery=recovery,
            complete=len(present) == len(paths) and not self._gaps(plan, index),
            findings=tuple(self.findings),
            spans=tuple(sorted(self.spans)),
            headers_by=self.headers_by,
        )

    # -- small files

    async def _document(self, path: str, limit_bytes: int) -> str | None:
        """The text of a small file; None where there is none, or none that can be read."""
        if path not in self._files:
            return None
        try:
            data = await self.opened.read_file(path, limit_bytes=limit_bytes)
            return data.decode()
        except UnicodeDecodeError as error:
            self._note("file-not-text", f"{path} is no UTF-8 text (byte {error.start:,})")
            return data.decode(errors="replace")
        except ContentError as error:
            self._note("file-unreadable", str(error))
            return None

    async def _side_files(self) -> Mapping[str, str | None]:
        """The texts of the files that tell of a quantisation beside the config."""
        there = [path for path in SIDE_FILES if path in self._files]
        texts = await _together(*(self._document(path, MAX_CONFIG_BYTES) for path in there))
        return dict(zip(there, texts, strict=True))

    def _parsed(self, path: str, text: str | None) -> Mapping[str, Any] | None:
        """The JSON object of a small file; broken, it is a finding and left aside."""
        if text is None:
            return None
        try:
            value = strict_json.parse(text.encode(errors="replace"), hook=dict)
        except ValueError as error:
            self._note("config-broken", f"{path} cannot be read: {error}; it was left aside")
            return None
        if not isinstance(value, dict):
            self._note("config-broken", f"{path} holds no JSON object; it was left aside")
            return None
        return value

    async def _index(self, plan: Plan) -> ShardIndex | None:
        """The shard index. Broken, it is a finding where names alone tell the shards."""
        path = plan.chosen.index_path
        if path is None:
            return None
        try:
            data = await self.opened.read_file(path, limit_bytes=MAX_INDEX_BYTES)
            index = parse_index(path, data)
        except ContentError as error:
            if not plan.chosen.paths:
                raise
            self._note("index-broken", str(error))
            return None
        alone = plan.chosen.paths[0] if len(plan.chosen.paths) == 1 else None
        if alone is not None and alone not in index.shard_paths:
            return None  # it belongs to the shards that were left out
        return index

    # -- headers

    async def _early_headers(self, plan: Plan) -> Mapping[str, Header]:
        """The headers of the files that names alone tell, without waiting for the index."""
        index_path = plan.chosen.index_path
        if index_path is not None and len(plan.chosen.paths) != 1:
            at_once = await self._headers_at_once(index_path)
            if at_once is not None:
                self.headers_by = "safetensors-metadata"
                return at_once
        return await self._headers(plan.chosen.paths)

    async def _headers_at_once(self, index_path: str) -> Mapping[str, Header] | None:
        """All shards' headers in one answer, if the source gives one that fits the files' sizes."""
        answer = await self.opened.read_headers(index_path)
        if answer is None:
            return None
        try:
            return {
                path: header_from_json(path, self._size(path), entries)
                for path, entries in answer.items()
            }
        except HeaderMalformed as error:
            self._note(
                "metadata-endpoint-refused",
                f"the Hub's one-request headers do not fit the files ({error});"
                " each shard's own header was read",
            )
            return None

    async def _headers(self, paths: "tuple[str, ...] | list[str]") -> Mapping[str, Header]:
        headers = await _together(*(self._header(path) for path in paths))
        return dict(zip(paths, headers, strict=True))

    async def _header(self, path: str) -> Header:
        """Drives the format's reader: hands it the bytes that it asks for."""
        reader = import_module(FORMATS[SAFETENSORS]).read_header(path, self._size(path))
        try:
            span = next(reader)
            while True:
                span = reader.send(await self._span(path, span))
        except StopIteration as done:
            header: Header = done.value
            return header

    async def _span(self, path: str, span: Span) -> bytes:
        """Exactly the bytes of `span`, noted for the proof."""
        data = await self.opened.read_span(path, span)
        if len(data) != span.length:
            raise BadAnswer(
                path,
                f"{len(data):,} bytes came for a span of {span.length:,}",
                hint="try again; if it stays so, the server is at fault",
            )
        self.spans.append((path, span))
        return data

    def _size(self, path: str) -> int:
        file = self._files.get(path)
        if file is None:
            raise HeaderMalformed(path, "the index names it and the repository does not hold it")
        if file.size_bytes is None:
            raise BadAnswer(path, "the source does not know its size", hint="report this")
        return file.size_bytes

    # -- the checkpoint

    def _shards(self, plan: Plan, index: ShardIndex | None) -> tuple[str, ...]:
        """The files of the checkpoint: the index's shards, else those that names tell."""
        if index is None:
            return plan.chosen.paths
        return index.shard_paths

    def _gaps(self, plan: Plan, index: ShardIndex | None) -> bool:
        """Whether numbered shards are missing that no index told of."""
        gap = plan.chosen.missing_shards
        if gap and index is None:
            self._note(
                "shard-missing",
                f"{gap} of the numbered shards are not in the repository",
                Severity.ERROR,
            )
        return bool(gap) and index is None

    def _join(self, headers: Mapping[str, Header], index: ShardIndex | None) -> Checkpoint:
        repository = self.opened.repository
        if not headers:
            raise IndexMalformed(
                repository.repo_id,
                "the index names no weight file that the repository holds",
                hint="the repository is incomplete; tell its owner",
            )
        files = [
            WeightFile(path=path, oid=self._files[path].oid, header=header)
            for path, header in headers.items()
        ]
        checkpoint, findings = join(files)
        self.findings.extend(findings)
        for file in files:
            self.findings.extend(
                Finding(code="header-oddity", severity=Severity.NOTICE, message=f"{file.path}: {w}")
                for w in file.header.warnings
            )
        if index is not None:
            self.findings.extend(index.findings)
            self.findings.extend(check_index(index.weight_map, index.metadata, checkpoint))
        return checkpoint

    # -- packed weights

    async def _recover(self, checkpoint: Checkpoint, config: ModelConfig) -> Recovery:
        """What the packings hold; a few small tensors are read where they settle what is open."""
        hints = Hints(
            quantization=config.quantization or {},
            config=config.values,
            metadata={k: v for file in checkpoint.files for k, v in file.header.metadata.items()},
        )
        if is_plain(checkpoint.tensors, hints):
            return Recovery()
        from auditor.layouts.recovery import recover  # noqa: PLC0415 - for few models

        recovery = recover(checkpoint.tensors, hints)
        if not recovery.wanted:
            return recovery
        contents = await self._contents(checkpoint, recovery.wanted)
        return recover(checkpoint.tensors, replace(hints, contents=contents))

    async def _contents(self, checkpoint: Checkpoint, names: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of small tensors by name, each by a range of its own."""
        places = {
            tensor.name: (file, tensor)
            for file in checkpoint.files
            for tensor in file.header.tensors
            if tensor.name in set(names)
            and 0 < tensor.stored_bytes <= MAX_HELPER_BYTES
            and file.header.data_begin is not None
        }
        contents = await _together(
            *(self._tensor_bytes(file, tensor) for file, tensor in places.values())
        )
        return dict(zip(places, contents, strict=True))

    async def _tensor_bytes(self, file: WeightFile, tensor: Tensor) -> bytes:
        begin = file.header.data_begin or 0
        span = Span(begin + tensor.begin, begin + tensor.end)
        return await self._span(file.path, span)

    def _note(self, code: str, message: str, severity: Severity = Severity.WARNING) -> None:
        self.findings.append(Finding(code=code, severity=severity, message=message))


async def _together(*steps: Awaitable[Any]) -> Any:  # noqa: ANN401 - a tuple of unlike results
    """The results of all steps, which run at once; the first error cancels the rest."""
    import asyncio  # noqa: PLC0415 - not at start-up: it costs as much as all the rest

    async def run(step: Awaitable[T]) -> T:
        return await step

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(step)) for step in steps]
    except BaseExceptionGroup as failures:
        raise _first_of(failures) from None
    return [task.result() for task in tasks]


def _first_of(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
