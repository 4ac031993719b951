"""Options that choose models from the Hub's lists."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from auditor.core.listing import ListQuery
from auditor.errors import InvalidOption

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    ("--author", "NAME", "Models of this user or organisation."),
    ("--search", "TEXT", "Models whose names hold this text."),
    ("--task", "TASK", "Models of this task: text-generation, fill-mask, ..."),
    ("--library", "NAME", "Models of this library: transformers, diffusers, gguf, ..."),
    ("--collection", "SLUG", "The models of a collection: org/title-id."),
    ("--sort", "FIELD", "Largest first by downloads, likes, createdAt, lastModified, ..."),
)


def listing_options(function: F) -> F:
    """`--author`, `--search`, `--task`, `--library`, `--filter`, `--collection`, `--sort`, ..."""
    function = click.option("--limit", type=click.IntRange(min=1), help="At most so many models.")(
        function
    )
    function = click.option(
        "--filter",
        "filters",
        metavar="TAG",
        multiple=True,
        help="Models with this tag; again for more.",
    )(function)
    for name, metavar, text in reversed(_OPTIONS):
        function = click.option(name, metavar=metavar, default="", help=text)(function)
    return function


def query_of(options: Mapping[str, Any]) -> ListQuery:
    """What the options ask for. Raises InvalidOption where they contradict one another."""
    query = ListQuery(
        author=options["author"],
        search=options["search"],
        task=options["task"],
        library=options["library"],
        filters=tuple(options["filters"]),
        sort=options["sort"],
        limit=options["limit"],
        collection=options["collection"],
    )
    if query.collection and ListQuery(collection=query.collection, limit=query.limit) != query:
        raise InvalidOption(
            "--collection",
            "a collection is a list of its own",
            hint="leave the other filters out",
        )
    return query
