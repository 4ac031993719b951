"""Whom a figure in a sentence is about: this model, another one, or nobody in particular."""

import re
from dataclasses import dataclass
from typing import Final

from auditor.claims.model_names import base_name, is_telling, labels, name_tokens, runs_of
from auditor.core.claims import Scope

_NAME: Final = re.compile(
    r"(?<![A-Za-z0-9/._-])[A-Za-z][A-Za-z0-9]*(?:[-./_+][A-Za-z0-9]+)*"
    r"(?: (?:v?[0-9][0-9A-Za-z.]*|[A-Z][0-9]+|XX?L"
    r"|(?:Tiny|Mini|Small|Medium|Large|Base)(?![a-z]| [Ll]anguage| [Mm]odel)))*"
)
_HARDWARE: Final = re.compile(
    r"(?:G?[AHVBPLT][0-9]{1,3}|RTX|GTX|M[0-9]|MI[0-9]+X?|TPUv?[0-9]|v[0-9.]+|[a-z]?fp[0-9]+\w*|bf16|int[0-9]+|[fiuqw][0-9]\w*"
    r"|[0-9].*)",
    re.IGNORECASE,
)
# Words with capitals or numbers that name no model.
_NO_NAMES: Final = frozenset(
    """
    ai ml llm llms vlm vlms mllm slm slms nlp nlu api apis gpu gpus cpu cpus tpu tpus npu ram
    vram moe moes mtp mla gqa mha mqa rope swiglu geglu gelu relu rmsnorm layernorm sft dpo
    rlhf grpo ppo rl kto lora qlora peft mlm clm nsp qa ner glue squad sota asr tts ocr stt it
    ui url pdf json yaml html css sql us usa uk eu nvidia ibm amd openai deepmind huggingface
    pytorch tensorflow cuda flops flop mit apache id ids ok faq readme todo bpe sentencepiece
    wordpiece tiktoken oss stem cot rag ssm ffn mlp kv vit dit unet vae cnn rnn lstm gan dnn
    eleutherai bigscience mosaicml github arxiv wikipedia bookcorpus english german french new
    note model models this the total
    """.split()
)
# Before a name: what follows it is said of another model than the one that the name is of.
_NOT_THE_SUBJECT: Final = re.compile(
    r"(?:based|built|building|trained|initialized|initialised|finetuned|fine-tuned|derived"
    r"|distilled|adapted|converted|pruned|quantized|quantised)\s+(?:up)?(?:on|from|off|of|with|by)"
    r"(?:\s+\w+){0,2}\s*$"
    r"|(?:version|variant|copy|fine-?tune|distillation|replication|checkpoint|merge|by|using|uses"
    r"|with|from|in|on|at|for|via|to|follows?|adopts?|employs?|leverages?)"
    r"(?:\s+(?:of|a|an|the|its|our))*\s*$",
    re.IGNORECASE,
)
# After a name: what it only describes.
_ATTRIBUTE: Final = re.compile(
    r"(?:\s+(?:vision|text|image|audio|language|speech))?[\s-]+(?:tokenizer|encoder|decoder|backbone"
    r"|architecture|dataset|corpus|based|like|style|format|llm|model|family|series|framework|block"
    r"|layers?|team)(?![A-Za-z])",
    re.IGNORECASE,
)
_COMPARED: Final = re.compile(
    r"(?<![A-Za-z-])(?:than|vs\.?|versus|compared|comparable|outperform\w*|unlike|surpass\w*"
    r"|exceed\w*|rival\w*|match(?:es|ing)?|competitive with|equivalent to|similar to|such as"
    r"|like|larger|bigger|other|others|teacher|predecessor|previous|original|existing"
    r"|base model's|reference model|reward model|draft model|between)(?![A-Za-z])",
    re.IGNORECASE,
)
_RESET: Final = re.compile(
    r"(?:[.!?;]\s|(?<![A-Za-z])(?:while|whereas|but|despite|ours|our model|this model|the model"
    r"|it has|(?:with )?a total of|in total|with only|using only|with just)(?![A-Za-z]))",
    re.IGNORECASE,
)
_SIZE: Final = re.compile(r"[0-9.]+[bmk]")
_INNER_CAPITAL: Final = re.compile(r"[A-Za-z][a-z]*[A-Z]")
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}\.?")
_CLOSED: Final = re.compile(r"\([^()]*\)")
_ATTACHED: Final = re.compile(r"[\s(\[:,~=-]*(?:(?:is|an?|the|about|around|roughly)\s+)*[~≈]?")
_SIZE_WORD: Final = re.compile(
    r"(?<![A-Za-z])(tiny|mini|nano|small|base|medium|large|huge|giant|xx?l)\s*\(\s*$", re.IGNORECASE
)
_HAVING: Final = re.compile(
    r"\s*,?\s*(?:(?:which|that)\s+)?(?:has|have|had|is|was|with|at|contains?|comprises|features)\s",
    re.IGNORECASE,
)
_LOOK_BACK: Final = 240  # characters: about a long sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`own` is about this model; `name` is the other model, where it has one.

    `compared`: the words before it set it against this model.
    """

    own: bool
    name: str = ""
    compared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """What the repository's name says of its model."""

    tokens: tuple[str, ...]
    runs: frozenset[str]  # every piece of the name
    total: int | None  # the size in the name

    def is_named_by(self, text: str) -> bool:
        """Whether `text` says nothing but what stands in this model's name, in one piece.

        "BERT-Base" names bert-base-uncased, and "Llama-2-70B" does not name llama-2-7b.
        """
        return self.closeness(text) > 0

    def closeness(self, text: str) -> int:
        """How much of this model's name `text` says, in characters; 0 if it names another."""
        tokens = name_tokens(text.rpartition("/")[2] or text)
        if not is_telling(tokens):
            return 0
        joined = "".join(tokens)
        return len(joined) if joined in self.runs or self._with_a_size(tokens) else 0

    def _with_a_size(self, tokens: tuple[str, ...]) -> bool:
        """Whether a name is this one with a size added: OpenChat-3.5-7B is openchat_3.5."""
        rest = tuple(token for token in tokens if not _SIZE.fullmatch(token))
        return self.total is None and len(rest) < len(tokens) and rest == self.tokens


def model_name(repo_id: str) -> ModelName:
    totals = [label.quantity.value for label in labels(repo_id) if label.scope is Scope.TOTAL]
    tokens = name_tokens(base_name(repo_id))
    return ModelName(tokens=tokens, runs=runs_of(tokens), total=totals[0] if totals else None)


def subject_of(line: str, position: int, model: ModelName) -> Subject:
    """Whom a figure at `position` of `line` is about, by the words before it."""
    sentence = line[max(0, position - _LOOK_BACK) : position]
    if (size := _SIZE_WORD.search(sentence)) and size[1].lower() not in model.tokens:
        return Subject(own=False, name=size[1])
    begin = max((match.end() for match in _RESET.finditer(sentence)), default=0)
    clause = _CLOSED.sub(" ", sentence[begin:])  # what stands in parentheses is said aside
    other = ""
    for match in reversed(list(_NAME.finditer(clause))):
        name = match[0].rstrip(".")
        if not looks_like_a_name(name):
            continue
        gap = clause[match.end() :]
        compared = _COMPARED.search(gap) is not None
        if model.is_named_by(name):
            return Subject(own=not compared, compared=compared)
        if compared or _ATTACHED.fullmatch(gap) or _HAVING.match(gap):
            return Subject(own=False, name=name, compared=compared)
        if not (_NOT_THE_SUBJECT.search(clause[: match.start()]) or _ATTRIBUTE.match(gap)):
            other = other or name
    compared = _COMPARED.search(clause) is not None
    return Subject(own=not (other or compared), name=other, compared=compared)


def looks_like_a_name(text: str) -> bool:
    """Whether `text` looks like the name of a model: GPT-4, Llama 2, RoBERTa; not GPU or H100."""
    first, _, number = text.partition(" ")
    if first.lower() in _NO_NAMES or _HARDWARE.fullmatch(first):
        return False
    if any(character.isdigit() for character in first):
        return "-" in first or any(character.isupper() for character in first)
    if number and first[0].isupper() and not _YEAR.fullmatch(number):
        return True
    return any(_INNER_CAPITAL.search(part) for part in re.split(r"[-./_+]", first))
