"""docs/shoal.1 against the command line."""

import os
import shutil
import subprocess
import unittest

from cluster import ROOT, SHOAL
from manual import help_commands, undocumented

PAGE = os.path.join(ROOT, "docs", "shoal.1")


def shoal(*arguments):
    return subprocess.run([SHOAL, *arguments], check=True, capture_output=True, text=True, timeout=10).stdout


class Manual(unittest.TestCase):
    def test_it_has_every_command_and_flag_and_no_other(self):
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
        self.assertEqual(undocumented(page, shoal), [])
        # The check itself notices what is missing.
        self.assertIn("probe --agree-ms", undocumented(page.replace("agree\\-ms", "other"), shoal))
        self.assertIn("top", undocumented(page.replace(".SS top", ".SS bottom"), shoal))
        self.assertIn("probe", help_commands(shoal))

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_it_can_be_shown(self):
        run = subprocess.run(["man", "--warnings", "-l", PAGE], check=True, capture_output=True, text=True, timeout=20,
                             env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        self.assertEqual(run.stderr, "")
        self.assertIn("SYNOPSIS", run.stdout)
