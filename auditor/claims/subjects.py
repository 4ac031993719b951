"""Whom a figure in a sentence is about: this model, another one, or nobody in particular."""

import re
from dataclasses import dataclass
from typing import Final

from auditor.claims.own_name import ModelName
from auditor.claims.patterns import Pattern, any_case

_NAME: Final = Pattern(
    r"(?<![A-Za-z0-9/._-])[A-Za-z][A-Za-z0-9]*(?:[-./_+][A-Za-z0-9]+)*"
    r"(?: (?:v?[0-9][0-9A-Za-z.]*(?![0-9A-Za-z.])"
    r"(?! ?(?:[Mm]i?l|[Bb]il|[Tt]ril|[Mm]io|[Mm]rd|亿|億|万|layers|experts|heads|tokens|param))"
    r"|[A-Z][0-9]+|XX?L"
    r"|(?:Tiny|Mini|Small|Medium|Large|Base)(?![a-z]| [Ll]anguage| [Mm]odel)))*"
)
_HARDWARE: Final = any_case(
    r"(?:G?[AHVBPLT][0-9]{1,3}|RTX|GTX|M[0-9]|MI[0-9]+X?|TPUv?[0-9]|v[0-9.]+|[a-z]?fp[0-9]+\w*"
    r"|bf16|int[0-9]+|[fiuqw][0-9]\w*|[0-9].*)"
)
# Words with capitals or numbers that name no model.
_NO_NAMES: Final = frozenset(
    """
    moe moes rope swiglu geglu gelu relu rmsnorm layernorm lora qlora dora peft mup mfu nvidia
    openai deepmind huggingface pytorch tensorflow tensorrt cuda eleutherai bigscience mosaicml
    github arxiv wikipedia bookcorpus imagenet english german french new note model models this
    the total gib mib tib kib tflops gflops pflops flops gpus cpus tpus llms vlms slms mllms
    onnx openvino llamacpp modelscope adamw deepspeed flashattention megatron-lm vram unet
    sentencepiece wordpiece tiktoken int4 int8 layers experts heads dit mmdit vit convnext resnet
    transformer-xl
    stage step phase part table figure section version chapter block tier level epoch round
    """.split()
)
# Words all in capitals that do name models: other such words are abbreviations.
_NAMES_IN_CAPITALS: Final = frozenset(
    """
    ALBERT BART BERT BLIP BLOOM BLOOMZ CLIP CPM DBRX DETR DINO DIT ELECTRA ERNIE ESM EXAONE FLAN
    FLUX GALACTICA GIT GLM GPT JAIS KOSMOS LLAMA MPT OLMO OPT ORCA PALM PHI RWKV SAM SOLAR SDXL
    SEEDOSS ULMFIT WHISPER XGLM XLM XLNET YALM YOLO
    """.split()
)
# Families whose names look like other words.
_FAMILIES: Final = frozenset(
    """
    alpaca baichuan bloom chinchilla claude codex dolly falcon flamingo galactica gemini gemma
    gopher grok imagen jamba jurassic kandinsky kimi llama minerva mistral mixtral nemotron orca
    parti pythia qwen sora vicuna whisper wizardlm zephyr megatron
    """.split()
)
# Before a name: what follows it is said of another model than the one that the name is of.
_NOT_THE_SUBJECT: Final = any_case(
    r"(?:based|built|building|trained|initialized|initialised|finetuned|fine-tuned|derived"
    r"|distilled|adapted|converted|pruned|quantized|quantised)\s+(?:up)?(?:on|from|off|of|with|by)"
    r"(?:\s+\w+){0,2}\s*$"
    r"|(?:version|variant|copy|fine-?tune|distillation|replication|checkpoint|merge|by|using|uses"
    r"|with|from|in|on|at|for|via|to|follows?|adopts?|employs?|leverages?)"
    r"(?:\s+(?:of|a|an|the|its|our))*\s*$"
)
# After a name: what it only describes.
_ATTRIBUTE: Final = any_case(
    r"(?:\s+(?:vision|text|image|audio|language|speech))?[\s-]+(?:tokenizer|encoder|decoder|backbone"
    r"|architecture|dataset|corpus|based|like|style|format|llm|model|family|series|framework|block"
    r"|layers?|team|precision|checkpoint|weights|license)(?![A-Za-z])"
)
_COMPARED: Final = any_case(
    r"(?<![A-Za-z-])(?:than|vs\.?|versus|compared|comparable|outperform\w*|unlike|surpass\w*"
    r"|exceed\w*|rival\w*|match(?:es|ing)?|competitive with|equivalent to|similar to|such as"
    r"|like|larger|bigger|superior to|inferior to|other|others|teacher|predecessor|previous"
    r"|original|existing|base model's|reference model|reward model|draft model|between|instead of"
    r"|rather than|replaces|successor to|beats?|beating|baselines?)(?![A-Za-z])"
    r"|超过|优于|相比|超越|媲美"
)
_RESET: Final = any_case(
    r"(?:[.!?;]\s|(?<![A-Za-z])(?:while|whereas|but|despite|ours|our model|this model|the model"
    r"|this checkpoint|it has|it is|it's|it contains|it comprises|it features|it uses"
    r"|(?:with )?a total of|in total|with only|using only|with just"
    r"|we (?:use|train|present|introduce|release))(?![A-Za-z]))"
)
_INNER_CAPITAL: Final = Pattern(r"[A-Za-z][a-z]*[A-Z]")
_CAPITALS: Final = Pattern(r"[A-Z]+s?")
_YEAR: Final = Pattern(r"(?:19|20)[0-9]{2}\.?")
_CLOSED: Final = Pattern(r"\([^()]*\)")
_ATTACHED: Final = Pattern(r"[\s(\[:,~=-]*(?:(?:is|an?|the|about|around|roughly)\s+)*[~≈]?")
_SIZE_WORD: Final = any_case(
    r"(?<![A-Za-z])(tiny|mini|nano|small|base|medium|large|huge|giant|xx?l)"
    r"(?:\s*\(\s*|(?:[- ]sized?)?\s+(?:model|version|variant)\s+(?:\(\s*|(?:with|has|of)\s+))"
    r"(?:about |around |~\s*)?$"
)
_HAVING: Final = any_case(
    r"\s*,?\s*(?:(?:which|that)\s+)?(?:has|have|had|is|was|with|at|contains?|comprises|features)\s"
    r"|\s*,?\s*(?:拥有|具有|有|包含|含有?|达到?|为|是)"
)
_LOOK_BACK: Final = 240  # characters: about a long sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`own` is about this model; `name` is the other model, where it has one.

    `named`: the words say so, it is not only taken to be so; `close` tells how much of this model's
    name they say. `compared`: the words before it set it against this model.
    """

    own: bool
    name: str = ""
    named: bool = False
    close: int = 0
    compared: bool = False


def subject_of(line: str, position: int, model: ModelName) -> Subject:
    """Whom a figure at `position` of `line` is about, by the words before it."""
    sentence = line[max(0, position - _LOOK_BACK) : position]
    if (size := _SIZE_WORD.search(sentence)) and (
        own := model.is_of_size_word(size[1])
    ) is not None:
        return Subject(own=own, name=size[1], named=True)
    begin = max((match.end() for match in _RESET.finditer(sentence)), default=0)
    clause = _CLOSED.sub(" ", sentence[begin:])  # what stands in parentheses is said aside
    other = ""
    for match in reversed(list(_NAME.finditer(clause))):
        name = match[0].rstrip(".")
        akin = (name[:1].isupper() or "-" in name) and model.is_akin_to(name)
        if not (akin or looks_like_a_name(name)):
            continue
        gap = clause[match.end() :]
        compared = _COMPARED.search(gap) is not None
        if close := model.closeness(name):
            return Subject(own=not compared, named=True, close=close, compared=compared)
        aside = _NOT_THE_SUBJECT.search(clause[: match.start()]) or _ATTRIBUTE.match(gap)
        if compared or _ATTACHED.fullmatch(gap) or (_HAVING.match(gap) and not aside):
            return Subject(own=False, name=name, named=True, compared=compared)
        if not aside:
            other = other or name
    compared = _COMPARED.search(clause) is not None
    return Subject(own=not (other or compared), name=other, compared=compared)


def names_in(text: str) -> list[str]:
    """The names of models in `text`, from left to right."""
    found = (match[0].rstrip(".") for match in _NAME.finditer(text))
    return [name for name in found if looks_like_a_name(name)]


def looks_like_a_name(text: str) -> bool:
    """Whether `text` looks like the name of a model: GPT-4, Llama 2, RoBERTa; not GPU or H100."""
    first, _, number = text.partition(" ")
    if first.lower() in _NO_NAMES or _HARDWARE.fullmatch(first):
        return False
    if first[:1].isupper() and first.lower() in _FAMILIES:
        return True
    if any(character.isdigit() for character in first):
        return "-" in first or any(character.isupper() for character in first)
    if _CAPITALS.fullmatch(first) and first not in _NAMES_IN_CAPITALS:
        return False
    if number and first[0].isupper() and not _YEAR.fullmatch(number):
        return True
    return any(_INNER_CAPITAL.search(part) for part in re.split(r"[-./_+]", first))
