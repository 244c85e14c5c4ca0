"""A gateway as the main thing of a process: until a signal."""

import asyncio
import signal
from collections.abc import Callable

from simulator.gateway.control_port import ControlPort
from simulator.gateway.server import Gateway


def serve(
    gateway: Gateway, control_port: int | None, on_ready: Callable[[int | None], None]
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` is told the control port once clients may come.

    Raises:
        ConfigError: a port cannot be had.
    """
    try:
        gateway.listen()
        asyncio.run(_serve(gateway, control_port, on_ready))
    finally:
        gateway.stop_listening()
        gateway.market.log.close()


async def _serve(
    gateway: Gateway, control_port: int | None, on_ready: Callable[[int | None], None]
) -> None:
    control = None if control_port is None else ControlPort(gateway, control_port)
    if control is not None:
        await control.open()
    running = asyncio.create_task(gateway.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    on_ready(None if control is None else control.port)
    try:
        await running
    except asyncio.CancelledError:
        # A signal ended it.
        pass
    finally:
        if control is not None:
            await control.close()
