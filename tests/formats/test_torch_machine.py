"""The machine says of every pickle what Python's own would load, and runs nothing of it."""

import builtins
import os
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.formats import pickle_machine
from auditor.formats.pickle_machine import Machine
from auditor.formats.pickle_values import (
    CutPickle,
    Dictionary,
    Global,
    Made,
    NotPickle,
    Persistent,
    PickleTooLarge,
    Value,
)

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def plain(value: Value) -> Any:
    """What Python would have loaded of a pickle of plain values."""
    match value:
        case Dictionary():
            return {plain(key): plain(each) for key, each in value.pairs}
        case list():
            return [plain(each) for each in value]
        case tuple():
            return tuple(plain(each) for each in value)
        case Made(args=(text, "latin1")) if isinstance(text, str):
            return text.encode("latin-1")  # how protocols before 3 write bytes
        case Made(maker=Global(name="bytes"), args=()):
            return b""
        case _:
            return value


def loaded(data: bytes) -> Value:
    machine = Machine(data)
    value = machine.load()
    assert machine.at == len(data)
    return value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(value=PLAIN)
def test_plain_values_are_read_as_they_were_written(protocol: int, value: Any) -> None:
    assert plain(loaded(pickle.dumps(value, protocol))) == value


@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS))
def test_a_pickle_cut_anywhere_is_known_to_be_cut(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    for end in range(len(data)):
        with pytest.raises(NotPickle):
            Machine(data[:end]).load()


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for begin in (b"", b"\x80\x02", b"(" * 8):
        with suppress(NotPickle):
            Machine(begin + data + b".").load()


@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS), at=st.integers(0), bit=st.integers(0, 7))
def test_a_flipped_bit_is_read_or_refused(value: Any, protocol: int, at: int, bit: int) -> None:
    data = bytearray(pickle.dumps([value, OrderedDict(), 1j, {1}], protocol))
    data[at % len(data)] ^= 1 << bit
    with suppress(NotPickle):
        Machine(bytes(data)).load()


def test_every_opcode_of_python_has_a_step() -> None:
    steps = pickle_machine._STEPS.keys() | {pickle_machine._STOP}  # noqa: SLF001 - the table
    assert {ord(opcode.code) for opcode in pickletools.opcodes} == steps


def test_pickles_that_lie_end_to_end_are_read_one_after_another() -> None:
    machine = Machine(pickle.dumps(1) + pickle.dumps("two"))
    assert [machine.load(), machine.load()] == [1, "two"]


# -- what loading would run


class Runs:
    """Anything that pickle will call."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_loading_would_call_is_named_and_not_called(protocol: int, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bait = [
        Runs(os.system, f"touch {canary}"),
        Runs(builtins.eval, f"open({str(canary)!r}, 'w')"),
        Runs(builtins.exec, f"open({str(canary)!r}, 'w')"),
        Runs(os.mkdir, str(canary)),
    ]
    machine = Machine(pickle.dumps(bait, protocol))
    made = machine.load()
    assert isinstance(made, list)
    assert [each.maker.name for each in made] == ["system", "eval", "exec", "mkdir"]
    assert {each.name for each in machine.named} == {"system", "eval", "exec", "mkdir"}
    assert not canary.exists()


def test_what_loading_would_call_in_old_ways_is_not_called_either(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    command = f"touch {canary}".encode()
    text = b"X" + len(command).to_bytes(4, "little") + command
    for data in (
        b"cposix\nsystem\n(" + text + b"tR.",  # GLOBAL and REDUCE
        b"(" + text + b"iposix\nsystem\n.",  # INST
        b"(cposix\nsystem\n" + text + b"o.",  # OBJ
        b"\x8c\x05posix\x8c\x06system\x93" + text + b"\x85\x81.",  # STACK_GLOBAL and NEWOBJ
    ):
        made = loaded(data)
        assert isinstance(made, Made)
        assert made.maker == Global("posix", "system")
        assert made.args == (command.decode(),)
    made = loaded(b"cposix\nsystem\n" + text + b"\x85}\x92.")  # NEWOBJ_EX
    assert isinstance(made, Made)
    assert made.args[0] == (command.decode(),)
    assert not canary.exists()


def test_a_module_that_does_not_exist_may_be_named() -> None:
    assert loaded(b"cno_such_module\nname\n.") == Global("no_such_module", "name")


def test_an_extension_is_named_by_its_number() -> None:
    for data in (b"\x82\x07.", b"\x83\x07\0.", b"\x84\x07\0\0\0."):
        assert loaded(data) == Global("copyreg", "extension 7")


def test_what_is_kept_outside_is_known_by_its_key() -> None:
    for data, key in ((b"Pkey\n.", "key"), (b"K\x07Q.", 7)):
        outside = loaded(data)
        assert isinstance(outside, Persistent)
        assert outside.key == key


def test_a_state_items_and_pairs_are_put_on_what_is_made() -> None:
    made = loaded(b"ca\nB\n)\x81}b(K\x01K\x02e(K\x03K\x04u.")
    assert isinstance(made, Made)
    assert isinstance(made.state, Dictionary)
    assert (made.items, made.pairs, made.is_call) == ([1, 2], [(3, 4)], False)


# -- limits


def test_an_object_that_holds_itself_is_read() -> None:
    endless: list[Any] = []
    endless.append(endless)
    value = loaded(pickle.dumps(endless))
    assert isinstance(value, list)
    assert value[0] is value


def test_sharing_that_doubles_at_every_step_takes_no_more_than_its_opcodes() -> None:
    # Thirty lists, each of twice the one before: 2^30 leaves if they were copied.
    value: list[Any] = []
    for _ in range(30):
        value = [value, value]
    assert isinstance(loaded(pickle.dumps(value)), list)


def test_too_many_opcodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_OPCODES", 1_000)
    assert loaded(b"N0" * 499 + b"N.") is None  # 1,000 of them
    with pytest.raises(PickleTooLarge, match="more than 1,000 opcodes"):
        loaded(b"N0" * 500 + b"N.")


def test_too_many_references_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_MEMO", 10)
    with pytest.raises(PickleTooLarge, match="more than 10 objects"):
        loaded(b"]" + b"\x94" * 11 + b".")


def test_nesting_that_python_could_not_have_written_is_refused() -> None:
    with pytest.raises(PickleTooLarge, match="nested 10,000 deep"):
        loaded(b"(" * 10_001 + b".")


def test_too_many_names_are_refused() -> None:
    with pytest.raises(PickleTooLarge, match="more than 10,000 things to import"):
        loaded(b"".join(b"cm\nn%d\n0" % at for at in range(10_001)) + b"N.")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b".", "an empty stack"),
        (b"(.", "an empty stack"),
        (b"a.", "an empty stack"),
        (b"Na.", "an empty stack"),
        (b"NNa.", "appended to something that is no list"),
        (b"t.", "an empty stack"),
        (b"\x87.", "an empty stack"),
        (b"N(\x85.", "an empty stack"),
        (b"NNb.", "a state is given to something that has none"),
        (b"}(Nu.", "a key without a value"),
        (b"(Nd.", "a key without a value"),
        (b"N(NNu.", "items are set in something that has none"),
        (b"ca\nb\nNR.", "called with no tuple"),
        (b"NN\x93.", "imported by no name"),
        (b"c" + b"m" * 2_000 + b"\nn\n.", "imported by 2,001 characters"),
        (b"h\x07.", "object 7 is referred to before it is made"),
        (b"p-1\n.", "no number of 32 bits"),
        (b"p4294967296\n.", "no number of 32 bits"),
        (b"Ione\n.", "an integer that is none"),
        (b"L" + b"9" * 301 + b"L\n.", "an integer of 302 digits"),
        (b"\x8a\xff" + bytes(255) + b".", "an integer of 255 bytes"),
        (b"Fone\n.", "a number that is none"),
        (b"X\x01\0\0\0\xff.", "a text that is no Unicode"),
        (b"V\\ud8\n.", "a text that is no Unicode"),
        (b"\x97.", "a buffer that is kept outside of it"),
        (b"\xff.", "byte 0 is no opcode: 0xff"),
    ],
)
def test_what_is_no_pickle_is_refused_for_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NotPickle, match=reason):
        Machine(data).load()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"N",
        b"X\xff\xff\xff\xffabc",  # a text of 4 GB
        b"\x8d" + b"\xff" * 8 + b"abc",  # of 2^64 bytes
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",  # an integer of 2 GB
        b"cposix",
        b"cposix\nsystem",
    ],
)
def test_lengths_past_the_end_are_no_reason_to_wait_for_the_bytes(data: bytes) -> None:
    with pytest.raises(CutPickle):
        Machine(data).load()


def test_texts_of_python_2_are_utf_8_or_else_latin_1() -> None:
    assert loaded(b"U\x02\xc3\xa9.") == "é"
    assert loaded(b"U\x01\xe9.") == "é"
    assert loaded(b"T\x01\0\0\0\xe9.") == "é"
    assert loaded(b"S'a'\n.") == "a"
