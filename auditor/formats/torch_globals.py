"""What a checkpoint's pickle may name: which names are known, and what the others say of the file.

The known ones are those that torch allows where it loads weights only
(torch/_weights_only_unpickler.py, `_get_allowed_globals`), those of older versions of torch, and
plain data of Python and NumPy. None is ever called: a row says how what it would make is read.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from auditor.core.findings import listed, quoted
from auditor.formats.pickle_values import Global, Made, Persistent, Value


class Kind(Enum):
    """How an object that loading would make is read."""

    MAPPING = auto()  # as its pairs
    SEQUENCE = auto()  # as what its first argument holds and what was appended
    NAMESPACE = auto()  # as its state
    LEAF = auto()  # holds no tensor and could hold no parameters
    ARRAY = auto()  # numbers within the pickle itself


KINDS: Final = {
    "collections.OrderedDict": Kind.MAPPING,
    "collections.defaultdict": Kind.MAPPING,
    "collections.Counter": Kind.MAPPING,
    "builtins.dict": Kind.MAPPING,
    "builtins.list": Kind.SEQUENCE,
    "builtins.tuple": Kind.SEQUENCE,
    "builtins.set": Kind.SEQUENCE,
    "builtins.frozenset": Kind.SEQUENCE,
    "collections.deque": Kind.SEQUENCE,
    "torch.Size": Kind.SEQUENCE,
    "torch.jit._pickle.build_intlist": Kind.SEQUENCE,
    "torch.jit._pickle.build_doublelist": Kind.SEQUENCE,
    "torch.jit._pickle.build_boollist": Kind.SEQUENCE,
    "torch.jit._pickle.build_tensorlist": Kind.SEQUENCE,
    "torch.jit._pickle.restore_type_tag": Kind.SEQUENCE,  # of a list or a dictionary, and its type
    "argparse.Namespace": Kind.NAMESPACE,
    "types.SimpleNamespace": Kind.NAMESPACE,
    "builtins.object": Kind.LEAF,
    "builtins.slice": Kind.LEAF,
    "builtins.range": Kind.LEAF,
    "builtins.complex": Kind.LEAF,
    "builtins.bytearray": Kind.LEAF,
    "_codecs.encode": Kind.LEAF,  # bytes, as protocol 2 writes them
    "_io.BytesIO": Kind.LEAF,  # the `_extra_state` of Transformer Engine
    "datetime.datetime": Kind.LEAF,
    "datetime.timedelta": Kind.LEAF,
    "pathlib.Path": Kind.LEAF,
    "pathlib.PosixPath": Kind.LEAF,
    "pathlib.WindowsPath": Kind.LEAF,
    "torch.device": Kind.LEAF,
    "torch.serialization._get_layout": Kind.LEAF,
    "numpy.dtype": Kind.LEAF,
    "numpy.core.multiarray.scalar": Kind.LEAF,
    "numpy._core.multiarray.scalar": Kind.LEAF,
    "numpy.ndarray": Kind.ARRAY,
    "numpy.core.multiarray._reconstruct": Kind.ARRAY,
    "numpy._core.multiarray._reconstruct": Kind.ARRAY,
}

# Wrappers by which protocols 0 and 1 make an instance of the class that is their first argument.
INSTANCES: Final = frozenset({"copyreg._reconstructor", "copyreg.__newobj__"})

# Modules that have another name since: Python 2's, and torch's (`load_module_mapping`).
_MOVED: Final = {"__builtin__": "builtins", "copy_reg": "copyreg", "torch.tensor": "torch._tensor"}

# Names of torch that the reader of tensors knows (`torch_tensors`), or that only say what something
# is: dtypes, layouts, quantisation schemes, classes of tensors and storages.
_TORCH: Final = re.compile(
    r"torch\.(?:cuda\.|storage\.)?(?:sparse\.)?\w*(?:Storage|Tensor)"
    r"|torch\.(?:(?:q?u?int|float|bfloat|bits|complex|sparse_)\w+|bool|strided|half|double)"
    r"|torch\.per_(?:tensor|channel)_\w+"
    r"|torch\.(?:_utils|_tensor)\._rebuild_\w+"
    r"|torch\.nn\.parameter\.\w+"
)
# Classes that a module or an optimizer is pickled with as a whole; loading runs torch's code alone.
_TORCH_CLASSES: Final = re.compile(r"torch\.(?:nn|optim)\.(?:\w+\.)*[A-Z]\w*|__torch__(?:\.\w+)+")

# What reaches beyond the checkpoint. Long after all weights have been read, `eval` is still there.
_REACHING: Final = re.compile(
    r"(?:os|posix|nt|sys|subprocess|socket|shutil|runpy|pty|ctypes|_ctypes|importlib|imp|webbrowser"
    r"|pickle|_pickle|marshal|codeop|timeit|cProfile|pdb|bdb|asyncio|multiprocessing|requests"
    r"|urllib|http|httplib|ftplib|smtplib|tempfile|pip)\..+"
    r"|builtins\.(?:eval|exec|execfile|compile|open|file|input|getattr|setattr|delattr|__import__"
    r"|globals|locals|vars|apply|breakpoint|memoryview|map|filter)"
    r"|operator\.(?:attrgetter|methodcaller|itemgetter)|functools\.reduce"
    r"|torch\.(?:hub|serialization|jit|package|distributed)\.(?!_get_layout)\w*load\w*|torch\.load"
    r"|numpy\.(?:load|testing\..+|f2py\..+)"
)


def path_of(maker: Value) -> str:
    """The dotted name of what makes an object, in its present place; empty where it has none."""
    if isinstance(maker, Persistent) and type(maker.key) is tuple and len(maker.key) > 1:
        maker = maker.key[1]  # the class of a module, which old files keep with its source
    if not isinstance(maker, Global):
        return ""
    moved = _MOVED.get(maker.module)
    return maker.path if moved is None else f"{moved}.{maker.name}"


def class_of(made: Made) -> str:
    """The dotted name of the class that `made` is an instance of, or of the function called."""
    path = path_of(made.maker)
    return path_of(made.args[0]) if path in INSTANCES and made.args else path


def is_call(made: Made) -> bool:
    """Whether anything may come of it: a function is called, not a class instantiated."""
    return made.is_call and path_of(made.maker) not in INSTANCES


def kind_of(made: Made) -> Kind | None:
    """How it is read; None where that is not known."""
    return KINDS.get(class_of(made))


def safety_warnings(named: Iterable[Global]) -> tuple[str, ...]:
    """What loading would run beside torch's own code; nothing of it was run."""
    paths = [path_of(each) for each in named if not _is_known(each)]
    reaching = [quoted(path) for path in paths if _REACHING.fullmatch(path)]
    others = [quoted(path) for path in paths if not _REACHING.fullmatch(path)]
    rows = (
        ("it names code that loading would run, and that no weights need", reaching),
        ("it names code beside torch's own that loading would run", others),
    )
    return tuple(f"{what}: {listed(names)}" for what, names in rows if names)


def _is_known(named: Global) -> bool:
    # NOTE: from protocol 4 on a name may have dots, and goes from attribute to attribute: to
    # `torch.nn.modules.module` and `torch.os.system` this would be a class of torch.
    path = path_of(named)
    if "." in named.name or _REACHING.fullmatch(path):
        return False
    known = path in KINDS or path in INSTANCES
    return known or any(names.fullmatch(path) for names in (_TORCH, _TORCH_CLASSES))
