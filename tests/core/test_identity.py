"""What a text means: an id of the Hub with a revision, a URL of it, or a folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.identity import FolderRef, HubRef, is_commit, parse_model_ref
from auditor.errors import InvalidModel

COMMIT = "86b5e0934494bd15c9632b12f734a8a67f723594"


def hub(text: str, revision: str | None = None) -> tuple[str, str]:
    """Id and revision of a text that names a repository."""
    ref = parse_model_ref(text, revision=revision)
    assert isinstance(ref, HubRef)
    return ref.repo_id, ref.revision


def refused(text: str, revision: str | None = None, hub_hosts: tuple[str, ...] = ()) -> str:
    with pytest.raises(InvalidModel) as caught:
        parse_model_ref(text, revision=revision, hub_hosts=hub_hosts)
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "gpt2",
        "openai-community/gpt2",
        "org/name.v1_2-x",
        "_org/_name_",
        "0/1",
        "a" * 96,
        "a" * 47 + "/" + "b" * 48,
    ],
)
def test_an_id_is_taken_as_it_is_on_the_branch_main(text: str) -> None:
    assert hub(text) == (text, "main")


def test_blanks_around_an_id_are_dropped() -> None:
    assert hub("  openai-community/gpt2\n") == ("openai-community/gpt2", "main")


@pytest.mark.parametrize("revision", ["v1.0", COMMIT, "refs/pr/12", "fp16", "1.0+x", "feature/new"])
def test_a_revision_follows_an_at_or_stands_beside(revision: str) -> None:
    assert hub(f"org/name@{revision}") == ("org/name", revision)
    assert hub("org/name", revision) == ("org/name", revision)
    assert hub(f"org/name@{revision}", revision) == ("org/name", revision)


def test_two_revisions_that_differ_are_refused() -> None:
    assert "two revisions: a in the id, b beside it" in refused("org/name@a", "b")


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://huggingface.co/gpt2", ("gpt2", "main")),
        ("https://huggingface.co/org/name", ("org/name", "main")),
        ("https://huggingface.co/org/name/", ("org/name", "main")),
        ("http://huggingface.co/org/name", ("org/name", "main")),
        ("HTTPS://HuggingFace.co/org/name", ("org/name", "main")),
        ("huggingface.co/org/name", ("org/name", "main")),
        ("HF.co/org/name", ("org/name", "main")),
        ("https://www.huggingface.co/org/name", ("org/name", "main")),
        ("https://hf.co/org/name/tree/v2", ("org/name", "v2")),
        ("https://huggingface.co/gpt2/tree/main", ("gpt2", "main")),
        ("https://huggingface.co/org/name/blob/v1/config.json", ("org/name", "v1")),
        (
            "https://huggingface.co/org/name/resolve/v1/model.safetensors?download=true",
            ("org/name", "v1"),
        ),
        ("https://huggingface.co/org/name/raw/v1/README.md#top", ("org/name", "v1")),
        (f"https://huggingface.co/org/name/commit/{COMMIT}", ("org/name", COMMIT)),
        ("https://huggingface.co/org/name/tree/refs%2Fpr%2F3", ("org/name", "refs/pr/3")),
        ("https://huggingface.co/org/name/tree/refs/pr/3/folder", ("org/name", "refs/pr/3")),
        ("https://huggingface.co/org/name/discussions/7", ("org/name", "main")),
        ("https://huggingface.co/org/tree", ("org/tree", "main")),
        ("https://huggingface.co/api/models/org/name/revision/v1", ("org/name", "v1")),
        ("hf://org/name", ("org/name", "main")),
        ("hf://models/org/name", ("org/name", "main")),
        ("hf://org/name@v1/model.safetensors", ("org/name", "v1")),
        ("hf://gpt2@v1/model.safetensors", ("gpt2", "v1")),
        ("hf://org/name@refs%2Fpr%2F3/config.json", ("org/name", "refs/pr/3")),
        ("hf://org/name@refs/pr/3/config.json", ("org/name", "refs/pr/3")),
    ],
)
def test_a_url_of_the_hub_names_a_model_and_its_revision(url: str, meant: tuple[str, str]) -> None:
    assert hub(url) == meant


def test_a_urls_own_revision_must_agree_with_the_one_beside_it() -> None:
    url = "https://huggingface.co/org/name/tree/v1"
    assert hub(url, "v1") == ("org/name", "v1")
    assert "two revisions" in refused(url, "v2")


def test_a_mirror_counts_as_the_hub_where_it_is_named_with_its_port() -> None:
    ref = parse_model_ref("http://127.0.0.1:8080/org/name", hub_hosts=("127.0.0.1:8080",))
    assert ref == HubRef(repo_id="org/name", requested="http://127.0.0.1:8080/org/name")
    assert "`127.0.0.1:8081` is not the Hub" in refused(
        "http://127.0.0.1:8081/org/name", hub_hosts=("127.0.0.1:8080",)
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://huggingface.co", "names no repository"),
        ("https://huggingface.co/", "names no repository"),
        ("https://huggingface.co/datasets/rajpurkar/squad", "a URL of the Hub's datasets"),
        ("https://huggingface.co/spaces/org/app", "a URL of the Hub's spaces"),
        ("hf://datasets/rajpurkar/squad", "a URL of the Hub's datasets"),
        ("https://huggingface.com/org/name", "`huggingface.com` is not the Hub"),
        ("https://huggingface.co.evil.example/org/name", "is not the Hub"),
        ("https://evil.example/huggingface.co/org/name", "`evil.example` is not the Hub"),
        ("ftp://huggingface.co/org/name", "a URL of scheme `ftp`"),
        ("file:///etc/passwd", "a URL of scheme `file`"),
        ("https://[::1/org/name", "not a URL"),
        ("https://huggingface.co/org/..%2F..%2Fname", "an id of 4 parts"),
        ("https://huggingface.co/org/..%2F", "an id of 3 parts"),
        ("https://huggingface.co/org/..", "`..` and `--` are not allowed"),
        ("https://huggingface.co/org/na%00me", "an id has letters"),
        ("https://huggingface.co/org/name/tree/..", "is no revision"),
    ],
)
def test_a_url_of_anything_else_is_refused(url: str, reason: str) -> None:
    assert reason in refused(url)


def test_a_token_in_a_url_is_not_repeated() -> None:
    message = refused("https://user:hf_secret@huggingface.co/org/name")
    assert "the URL holds a user name or a token" in message
    assert "secret" not in message
    assert "user:" not in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the id is empty"),
        (" \t\n", "the id is empty"),
        ("@", "nothing follows the `@`"),
        ("org/name@", "nothing follows the `@`"),
        ("@main", "an id has letters"),
        ("a" * 97, "an id of 97 characters; the Hub allows 96"),
        ("a" * 48 + "/" + "b" * 48, "an id of 97 characters"),
        ("a/b/c", "an id of 3 parts"),
        ("org//name", "an id of 3 parts"),
        ("org/", "an id has letters"),
        ("a..b", "`..` and `--`"),
        ("org/a--b", "`..` and `--`"),
        ("org/name.git", "does not end with `.git`"),
        ("-org/name", "an id has letters"),
        ("org/name-", "an id has letters"),
        (".org/name", "an id has letters"),
        ("org/name.", "an id has letters"),
        ("org/na me", "an id has letters"),
        ("org/näme", "an id has letters"),
        ("org/ｎame", "an id has letters"),  # noqa: RUF001 - a letter that looks like another
        ("org/name;rm", "an id has letters"),
        ("org/name@-x", "`-x` is no revision"),
        ("org/name@--upload-pack", "is no revision"),
        ("org/name@a b", "is no revision"),
        ("org/name@a..b", "is no revision"),
        ("org/name@v1@v2", "is no revision"),
        ("org/name@" + "v" * 256, "is no revision"),
    ],
)
def test_what_is_no_id_is_refused_and_says_why(text: str, reason: str) -> None:
    assert reason in refused(text)


@pytest.mark.parametrize(
    "hidden",
    ["\x00", "\x1b[31m", "\x7f", "\u202e", "\u200b", "\u2066", "\n", "\ud800"],
)
def test_characters_that_hide_or_turn_text_are_refused_and_escaped(hidden: str) -> None:
    message = refused(f"org/{hidden}name")
    assert "the id has control characters" in message
    assert hidden not in message
    assert message.isprintable()


def test_an_error_shows_no_more_of_a_text_than_an_id_is_long() -> None:
    for text in ("a" * 5_000, "https://evil.example/" + "a" * 5_000, "org/name@" + "/" * 5_000):
        with pytest.raises(InvalidModel) as caught:
            parse_model_ref(text)
        assert len(caught.value.subject) <= 96


@pytest.mark.parametrize("text", ["/", ".", "..", "./gpt2", "../models/x", "/srv/gpt2", "~/gpt2"])
def test_what_is_written_as_a_path_is_a_folder_that_need_not_exist(text: str) -> None:
    assert parse_model_ref(text) == FolderRef(path=text, requested=text)


@pytest.mark.parametrize("text", ["C:\\models\\gpt2", "c:/models/gpt2", ".\\gpt2", "\\\\host\\x"])
def test_a_path_of_windows_is_a_folder(text: str) -> None:
    assert parse_model_ref(text) == FolderRef(path=text, requested=text)


def test_a_folder_of_the_name_wins_over_the_hub() -> None:
    asked: list[str] = []

    def is_folder(name: str) -> bool:
        asked.append(name)
        return name == "org/name"

    assert isinstance(parse_model_ref("org/name", is_folder=is_folder), FolderRef)
    assert isinstance(parse_model_ref("org/other", is_folder=is_folder), HubRef)
    assert asked == ["org/name", "org/other"]


def test_a_folder_has_no_revision() -> None:
    assert "a folder has no revisions" in refused("./gpt2", "main")


def test_a_reference_reads_as_it_was_asked_for() -> None:
    assert str(parse_model_ref("org/name@v1")) == "org/name@v1"
    assert str(parse_model_ref("./gpt2")) == "./gpt2"
    assert str(HubRef(repo_id="org/name")) == "org/name"
    assert str(FolderRef(path="/srv/x")) == "/srv/x"


def test_only_a_whole_sha_is_a_commit() -> None:
    assert is_commit(COMMIT)
    assert not any(map(is_commit, (COMMIT[:39], COMMIT + "0", COMMIT.upper(), "main", "")))


@given(st.text(max_size=120), st.none() | st.text(max_size=40))
def test_any_text_is_a_reference_or_an_invalid_model(text: str, revision: str | None) -> None:
    try:
        ref = parse_model_ref(text, revision=revision)
    except InvalidModel:
        return
    if isinstance(ref, HubRef):
        owner, slash, name = ref.repo_id.rpartition("/")
        assert len(ref.repo_id) <= 96
        assert name
        assert bool(owner) == bool(slash)
        assert not {"..", "--"} & {ref.repo_id[i : i + 2] for i in range(len(ref.repo_id))}
        assert ref.revision.isascii()


IDS = st.from_regex(r"[A-Za-z0-9]{1,9}/[A-Za-z0-9]{1,9}", fullmatch=True)


@given(IDS, st.from_regex(r"[a-z][a-z0-9.]{0,5}[a-z0-9]", fullmatch=True))
def test_an_id_with_a_revision_means_what_its_url_means(repo_id: str, revision: str) -> None:
    if ".." in revision:
        return
    expected = hub(f"{repo_id}@{revision}")
    assert hub(f"https://huggingface.co/{repo_id}/tree/{revision}") == expected
    assert hub(f"hf://{repo_id}@{revision}") == expected
