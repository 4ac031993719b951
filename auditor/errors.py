"""Every error of the house: whom it is about, what is wrong, what to do next.

    HfauditError
    ├── InvalidInput              what the caller asked for cannot be meant
    │   ├── InvalidModel          no id, URL or folder
    │   └── InvalidOption         an option's value
    ├── SourceError               the bytes could not be had
    │   ├── NotFound              no such repository, or not visible to this token
    │   ├── RevisionNotFound      the repository is there, the revision is not
    │   ├── FileNotFound          the revision is there, the file is not
    │   ├── GatedAccess           the files need an access request
    │   ├── Disabled              taken down by the Hub
    │   ├── BadToken              the Hub refuses the token itself
    │   ├── RateLimited           still refused after waiting
    │   ├── Unreachable           no answer, or only broken ones
    │   ├── BadAnswer             an answer that contradicts itself or the question
    │   ├── NotCached             offline, and nothing here holds the model
    │   └── BadSnapshot           a snapshot file that is none
    ├── ContentError              the bytes are there and cannot be used
    │   ├── NoWeights             a repository or folder without weight files
    │   ├── UnsupportedFormat     weights, but of a kind that is not read
    │   ├── HeaderMalformed       a weight file's header breaks its format's rules
    │   │   └── HeaderTooLarge    refused before it is read
    │   ├── UnknownDtype          a sound header with a dtype of unknown width
    │   ├── FileTooLarge          a small file (config, card, index) that is not small
    │   ├── IndexMalformed        a shard index that cannot be followed
    │   ├── LimitExceeded         more files, tensors or depth than is sane
    │   └── BlueprintMissing      asked for, and the architecture cannot be built
    ├── OutputError               the report could not be written
    └── StoreError                what is kept between runs cannot be read or written

A wing raises, only `cli/` shows. `kind` is the stable name in reports: never change one.
"""

from typing import ClassVar


class HfauditError(Exception):
    """`subject` is whom it is about, `reason` what is wrong, `hint` what to do next."""

    kind: ClassVar[str] = "error"

    def __init__(self, subject: str, reason: str, *, hint: str = "") -> None:
        super().__init__(subject, reason)
        self.subject = subject
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}" if self.subject else self.reason


class InvalidInput(HfauditError):
    kind = "invalid-input"


class InvalidModel(InvalidInput):
    kind = "invalid-model"


class InvalidOption(InvalidInput):
    kind = "invalid-option"


class SourceError(HfauditError):
    kind = "source"


class NotFound(SourceError):
    kind = "not-found"


class RevisionNotFound(SourceError):
    kind = "revision-not-found"


class FileNotFound(SourceError):
    kind = "file-not-found"


class GatedAccess(SourceError):
    kind = "gated"


class Disabled(SourceError):
    kind = "disabled"


class BadToken(SourceError):
    kind = "bad-token"


class RateLimited(SourceError):
    kind = "rate-limited"


class Unreachable(SourceError):
    kind = "unreachable"


class BadAnswer(SourceError):
    kind = "bad-answer"


class NotCached(SourceError):
    kind = "not-cached"


class BadSnapshot(SourceError):
    kind = "bad-snapshot"


class ContentError(HfauditError):
    kind = "content"


class NoWeights(ContentError):
    kind = "no-weights"


class UnsupportedFormat(ContentError):
    kind = "unsupported-format"


class HeaderMalformed(ContentError):
    kind = "header-malformed"


class HeaderTooLarge(HeaderMalformed):
    kind = "header-too-large"


class UnknownDtype(ContentError):
    kind = "unknown-dtype"


class FileTooLarge(ContentError):
    kind = "file-too-large"


class IndexMalformed(ContentError):
    kind = "index-malformed"


class LimitExceeded(ContentError):
    kind = "limit-exceeded"


class BlueprintMissing(ContentError):
    kind = "no-blueprint"


class OutputError(HfauditError):
    kind = "output"


class StoreError(HfauditError):
    kind = "store"
