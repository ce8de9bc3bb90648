#!/usr/bin/python3
"""End-to-end tests: real `shoal node` processes, used over sockets. One line a test; the last line counts.

  run.py          all tests, against build/release/shoal (or the program that $SHOAL names)
  run.py WORD...  only tests whose name (module.Class.test) contains one of the words
"""

import argparse
import concurrent.futures
import os
import resource
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

from report import Report  # noqa: E402


class Lines(unittest.TestResult):
    """Passes unittest's results on to the report."""

    def __init__(self, report):
        super().__init__()
        self.report = report
        self.started = 0.0
        self.sub_failed = False

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.sub_failed = False

    def addSuccess(self, test):
        if not self.sub_failed:
            self.report.ok(name_of(test), time.monotonic() - self.started)

    def addFailure(self, test, error):
        self._failed(test, error)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error:
            self.sub_failed = True
            self._failed(subtest, error)

    def addSkip(self, test, reason):
        self.report.skip(name_of(test), reason)

    def _failed(self, test, error):
        text = "".join(traceback.format_exception(*error, limit=-6))
        cluster = getattr(type(getattr(test, "test_case", test)), "cluster", None)
        if cluster:
            for node in cluster.nodes:
                if node.process:
                    tail = "\n".join(node.log_text().splitlines()[-15:])
                    text += f"log of node {node.name}:\n{tail}\n"
        self.report.fail(name_of(test), "".join(f"        {line}\n" for line in text.splitlines()))


def name_of(test):
    name = test.id()
    # A failed setUpClass is reported as "setUpClass (module.Class)".
    return name[name.index("(") + 1 : -1] + ".setUpClass" if name.startswith("setUp") else name


def by_class(suite):
    """{class: [its tests]} in the order found."""
    found = {}
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            for key, tests in by_class(item).items():
                found.setdefault(key, []).extend(tests)
        else:
            found.setdefault(type(item), []).append(item)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    # For thousands of connections, here and in the nodes, which inherit the limit.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    report = Report()
    suite = unittest.defaultTestLoader.discover(HERE, pattern="test_*.py", top_level_dir=HERE)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = []
        for tests in by_class(suite).values():
            tests = [t for t in tests if not arguments.words or any(word in t.id() for word in arguments.words)]
            if tests:
                running.append(pool.submit(unittest.TestSuite(tests).run, Lines(report)))
        for one in running:
            one.result()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
