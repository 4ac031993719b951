"""The server by hand: `PYTHONPATH=tests python -m hub --port 8080`, until Ctrl-C."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import get_args

from hub import demo
from hub.faults import Fault, Faults
from hub.limits import UNLIMITED, Limits
from hub.log import Record
from hub.server import Hub
from hub.world import Settings

_LOOK_SECONDS = 0.2
_WELCOME = """\
export HF_ENDPOINT={hub.endpoint} HF_HUB_DISABLE_XET=1

The CDN is at {hub.cdn_endpoint}.

Repositories:
{repos}

Try:
  hfaudit audit demo/llama-8b demo/llama-9b
  hfaudit audit bert-tiny                          a former name: redirected
  HF_TOKEN={token} hfaudit audit demo/llama-8b-gated
  curl -sIL {hub.endpoint}/demo/bert-tiny/resolve/main/model.safetensors
  curl -s {hub.endpoint}/api/models/demo/bert-tiny | python -m json.tool

Requests, as they come (Ctrl-C ends):
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the demo repositories and show what is asked of them."""
    options = _options(arguments)
    repos = demo.repositories()
    settings = Settings(
        tokens=demo.TOKENS,
        limits=UNLIMITED if options.unlimited else Limits(),
        faults=(Faults(rates=dict(options.fault)),),
        latency_seconds=options.latency_ms / 1000,
        port=options.port,
        cdn_port=options.cdn_port,
    )
    with Hub(repos, settings) as hub, suppress(KeyboardInterrupt):
        names = "\n".join(f"  {repo.id}" for repo in repos)
        sys.stdout.write(_WELCOME.format(hub=hub, repos=names, token=demo.TOKEN))
        while True:
            sys.stdout.writelines(_line(record) for record in hub.take_log())
            sys.stdout.flush()
            time.sleep(_LOOK_SECONDS)


def _line(record: Record) -> str:
    status = record.fault if record.status is None else record.status
    what = f"{record.host}  {status}  {record.method:4} {record.path}"
    return f"{what}  {record.range or ''}  {record.bytes_sent:,} bytes\n"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hub", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of the hub (default: 8080)")
    parser.add_argument("--cdn-port", type=int, default=0, help="of the CDN (default: any)")
    parser.add_argument(
        "--latency-ms", type=float, default=0, help="before the first byte of each answer"
    )
    parser.add_argument(
        "--fault",
        type=_rate,
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help=f"such as 503=0.01; may be given again; kinds: {', '.join(get_args(Fault))}",
    )
    parser.add_argument("--unlimited", action="store_true", help="never answer 429")
    return parser.parse_args(arguments)


def _rate(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    if kind not in get_args(Fault):
        message = f"no such kind: {kind}"
        raise argparse.ArgumentTypeError(message)
    return kind, float(share)


if __name__ == "__main__":
    main()
