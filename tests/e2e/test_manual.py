"""docs/shoal.1 against the command line, docs/shoal-opentracker.7 against docs/OPENTRACKER.md."""

import os
import re
import shutil
import subprocess
import unittest

from cluster import ROOT, SHOAL
from documents import shell_block
from manual import help_commands, plain, undocumented

PAGE = os.path.join(ROOT, "docs", "shoal.1")
MOVE = os.path.join(ROOT, "docs", "shoal-opentracker.7")


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
        for page, heading in ((PAGE, "SYNOPSIS"), (MOVE, "THE MOVE")):
            run = subprocess.run(["man", "--warnings", "-l", page], check=True, capture_output=True, text=True, timeout=20,
                                 env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
            self.assertEqual(run.stderr, "")
            self.assertIn(heading, run.stdout)

    def test_the_move_has_every_directive_and_flag(self):
        with open(MOVE, encoding="utf-8") as file:
            page = plain(file.read())
        with open(os.path.join(ROOT, "docs", "OPENTRACKER.md"), encoding="utf-8") as file:
            document = file.read()
        directives = re.findall(r"^\| (?:`([a-z_.]+\.[a-z_]+) [A-Z\[])", document, re.MULTILINE)
        flags = re.findall(r"`(-\w) [A-Z]", document.split("## Command line")[1].split("\n## ")[0])
        self.assertGreater(len(directives), 12)
        self.assertGreater(len(flags), 8)
        for word in (*directives, *flags):
            self.assertRegex(page, rf"(?m)(?:^|\s){re.escape(word)}[ |]", word)

    def test_the_move_has_the_commands_of_the_document(self):
        """tests/deb/run takes those of the page; both stand where a reader may be."""
        with open(MOVE, encoding="utf-8") as file:
            page = plain(file.read())
        blocks = [block.split(".RE\n")[0].replace("\\e\n", "\\\n") for block in page.split("\n.RS 4\n")[1:]]
        ways = ("## The move", "**Back:**", "**When you remove opentracker**")
        self.assertEqual(blocks, [shell_block("docs/OPENTRACKER.md", way) for way in ways])
