"""The one error of the drawing office: there will be no blueprint, and why."""

from auditor.core.blueprint import NoBlueprint, Refusal


class Refused(Exception):
    """Raised inside the child process alone; it leaves it as a NoBlueprint."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.drawing = NoBlueprint(refusal=refusal, reason=reason)
