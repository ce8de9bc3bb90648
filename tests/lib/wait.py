"""wait_for: how tests wait, instead of sleeping blindly."""

import time


class TimedOut(AssertionError):
    pass


def wait_for(condition, timeout_s=10.0, what="", interval_s=0.02):
    """Calls condition() until it returns something true, and returns that. An AssertionError or OSError counts as not
    yet; the last one is shown at the time limit."""
    deadline = time.monotonic() + timeout_s
    while True:
        reason = None
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError) as error:
            reason = error
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", "condition")
            raise TimedOut(f"not within {timeout_s:g} s: {name}" + (f" ({reason})" if reason else ""))
        time.sleep(interval_s)
