"""A kopf that broke and hangs is ended; one that ends by itself, or is told to, is left alone."""

import asyncio
import contextlib

from forebay.handlers.ending import end_with


async def broken():
    raise RuntimeError("the watch of pods")


async def left(task, seconds=0.01):
    """The exit codes with which the process would have ended soon after the task's end."""
    codes = []
    end_with([task], seconds, codes.append)
    with contextlib.suppress(RuntimeError, asyncio.CancelledError):
        await task
    await asyncio.sleep(0.2)
    return codes


async def test_a_task_that_fails_ends_the_process_in_the_end():
    assert await left(asyncio.create_task(broken())) == [1]


async def test_a_task_that_ends_or_is_cancelled_ends_nothing():
    assert await left(asyncio.create_task(asyncio.sleep(0))) == []
    task = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_later(0.01, task.cancel)
    assert await left(task) == []
