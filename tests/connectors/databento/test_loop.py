import asyncio
import threading
import time

from connectors.databento.loop import LoopThread
from tests.flows import wait_for


def test_tasks_of_all_run_in_one_thread_which_ends():
    loop = LoopThread()
    seen = []

    async def note():
        seen.append(threading.current_thread().name)

    for _ in range(3):
        loop.run(note()).result(10)
    assert seen == ["ifd-live"] * 3
    loop.stop()
    loop.stop()
    assert "ifd-live" not in [thread.name for thread in threading.enumerate()]


def test_stopping_cancels_what_runs_and_a_later_task_begins_anew():
    loop = LoopThread()
    ended = []

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    task = loop.run(wait())
    loop.run(asyncio.sleep(0)).result(10)
    loop.stop()
    assert ended == [1]
    wait_for(task.done, "the task's end", 10)
    loop.run(asyncio.sleep(0)).result(10)
    loop.stop()


def test_no_more_connections_in_a_second_than_allowed():
    loop = LoopThread(2)
    times = []

    async def connect():
        await loop.turn()
        times.append(time.monotonic())

    for task in [loop.run(connect()) for _ in range(3)]:
        task.result(10)
    loop.stop()
    assert times[2] - times[0] >= 0.99
