"""A live consumer of the mirror, as a process: `python -m benchmarks.mirror_reader URL` reads and acknowledges."""

import asyncio
import sys

from infra.mirror.jetstream.consumer import open_consumer

BATCH = 1_000


async def read(url: str) -> None:
    """Read until somebody ends this process."""
    async with open_consumer(url, "reader") as reader:
        print("ready", flush=True)
        while True:
            for delivery in await reader.fetch(BATCH, 1.0):
                await delivery.done()


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1]))
