"""From a request to its answer: counted, perhaps failed on purpose, routed."""

import time
import traceback
from dataclasses import replace
from http import HTTPStatus

from hub import files
from hub.access import Account, identify
from hub.faults import Fault, after, before
from hub.limits import Allowance, bucket_of
from hub.messages import Answer, Headers, Request, json_answer, text_answer
from hub.refusals import Refusal
from hub.routes import route
from hub.world import World


def respond(world: World, request: Request, fault: Fault | None) -> Answer:
    """The answer to `request` under `fault`. An exception of the server is a 500 and is kept."""
    try:
        if request.host == "cdn":
            return after(files.cdn(world, before(request, fault)), fault)
        return _from_hub(world, request, fault)
    except Exception as error:  # noqa: BLE001 - a crash must reach the test, by way of the loop
        traceback.print_exc()
        world.crashes.append(error)
        return text_answer(HTTPStatus.INTERNAL_SERVER_ERROR, repr(error))


def _from_hub(world: World, request: Request, fault: Fault | None) -> Answer:
    account: Account | None = None
    try:
        account = identify(request, world.settings.tokens)
        refusal = None
    except Refusal as error:
        refusal = error
    allowance = _take(world, request, account)
    if allowance.dry:
        answer = json_answer(
            {"error": "We had to rate limit you, you hit the quota of requests per 5 minutes"},
            _retry_after(world, allowance),
            HTTPStatus.TOO_MANY_REQUESTS,
        )
    elif refusal:
        answer = after(refusal.answer(request), fault)
    else:
        answer = after(_routed(world, before(request, fault), account), fault)
        if fault == "429":
            answer = replace(answer, headers=(*answer.headers, *_retry_after(world, allowance, 1)))
    return replace(answer, headers=(*answer.headers, *allowance.headers))


def _routed(world: World, request: Request, account: Account | None) -> Answer:
    try:
        return route(world, request, account)
    except Refusal as refusal:
        return refusal.answer(request)


def _take(world: World, request: Request, account: Account | None) -> Allowance:
    who = account.name if account else f"ip {request.peer}"
    plan = account.plan if account else "anonymous"
    key = (who, bucket_of(request))
    return world.limiter.take(world.settings.limits, plan, key, time.monotonic())


def _retry_after(world: World, allowance: Allowance, seconds: int | None = None) -> Headers:
    if not world.settings.limits.retry_after:
        return ()
    wait = allowance.reset_seconds if seconds is None else seconds
    return (("Retry-After", str(wait)),)
