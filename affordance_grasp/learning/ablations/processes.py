"""Several commands of this package at once, each in a process of its own with a log file."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from affordance_grasp.errors import InvalidInput, WorkerDied

PROGRAM = ("-m", "affordance_grasp.cli")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Command:
    """``words`` after ``affordance-grasp``; what it prints is added to the file ``log``."""

    words: tuple[str, ...]
    log: Path


def run_commands(
    commands: Sequence[Command], jobs: int, done: Callable[[Command], None] = lambda _: None
) -> None:
    """Run commands, ``jobs`` at once on one thread each; call ``done`` after each success.

    A command that fails does not stop the others; failures are reported at the end. An interrupt
    or a termination ends the commands that are running too.
    """
    failed = asyncio.run(_run_all(commands, jobs, done))
    if failed:
        first, code = failed[0]
        reason = _last_line(first.log)
        kind = InvalidInput if code == InvalidInput.exit_code else WorkerDied
        raise kind(
            f"{len(failed)} of {len(commands)} commands failed, first affordance-grasp "
            f"{' '.join(first.words)}: {reason} (its whole output is in {first.log})"
        )


async def _run_all(
    commands: Sequence[Command], jobs: int, done: Callable[[Command], None]
) -> list[tuple[Command, int]]:
    places = asyncio.Semaphore(jobs)
    failed: list[tuple[Command, int]] = []

    async def in_turn(command: Command) -> None:
        async with places:
            if code := await _run(command):
                failed.append((command, code))
            else:
                done(command)

    everything = asyncio.gather(*(in_turn(command) for command in commands))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, everything.cancel)
    try:
        await everything
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    return failed


async def _run(command: Command) -> int:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *PROGRAM,
            *command.words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **ONE_THREAD},
        )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    printed = [line.split("\r")[-1].strip() for line in lines if line.strip()]
    return printed[-1] if printed else "no output"
