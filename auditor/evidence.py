"""Everything that one audit reads: which files, in how many round trips, and what they said.

What does not depend on one another is asked for at once: after the repository's list of files the
config, the card, the index and the headers travel together.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from auditor.core import strict_json
from auditor.core.checkpoints import PARAMS, Choice, Plan, choose, resolve_left_out
from auditor.core.config import ModelConfig, read_config
from auditor.core.findings import Finding, Severity
from auditor.core.gguf_keys import config_of_gguf
from auditor.core.index import MAX_INDEX_BYTES, ShardIndex, parse_index
from auditor.core.left_out import LeftOut
from auditor.core.packing import Hints, Recovery, is_plain
from auditor.core.params import config_of_params
from auditor.core.pieces import join_pieces
from auditor.core.quantization import quantization_of
from auditor.core.repository import RepoFile
from auditor.core.shapes import PIPELINE_FILE, SHAPE_FILES
from auditor.core.tensors import (
    Checkpoint,
    Header,
    Span,
    WeightFile,
    check_index,
    header_findings,
    join,
)
from auditor.core.weight_files import GGUF, NUMPY, PYTORCH, SAFETENSORS
from auditor.errors import BadAnswer, ContentError, HeaderMalformed, IndexMalformed, SourceError
from auditor.formats import FORMATS
from auditor.formats.safetensors import header_from_json

if TYPE_CHECKING:  # it names every noun of the house; here only what asks is loaded
    from auditor.core.protocols import OpenRepository

CARD: Final = "README.md"
MAX_CONFIG_BYTES: Final = 10_000_000  # huggingface.js reads as much; the largest known has 3 MB
SIDE_FILES: Final = (
    "quantize_config.json",
    "quant_config.json",
    "hf_quant_config.json",
    "quanto_qmap.json",
)
PACKED_KINDS: Final = frozenset({SAFETENSORS, PYTORCH, NUMPY})  # the others pack in their dtypes
MAX_HELPER_BYTES: Final = 4_096  # bitsandbytes' quant_state has about 100, a weight_shape 16
LARGE_HEADER_BYTES: Final = 500_000  # takes 10 ms to parse; of 30 headers one is as large
MAX_CARD_BYTES: Final = 5_000_000  # the largest cards with tables of results have under 1 MB

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEvidence:
    """What was read of one checkpoint: the whole model, or one part of a pipeline."""

    choice: Choice
    config: ModelConfig
    has_config: bool
    index: ShardIndex | None
    checkpoint: Checkpoint
    recovery: Recovery  # what the packings among its tensors hold
    complete: bool  # every shard that is named is there, and nothing in them was unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read of one repository. `spans` are those of weight files, in the order of paths.

    `shape_files` are the parsed files that tell the repository's shape, by path.
    """

    plan: Plan
    parts: tuple[PartEvidence, ...]
    left_out: tuple[LeftOut, ...]
    documents: Mapping[str, str]
    shape_files: Mapping[str, Any]
    findings: tuple[Finding, ...]
    spans: tuple[tuple[str, Span], ...]
    headers_by: str


async def gather_evidence(opened: "OpenRepository", *, wanted: str = "") -> Evidence:
    """Reads one repository; of its weights only what `wanted` names, where that is given.

    Raises SourceError and ContentError.
    """
    return await _Gatherer(opened=opened).run(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Some bytes of tensors, by name and by `sample_spans`; `problem` is why some are not there."""

    by_name: Mapping[str, Sequence[bytes]]
    spans: tuple[tuple[str, Span], ...]
    problem: str = ""


async def read_samples(
    opened: "OpenRepository", checkpoint: Checkpoint, names: Sequence[str]
) -> Samples:
    """A few bytes of each of `names` whose place in a file is known. Raises nothing of SourceError.

    What a source does not have, a snapshot or a cache of headers, is told as the problem.
    """
    gatherer = _Gatherer(opened=opened)
    try:
        by_name = await gatherer.samples(checkpoint, names)
    except SourceError as error:
        reason = f"they could not be read ({error})"
        return Samples(by_name={}, spans=tuple(gatherer.spans), problem=reason)
    return Samples(by_name=by_name, spans=tuple(gatherer.spans))


async def plan_of(opened: "OpenRepository", *, wanted: str = "") -> Plan:
    """What of the repository would be counted, without a look into a weight file."""
    gatherer = _Gatherer(opened=opened)
    return (await gatherer.plan(wanted))[0]


@dataclass(slots=True, kw_only=True)
class _Gatherer:
    opened: "OpenRepository"
    findings: list[Finding] = field(default_factory=list)
    spans: list[tuple[str, Span]] = field(default_factory=list)
    headers_by: str = "ranges"
    _files: Mapping[str, RepoFile] = field(init=False)

    def __post_init__(self) -> None:
        self._files = {file.path: file for file in self.opened.repository.files}

    async def run(self, wanted: str) -> Evidence:
        plan, shape_files = await self.plan(wanted)
        card, *read = await _together(
            self._document(CARD, MAX_CARD_BYTES), *(self._part(part) for part in plan.parts)
        )
        parts = tuple(part for part, _ in read)
        for name in plan.absent:
            message = f"{name} is named in {PIPELINE_FILE} and its weights are not there"
            self._note("component-missing", message, Severity.ERROR)
        return Evidence(
            plan=plan,
            parts=parts,
            left_out=resolve_left_out(
                plan, [path for _, paths in read for path in paths], self.opened.repository.files
            ),
            documents={} if card is None else {CARD: card},
            shape_files=shape_files,
            findings=tuple(self.findings),
            spans=tuple(sorted(self.spans)),
            headers_by=self.headers_by,
        )

    async def plan(self, wanted: str) -> tuple[Plan, Mapping[str, Any]]:
        """What is to be counted, and the files that tell the repository's shape."""
        repository = self.opened.repository
        there = [path for path in SHAPE_FILES if path in self._files]
        texts = await _together(*(self._document(path, MAX_CONFIG_BYTES) for path in there))
        shape_files = {
            path: parsed
            for path, text in zip(there, texts, strict=True)
            if (parsed := self._parsed(path, text, kind=(dict, list))) is not None
        }
        plan = choose(repository.repo_id, repository.files, shape_files, wanted=wanted)
        return plan, shape_files

    async def _part(self, choice: Choice) -> tuple[PartEvidence, tuple[str, ...]]:
        """One checkpoint, and the paths of the files that it should have."""
        config_text, side_texts, index, early = await _together(
            self._config_text(choice),
            self._side_files(choice),
            self._index(choice),
            self._early_headers(choice),
        )
        paths = choice.paths if index is None else index.shard_paths
        present = [path for path in paths if path in self._files]
        headers = dict(early)
        missing = [path for path in present if path not in headers]
        headers.update(await self._headers(choice.format, missing))
        checkpoint = self._join({path: headers[path] for path in present}, choice, index)
        config, has_config = self._config(choice, config_text, side_texts, checkpoint)
        part = PartEvidence(
            choice=choice,
            config=config,
            has_config=has_config,
            index=index,
            checkpoint=checkpoint,
            recovery=await self._recover(choice, checkpoint, config),
            complete=(
                len(present) == len(paths)
                and not self._shards_missing(choice, index)
                and not any(file.header.gaps for file in checkpoint.files)
            ),
        )
        return part, paths

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

    async def _config_text(self, choice: Choice) -> str | None:
        path = choice.config_path
        return None if path is None else await self._document(path, MAX_CONFIG_BYTES)

    async def _side_files(self, choice: Choice) -> Mapping[str, str | None]:
        """The texts of the files that tell of a quantisation beside the config, by path."""
        places = [choice.config_path or "", choice.index_path or "", *choice.paths[:1]]
        folders = dict.fromkeys(path.rpartition("/")[0] for path in places if path)
        paths = [f"{folder}/{name}".lstrip("/") for folder in folders for name in SIDE_FILES]
        there = [path for path in paths if path in self._files]
        texts = await _together(*(self._document(path, MAX_CONFIG_BYTES) for path in there))
        return dict(zip(there, texts, strict=True))

    def _config(
        self,
        choice: Choice,
        text: str | None,
        side_texts: Mapping[str, str | None],
        checkpoint: Checkpoint,
    ) -> tuple[ModelConfig, bool]:
        """What describes the model: its config, else what the weight files themselves say of it."""
        values = self._parsed(choice.config_path or "", text)
        if values is not None and (choice.config_path or "").endswith(PARAMS):
            values = config_of_params(values)
        if choice.format == GGUF and (own := config_of_gguf(checkpoint.files[0].header.metadata)):
            # NOTE: many repositories of GGUF files have a config.json with a model type alone.
            values = {**own, **(values or {})}
        side_files = {
            path.rpartition("/")[2]: parsed
            for path, side_text in side_texts.items()
            if (parsed := self._parsed(path, side_text)) is not None
        }
        config = ModelConfig() if values is None else read_config(values)
        quantization = quantization_of(values or {}, side_files) or None
        return replace(config, quantization=quantization), values is not None

    def _parsed(self, path: str, text: str | None, *, kind: type | tuple[type, ...] = dict) -> Any:  # noqa: ANN401 - of the kind that is asked for
        """The JSON object of a small file; broken, it is a finding and left aside."""
        if text is None:
            return None
        try:
            value = strict_json.parse(text.encode(errors="replace"), hook=dict)
        except ValueError as error:
            self._note("config-broken", f"{path} cannot be read: {error}; it was left aside")
            return None
        if not isinstance(value, kind):
            self._note("config-broken", f"{path} holds no JSON object; it was left aside")
            return None
        return value

    async def _index(self, choice: Choice) -> ShardIndex | None:
        """The shard index. Broken, it is a finding where names alone tell the shards."""
        path = choice.index_path
        if path is None:
            return None
        try:
            data = await self.opened.read_file(path, limit_bytes=MAX_INDEX_BYTES)
            index = parse_index(path, data)
        except ContentError as error:
            if not choice.paths:
                raise
            self._note("index-broken", str(error))
            return None
        alone = choice.paths[0] if len(choice.paths) == 1 else None
        if alone is not None and alone not in index.shard_paths:
            return None  # it belongs to the shards that were left out
        return index

    # -- headers

    async def _early_headers(self, choice: Choice) -> Mapping[str, Header]:
        """The headers of the files that names alone tell, without waiting for the index."""
        index_path = choice.index_path
        if choice.format == SAFETENSORS and index_path is not None and len(choice.paths) != 1:
            at_once = await self._headers_at_once(index_path)
            if at_once is not None:
                self.headers_by = "safetensors-metadata"
                return at_once
        return await self._headers(choice.format, choice.paths)

    async def _headers_at_once(self, index_path: str) -> Mapping[str, Header] | None:
        """All shards' headers in one answer, if the source gives one that fits the files' sizes."""
        answer = await self.opened.read_headers(index_path)
        if answer is None:
            return None
        try:
            return {
                path: header_from_json(path, self._size(path), bytes(text))
                for path, text in answer.items()
            }
        except HeaderMalformed as error:
            self._note(
                "metadata-endpoint-refused",
                f"the Hub's one-request headers do not fit the files ({error});"
                " each shard's own header was read",
            )
            return None

    async def _headers(self, kind: str, paths: Sequence[str]) -> Mapping[str, Header]:
        headers = await _together(*(self._header(kind, path) for path in paths))
        return dict(zip(paths, headers, strict=True))

    async def _header(self, kind: str, path: str) -> Header:
        """Drives the format's reader: hands it the bytes that it asks for."""
        reader = import_module(FORMATS[kind]).read_header(path, self._size(path))
        wanted = _advance(reader, None)
        while isinstance(wanted, Span):
            data = await self._span(path, wanted)
            wanted = await _beside(len(data), _advance, reader, data)
        return wanted

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

    def _shards_missing(self, choice: Choice, index: ShardIndex | None) -> bool:
        """Whether numbered shards are missing that no index told of."""
        gap = choice.missing_shards
        if gap and index is None:
            self._note(
                "shard-missing",
                f"{gap} of the numbered shards are not in the repository",
                Severity.ERROR,
            )
        return bool(gap) and index is None

    def _join(
        self, headers: Mapping[str, Header], choice: Choice, index: ShardIndex | None
    ) -> Checkpoint:
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
        checkpoint, findings = (join_pieces if choice.in_pieces else join)(files)
        checkpoint = replace(checkpoint, component=choice.component)
        self.findings.extend(findings)
        for file in files:
            self.findings.extend(header_findings(file))
        if index is not None:
            self.findings.extend(index.findings)
            if choice.format in PACKED_KINDS:  # the others spell names otherwise than their index
                self.findings.extend(check_index(index.weight_map, index.metadata, checkpoint))
        return checkpoint

    # -- packed weights

    async def _recover(
        self, choice: Choice, checkpoint: Checkpoint, config: ModelConfig
    ) -> Recovery:
        """What the packings hold; a few small tensors are read where they settle what is open."""
        if choice.format not in PACKED_KINDS:
            return Recovery()
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
        small = {
            name: (path, Span(begin, begin + size_bytes))
            for name, (path, begin, size_bytes) in _places(checkpoint, names).items()
            if 0 < size_bytes <= MAX_HELPER_BYTES
        }
        contents = await _together(*(self._span(path, span) for path, span in small.values()))
        return dict(zip(small, contents, strict=True))

    async def samples(
        self, checkpoint: Checkpoint, names: Sequence[str]
    ) -> Mapping[str, Sequence[bytes]]:
        """The bytes of `sample_spans` of each tensor, all at once."""
        from auditor.core.tie_samples import sample_spans  # noqa: PLC0415 - for few calls

        places = _places(checkpoint, names)
        samples = await _together(
            *(
                _together(
                    *(
                        self._span(path, Span(begin + span.begin, begin + span.end))
                        for span in sample_spans(size_bytes)
                    )
                )
                for path, begin, size_bytes in places.values()
            )
        )
        return dict(zip(places, samples, strict=True))

    def _note(self, code: str, message: str, severity: Severity = Severity.WARNING) -> None:
        self.findings.append(Finding(code=code, severity=severity, message=message))


def _places(checkpoint: Checkpoint, names: Sequence[str]) -> Mapping[str, tuple[str, int, int]]:
    """Where the tensors of these names lie: path, first byte and bytes; of two, the first.

    Those whose file does not tell where its data begin are left out.
    """
    wanted = frozenset(names)
    return {
        tensor.name: (file.path, file.header.data_begin + tensor.begin, tensor.stored_bytes)
        for file in reversed(checkpoint.files)
        if file.header.data_begin is not None
        for tensor in file.header.tensors
        if tensor.name in wanted
    }


def _advance(reader: Generator[Span, bytes, Header], data: bytes | None) -> Span | Header:
    """The next span that a format wants, or its header."""
    try:
        return next(reader) if data is None else reader.send(data)
    except StopIteration as done:
        header: Header = done.value
        return header


async def _beside(size_bytes: int, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
    """What `function` gives, in a thread where there is much to do: others must not wait for it."""
    if size_bytes < LARGE_HEADER_BYTES:
        return function(*arguments)
    import asyncio  # noqa: PLC0415 - as below

    return await asyncio.to_thread(function, *arguments)


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
