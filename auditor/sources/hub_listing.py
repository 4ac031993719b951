"""The Hub's lists of models, page by page, and the tips of single ones.

GET /api/models?author=&search=&filter=&pipeline_tag=&sort=&limit=1000&expand=sha&expand=safetensors
    [{"id": .., "sha": .., "safetensors": {"parameters": {..}, "total": n}, "gguf": {"total": n}}]
    Link: <...cursor=...>; rel="next"
GET /api/collections/{slug}
    {"items": [{"type": "model", "id": ..}]}

`sort` is largest first, as in huggingface_hub hf_api.py (`list_models`, direction -1).
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode

from auditor.core.identity import DEFAULT_REVISION, HubRef, is_commit
from auditor.core.listing import MAX_LISTED, Listed, ListQuery, Tip
from auditor.errors import BadAnswer, LimitExceeded
from auditor.sources.hub_api import Api
from auditor.sources.hub_errors import Asked
from auditor.sources.hub_facts import count_of, facts_of, read_info, read_json, repo_id_of, text_of
from auditor.sources.hub_retry import Meter

PAGE_MODELS: Final = 1_000  # the most that the Hub gives at once
TIP_FIELDS: Final = ("sha",)
SURVEY_FIELDS: Final = (
    *("sha", "safetensors", "gguf", "config", "tags", "pipeline_tag", "library_name"),
    *("gated", "private", "disabled", "downloads", "lastModified"),
)
_MAX_CLASSES: Final = 20  # of `architectures`; composite models name two or three
# Names of the Hub's own query parameters.
_PARAMETERS: Final = (
    ("author", "author"),
    ("search", "search"),
    ("task", "pipeline_tag"),
    ("sort", "sort"),
)


async def list_pages(
    api: Api, query: ListQuery, meter: Meter, *, fields: tuple[str, ...] = TIP_FIELDS
) -> AsyncIterator[tuple[Listed, ...]]:
    """The models that fit `query`, in the Hub's order, a page at a time.

    Raises SourceError, BadAnswer, LimitExceeded for a list without an end.
    """
    if query.collection:
        yield _cut(await _collection(api, query.collection, meter), query.limit)
        return
    asked = _asked(api, query)
    url: str | None = f"{api.endpoint}/api/models?{_question(query, fields)}"
    listed = 0
    while url is not None and (query.limit is None or listed < query.limit):
        answer = await api.get(url, asked, meter)
        rows = read_json(answer.body, asked)
        if not isinstance(rows, list):
            raise BadAnswer(asked.subject, "the list of models is no JSON list")
        page = _cut(tuple(_models(rows)), None if query.limit is None else query.limit - listed)
        listed += len(page)
        if listed > MAX_LISTED:
            raise LimitExceeded(asked.subject, f"a list of more than {MAX_LISTED:,} models")
        yield page
        following = api.next_page(url, answer, asked)
        if following == url:
            raise BadAnswer(asked.subject, "the list's next page is the same page")
        url = following


async def tip_of(api: Api, ref: HubRef, meter: Meter) -> Tip:
    """The present name and commit of `ref`, in one small answer. Raises as `Api.info` does."""
    asked = api.asked(ref.repo_id, ref.revision)
    url = f"{api.endpoint}/api/models/{quote(ref.repo_id)}"
    if ref.revision != DEFAULT_REVISION:
        url += f"/revision/{quote(ref.revision, safe='')}"
    answer = await api.get(f"{url}?expand=sha", asked, meter)
    info = read_info(answer.body, asked)
    return Tip(repo_id=info.repo_id, commit=info.commit)


async def _collection(api: Api, slug: str, meter: Meter) -> tuple[Listed, ...]:
    asked = api.asked(f"collection {slug}", DEFAULT_REVISION)
    answer = await api.get(f"{api.endpoint}/api/collections/{quote(slug)}", asked, meter)
    value = read_json(answer.body, asked)
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list):
        raise BadAnswer(asked.subject, "the answer about the collection lists nothing")
    return tuple(
        Listed(repo_id=repo_id)
        for item in items
        if isinstance(item, dict) and item.get("type") == "model"
        if (repo_id := repo_id_of(item.get("id")))
    )


def _asked(api: Api, query: ListQuery) -> Asked:
    about = " ".join(filter(None, (query.author, query.search, query.task, query.library)))
    return api.asked(f"the list of models {about}".rstrip(), DEFAULT_REVISION)


def _question(query: ListQuery, fields: tuple[str, ...]) -> str:
    limit = min(PAGE_MODELS, query.limit or PAGE_MODELS)
    tags = [*query.filters, *([query.library] if query.library else [])]
    pairs = [(there, value) for here, there in _PARAMETERS if (value := getattr(query, here))]
    pairs += [("filter", tag) for tag in tags]
    pairs += [("limit", str(limit))]
    pairs += [("direction", "-1")] if query.sort else []
    pairs += [("expand", name) for name in fields]
    return urlencode(pairs)


def _cut(page: tuple[Listed, ...], limit: int | None) -> tuple[Listed, ...]:
    return page if limit is None else page[: max(0, limit)]


def _models(rows: list[Any]) -> Iterator[Listed]:
    """The models of a page; a row that names none is passed over."""
    for row in rows:
        repo_id = repo_id_of(row.get("id")) if isinstance(row, dict) else None
        if repo_id:
            yield _listed(repo_id, row)


def _listed(repo_id: str, row: dict[str, Any]) -> Listed:
    config, gguf = (_object(row.get(key)) for key in ("config", "gguf"))
    quantised = _object(config.get("quantization_config"))
    classes = config.get("architectures")
    return Listed(
        repo_id=repo_id,
        commit=_commit(row.get("sha")),
        facts=facts_of(row),
        model_type=text_of(config.get("model_type")) or "",
        architectures=tuple(
            name
            for value in (classes[:_MAX_CLASSES] if isinstance(classes, list) else ())
            if (name := text_of(value))
        ),
        quantised_by=text_of(quantised.get("quant_method")) or ("unnamed" if quantised else ""),
        gguf_total=count_of(gguf.get("total")),
        gguf_architecture=text_of(gguf.get("architecture")) or "",
        disabled=row.get("disabled") is True,
        downloads=count_of(row.get("downloads")),
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _commit(value: object) -> str | None:
    return value if isinstance(value, str) and is_commit(value) else None
