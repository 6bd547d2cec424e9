"""Python commands in forks of this process: what is loaded here is shared, and not loaded again.

A dozen processes that have loaded the same site hold it once, and start in a moment. Only a
process with one thread and without connections may be forked like this.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from platform_site.supervisor import reaper

# What the forking process hears by handlers of its own.
HANDLED = reaper.STOP_SIGNALS | {signal.SIGCHLD}
# Of /proc/PID/stat, counted from the third field on. Source: proc(5).
_ARG_START, _ARG_END = 45, 46


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let no signal arrive within the block: a fork must not answer one as its parent would."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork_python(command: Sequence[str]) -> int:
    """Run `python SCRIPT …` or `python -m MODULE …` in a fork; return its process id.

    It leads a process group of its own and reads nothing. What was to be done at the interpreter's
    exit is not done: that may be its parent's.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with signals_held():
        pid = os.fork()
        if pid == 0:
            _become(command)
    with contextlib.suppress(OSError):  # It was quicker, or has ended.
        os.setpgid(pid, pid)
    return pid


def show_command(command: Sequence[str]) -> None:
    """Let process lists show this command line, as far as the room of our own one goes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(stat[_ARG_START]), int(stat[_ARG_END])
        if 0 < start < end:
            words = b"\0".join(os.fsencode(word) for word in command)
            ctypes.memmove(start, words[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _become(command: Sequence[str]) -> None:
    """Be the command until it ends, and end with it. Does not return."""
    status = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), reaper.STDIN)
        show_command(command)
        status = _run(list(command[1:]))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _run(words: list[str]) -> int:
    """Run the words after `python`; return the exit status."""
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0
