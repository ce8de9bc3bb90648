"""Background: a thread that runs while a `with` block does."""

import threading


class Background:
    """Subclasses have _run(), which returns soon after `self._over` is set."""

    def __init__(self):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
