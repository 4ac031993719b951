"""A shard index is followed where it is safe to, and refused where it is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.checkpoints import MAX_SHARDS
from auditor.core.index import MAX_INDEX_VALUES, ShardIndex, parse_index
from auditor.core.strict_json import LARGE_BYTES
from auditor.errors import FileTooLarge, HfauditError, IndexMalformed, LimitExceeded

PATH = "model.safetensors.index.json"


def index(weight_map: object, path: str = PATH, **more: object) -> ShardIndex:
    return parse_index(path, json.dumps({**more, "weight_map": weight_map}).encode())


def test_an_index_tells_the_file_of_each_tensor_and_the_files() -> None:
    read = index(
        {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"},
        metadata={"total_size": 536_870_912, "total_parameters": 268_435_456},
    )
    assert read.weight_map["b"] == "model-00002-of-00002.safetensors"
    assert read.shard_paths == (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    )
    assert read.metadata == {"total_size": 536_870_912, "total_parameters": 268_435_456}
    assert read.findings == ()


@pytest.mark.parametrize(
    "shard",
    [
        "model-00001-of-000163.safetensors",
        "model_00012-of-00072.safetensors",
        "model.safetensors",
        "pytorch_model-00001-of-00002.bin",
        "shards/model..1.safetensors",
        "modèle 1.safetensors",
    ],
)
def test_any_name_of_a_shard_is_followed(shard: str) -> None:
    assert index({"a": shard}).shard_paths == (shard,)


def test_shards_lie_beside_their_index() -> None:
    read = index({"a": "x.safetensors"}, "unet/diffusion.safetensors.index.json")
    assert read.weight_map == {"a": "unet/x.safetensors"}
    assert read.shard_paths == ("unet/x.safetensors",)


@pytest.mark.parametrize("metadata", [None, {}])
def test_an_index_needs_no_metadata(metadata: object) -> None:
    assert index({"a": "x.safetensors"}, metadata=metadata).metadata == {}
    assert index({"a": "x.safetensors"}).metadata == {}


def test_a_total_size_with_a_point_is_the_whole_number_it_is() -> None:
    read = index({"a": "x"}, metadata={"total_size": 28_966_928_384.0, "format": "pt", "n": [1]})
    assert read.metadata == {"total_size": 28_966_928_384, "format": "pt"}
    assert type(read.metadata["total_size"]) is int


def test_a_tensor_that_is_named_twice_is_a_finding_and_all_its_files_are_followed() -> None:
    read = parse_index(PATH, b'{"weight_map":{"a":"x","b":"x","a":"y"}}')
    assert read.weight_map == {"a": "y", "b": "x"}
    assert read.shard_paths == ("x", "y")
    (finding,) = read.findings
    assert finding.code == "index-name-doubled"
    assert finding.message.endswith("(1): `a`")


@pytest.mark.parametrize(
    ("shard", "why"),
    [
        ("../model.safetensors", "has `.` or `..` for a folder"),
        ("a/../../model.safetensors", "has `.` or `..` for a folder"),
        ("..", "has `.` or `..` for a folder"),
        ("./model.safetensors", "has `.` or `..` for a folder"),
        ("/etc/passwd", "is absolute"),
        ("C:/model.safetensors", "is absolute"),
        ("https://example.com/model.safetensors", "is a URL"),
        ("file:///etc/passwd", "is a URL"),
        ("a\\b.safetensors", "has a backslash"),
        ("a\nb.safetensors", "has control characters"),
        ("a\0b.safetensors", "has control characters"),
        ("a\x9bb.safetensors", "has control characters"),
        ("", "has an empty part"),
        ("a//b.safetensors", "has an empty part"),
        ("a/", "has an empty part"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(shard: str, why: str) -> None:
    with pytest.raises(IndexMalformed) as caught:
        index({"a": "model.safetensors", "b": shard})
    assert caught.value.reason.endswith(why)
    assert caught.value.reason.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no `weight_map`"),
        (b'{"weight_map":null}', "no `weight_map`"),
        (b'{"weight_map":[["a","x"]]}', "no `weight_map`"),
        (b'{"weight_map":{}}', "no `weight_map`"),
        (b'{"weight_map":{"a":5}}', "the file of `a` is no string"),
        (b'{"weight_map":{"a":"x","b":null}}', "the file of `b` is no string"),
        (b'{"weight_map":{"a":"x","b":["x"]}}', "the file of `b` is no string"),
        (b'{"weight_map":{"a":{"b":"x"}}}', "the file of `a` is no string"),
        (b'{"weight_map":{"a":"x"},"weight_map":{"b":"y"}}', "comes twice"),
        (b'{"weight_map":{"a":"x"},"metadata":[]}', "`metadata` is no object"),
        (b'{"weight_map":{"a":"x"},"metadata":{"total_size":NaN}}', "NaN for a number"),
        (b'{"weight_map":{"\\ud800":"x"}}', "half a surrogate pair"),
        (b"[" * 1_000 + b"]" * 1_000, "nested too deeply"),
        (b"\xff\xfe{\0}\0", "not UTF-8"),
    ],
)
def test_an_index_that_cannot_be_followed_is_refused_with_its_reason(
    text: bytes, reason: str
) -> None:
    with pytest.raises(IndexMalformed) as caught:
        parse_index(PATH, text)
    assert reason in caught.value.reason
    assert caught.value.subject == PATH


HALF = b'{"weight_map": {"a": "x.safetensors"}}\n'


@pytest.mark.parametrize(
    "text",
    [
        b"<<<<<<< HEAD\n" + HALF + b"=======\n" + HALF + b">>>>>>> main\n",
        HALF + b"=======\n" + HALF,
        HALF + b"=======\r\n" + HALF,
    ],
)
def test_the_halves_of_a_merge_conflict_are_told_as_such(text: bytes) -> None:
    with pytest.raises(IndexMalformed, match="a merge conflict was left in it"):
        parse_index(PATH, text)


def test_more_shards_than_anybody_fetches_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="10,001 files; at most 10,000"):
        index({str(at): f"{at}.safetensors" for at in range(MAX_SHARDS + 1)})


def test_an_index_of_brackets_is_refused_before_it_is_parsed() -> None:
    bomb = b'{"weight_map":[' + b"[]," * MAX_INDEX_VALUES + b"[]]}"
    with pytest.raises(LimitExceeded, match="more than 4,000,000 values"):
        parse_index(PATH, bomb)


def test_an_index_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(FileTooLarge, match="250,000,001 bytes; at most 250,000,000"):
        parse_index(PATH, bytes(250_000_001))


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.sampled_from("xyz"), min_size=1))
def test_every_name_is_found_again(weight_map: dict[str, str]) -> None:
    read = index(weight_map)
    assert read.weight_map == weight_map
    assert set(read.shard_paths) == set(weight_map.values())


@given(st.text())
def test_a_shard_path_is_followed_below_the_index_or_refused(shard: str) -> None:
    try:
        (path,) = index({"a": shard}, "folder/i.json").shard_paths
    except IndexMalformed:
        return
    assert path == f"folder/{shard}"
    assert not {"", ".", ".."} & set(path.split("/"))


@given(st.binary(max_size=100))
def test_nothing_but_an_error_of_the_house_is_raised(data: bytes) -> None:
    try:
        parse_index(PATH, data)
    except HfauditError:
        return


# -- large ones, which are read in one go


def large(text: str) -> bytes:
    return text.encode() + b" " * LARGE_BYTES


@pytest.mark.parametrize(
    "more",
    [
        "",
        '"metadata":{},',
        '"metadata":{"total_size":28966928384.0,"by":"x","of":null},',
        '"metadata":{"total_size":1,"total_size":2},',
        '"metadata":{"a":[1],"b":"12:30"},',
        '"metadata":null,',
        '"metadata":{"n":999999999999999999999999999999},',
    ],
)
def test_a_large_index_says_what_a_small_one_says(more: str) -> None:
    named = '"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"1.safetensors"}'
    text = f"{{{more}{named}}}"
    for path in (PATH, f"unet/{PATH}"):
        assert parse_index(path, large(text)) == parse_index(path, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", "nothing", '{"weight_map":{}}', '{"weight_map":{"a":7}}'),
        '{"weight_map":{"a":"../1.safetensors"}}',
        '{"weight_map":{"a":"1"},"weight_map":{"a":"2"}}',
        '{"metadata":7,"weight_map":{"a":"1"}}',
    ],
)
def test_a_large_index_is_refused_with_the_reason_of_a_small_one(text: str) -> None:
    with pytest.raises(IndexMalformed) as small:
        parse_index(PATH, text.encode())
    with pytest.raises(IndexMalformed) as big:
        parse_index(PATH, large(text))
    assert big.value.reason == small.value.reason


def test_a_name_that_a_large_index_has_twice_is_a_finding() -> None:
    found = parse_index(PATH, large('{"weight_map":{"a":"1","b":"1","a":"2"}}'))
    assert [finding.code for finding in found.findings] == ["index-name-doubled"]
    assert found.weight_map == {"a": "2", "b": "1"}
