"""hf-mem on many models: `python hf_mem_many.py ENDPOINT MODEL...`, 16 at a time.

Prints one line for each model that it read.
"""

import asyncio
import sys

from hf_mem.run import arun
from hf_mem_here import redirect

AT_ONCE = 16


async def main(models: list[str]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(model: str) -> None:
        async with slots:
            try:
                await arun(model_id=model)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the model is lost
                print(f"{model}: {error!r}", file=sys.stderr)
            else:
                print(model)

    await asyncio.gather(*map(one, models))


if __name__ == "__main__":
    redirect(sys.argv.pop(1))
    asyncio.run(main(sys.argv[1:]))
