"""Report: one line a test while they run, and a line of totals at the end. Thread-safe."""

import contextlib
import threading
import time
import traceback


class Skip(Exception):
    """Raised inside a test that cannot run here; its text is the reason."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self._lock = threading.Lock()

    def ok(self, name, seconds):
        with self._lock:
            self.passed += 1
            print(f"ok      {name} ({seconds:.1f} s)", flush=True)

    def fail(self, name, detail):
        with self._lock:
            self.failed += 1
            print(f"FAILED  {name}\n{detail}", flush=True)

    def skip(self, name, reason):
        with self._lock:
            self.skipped += 1
            print(f"skipped {name}: {reason}", flush=True)

    @contextlib.contextmanager
    def test(self, name):
        """Runs the block as one test; an exception is reported, not passed on."""
        start = time.monotonic()
        try:
            yield
        except Skip as reason:
            self.skip(name, reason)
        except Exception as error:  # one broken test must not end the others
            text = str(error) if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
            self.fail(name, "\n".join(f"        {line}" for line in text.splitlines()))
        else:
            self.ok(name, time.monotonic() - start)

    def finish(self):
        """Prints the totals; returns the exit code. No test at all is a failure: tests that vanished must not pass."""
        if not self.passed + self.failed + self.skipped:
            self.fail("at least one test", "        no test ran")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0
