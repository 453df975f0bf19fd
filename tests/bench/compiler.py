# SPDX-License-Identifier: MIT
"""torch.compile with a time limit; a network that it cannot compile in time is left out."""
import contextlib
import copy
import signal
import time

import torch


class Compiler:
    NAME = "compiled"

    def __init__(self, limit, note):
        """`limit` is in seconds per network, None for no compilation; `note` is called with a message."""
        self.limit, self.note = limit, note

    @property
    def names(self):
        """The names of the contestants if compilation succeeds."""
        return [self.NAME] if self.limit else []

    def contestants(self, network, contestant):
        """[contestant(NAME, compiled network)] if its first call, which compiles, succeeds; else []."""
        if not self.limit:
            return []
        torch.compiler.reset()  # a function is recompiled a limited number of times, and all networks share one
        # For one shape only, and with an error instead of a silent return to eager mode.
        compiled = contestant(self.NAME, torch.compile(network, fullgraph=True, dynamic=False))
        before = copy.deepcopy(network.state_dict())
        works = self.works(compiled)
        network.load_state_dict(before)  # the first call may have been a training step
        return [compiled] if works else []

    def works(self, contestant):
        """Whether a call of the contestant succeeds in time. If not, notes why."""
        start = time.monotonic()
        try:
            with time_limit(self.limit), contestant.surroundings():
                contestant.call()
            return True
        except Exception as failure:  # for example a missing compiler, header or feature
            in_time = time.monotonic() - start < self.limit
            reason = first_words(failure) if in_time else f"it took longer than {self.limit:g} s"
            self.note(f"torch.compile is left out where there is a dash: {reason}")
            return False


def first_words(failure):
    """The reason of a failure, without the advice that torch.compile adds."""
    reason = getattr(failure, "inner_exception", failure)
    return f"{type(reason).__name__}: {' '.join(str(reason).split())[:200]}"


@contextlib.contextmanager
def time_limit(seconds):
    """Raises TimeoutError in the block after `seconds`, if the system has interval timers."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise TimeoutError
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
