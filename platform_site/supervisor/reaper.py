"""Keep one command: start it, stop it gently, and leave nothing of it behind.

A process of its own between the supervisor, which forks it, and a child that forks in turn. It can
be run by path as well::

    python -I -S reaper.py GRACE_SECONDS COMMAND [ARGUMENT ...]

The supervisor holds the other end of standard input. When that closes, whoever held it is gone,
even by SIGKILL, and the reaper ends its command. SIGTERM asks for the same; a second SIGTERM
does not wait. Signals go to the master alone, because gunicorn and django-q2 stop cleanly only
so; after GRACE_SECONDS everything that is left is killed. The reaper is a subreaper: orphans of
its command become its children, wherever they hid, and none escapes it.

It imports nothing of ours and little else.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # Source: linux/prctl.h
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
KILL_SECONDS = 10.0  # A process in an uninterruptible sleep must not hold us forever.
STDIN = 0


def main(arguments: Sequence[str]) -> int:
    """Keep the command given on the command line; return its exit status, 128 + n for signal n."""
    grace, *command = arguments
    return keep(partial(spawn, command), grace=float(grace))


def keep(start: Callable[[], int], *, grace: float) -> int:
    """Keep what `start` starts, whose process id it returns; return its exit status, as `main`.

    It must lead a process group of its own: the group can be frozen or killed without us.
    """
    become_subreaper()
    signals = open_signal_pipe(STOP_SIGNALS | {signal.SIGCHLD})
    # Whoever forked us may have held them back until somebody listens.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS | {signal.SIGCHLD})
    master = start()
    status = _wait(master, signals=signals, grace=grace)
    killed_status = _kill_everything(master)
    return _exit_status(killed_status if status is None else status)


def spawn(command: Sequence[str]) -> int:
    """Start a command that reads nothing, in a group of its own; return its process id."""
    with Path(os.devnull).open("rb") as nothing:
        return os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, nothing.fileno(), STDIN)],
            setpgroup=0,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )


def become_subreaper() -> None:
    """Make orphaned descendants children of this process. Does nothing where Linux is not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def open_signal_pipe(numbers: frozenset[signal.Signals]) -> int:
    """Return a descriptor that yields one byte, the number, for each signal that arrives."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in numbers:
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue  # Started by nohup.
        signal.signal(number, lambda _number, _frame: None)
    return read_end


def session_members(session: int) -> Iterator[int]:
    """Yield the ids of the processes in `session`, zombies included."""
    for pid in _process_ids():
        try:
            if os.getsid(pid) == session:
                yield pid
        except (ProcessLookupError, PermissionError):
            continue


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(master: int, *, signals: int, grace: float) -> int | None:
    """Return the master's wait status, or None if it must be killed."""
    watched = [signals, STDIN]
    deadline: float | None = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], timeout)
        stops = 0
        if signals in ready:
            stops += sum(number in STOP_SIGNALS for number in os.read(signals, 512))
        owner_gone = STDIN in ready and not os.read(STDIN, 512)
        if owner_gone:
            watched.remove(STDIN)
        status = _reap(master)
        if status is not None:
            return status
        if deadline is None and (stops or owner_gone):
            deadline = time.monotonic() + grace
            _ask_to_stop(master)
            stops -= 1
        if deadline is not None and (stops > 0 or time.monotonic() >= deadline):
            return None


def _ask_to_stop(master: int) -> None:
    """Send SIGTERM to the master alone, and let a stopped group run so that it can obey."""
    send_signal(master, signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(master, signal.SIGCONT)


def _reap(master: int) -> int | None:
    """Collect all dead children; return the master's wait status if it is among them."""
    status = None
    while True:
        try:
            pid, its_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == master:
            status = its_status


def _kill_everything(master: int) -> int | None:
    """Kill the master's group and every descendant; return the master's status if it was alive."""
    status = None
    deadline = time.monotonic() + KILL_SECONDS
    with contextlib.suppress(ProcessLookupError, PermissionError):  # Empty, or only zombies.
        os.killpg(master, signal.SIGKILL)
    while time.monotonic() < deadline:
        # Killing a child hands us its children: go on until there is none.
        for pid in _own_children():
            send_signal(pid, signal.SIGKILL)
        reaped = _reap(master)
        status = reaped if status is None else status
        try:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                time.sleep(0.01)
        except ChildProcessError:
            break
    return status


def _own_children() -> Iterator[int]:
    for pid in _process_ids():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        # The name before the last parenthesis may hold anything; the parent's id is second after.
        if int(stat[stat.rindex(")") + 2 :].split()[1]) == os.getpid():
            yield pid


def _process_ids() -> list[int]:
    try:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except FileNotFoundError:
        return []


def _exit_status(status: int | None) -> int:
    if status is None:
        return 1
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
