"""The log: what was asked, and how much of the answer went out."""

from dataclasses import dataclass, field, replace

from hub.faults import Fault
from hub.messages import Host, Request


@dataclass(slots=True, kw_only=True)
class Record:
    """One request and its answer. `status` is None if nothing was answered.

    `announced_bytes` is the length of the body that was to be sent, `bytes_sent` what the kernel
    took of it: fewer if the client hung up or a fault cut it. `concurrency` counts the requests
    that were being answered when this one came, itself included; `connection` numbers the
    connection it came on.
    """

    host: Host
    method: str
    path: str
    query: str
    range: str | None
    authorization: bool
    concurrency: int
    connection: int
    status: int | None = None
    announced_bytes: int = 0
    bytes_sent: int = 0
    fault: Fault | None = None
    done: bool = False

    @property
    def cut_short(self) -> bool:
        """Whether it ended before the whole body was sent."""
        return self.done and self.bytes_sent < self.announced_bytes


@dataclass(slots=True)
class Log:
    """Records in the order of arrival, and the count of requests under way."""

    records: list[Record] = field(default_factory=list)
    leaked_tokens: list[str] = field(default_factory=list)
    under_way: int = 0
    connections: int = 0

    def connect(self) -> int:
        """The number of a new connection."""
        self.connections += 1
        return self.connections

    def open(self, request: Request, connection: int) -> Record:
        """Note the arrival of `request`."""
        self.under_way += 1
        record = Record(
            host=request.host,
            method=request.method,
            path=request.path,
            query=request.query_string,
            range=request.headers.get("range"),
            authorization="authorization" in request.headers,
            concurrency=self.under_way,
            connection=connection,
        )
        self.records.append(record)
        return record

    def close(self, record: Record) -> None:
        """Note that a request is done with."""
        self.under_way -= 1
        record.done = True

    def snapshot(self) -> list[Record]:
        """Copies of the records, which change no more."""
        return [replace(record) for record in self.records]

    def take(self) -> list[Record]:
        """The records of requests that are done with, which are forgotten."""
        taken = [record for record in self.records if record.done]
        self.records = [record for record in self.records if not record.done]
        return taken

    def reset(self) -> None:
        """Forget what was recorded."""
        self.records.clear()
        self.leaked_tokens.clear()
