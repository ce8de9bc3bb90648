"""shoal completion: each script in the shell it is written for."""

import os
import shutil
import subprocess
import tempfile
import unittest

from cluster import SHOAL

# Replace the shell's functions that the script calls: they print what it would offer.
ZSH_STUBS = """
_describe() { local list=${@[-1]}; print -l -- ${(P)list%%:*} }
compadd() { shift; print -l -- "$@" }
_files() { print FILES }
compdef() { : }
"""


def script(shell):
    return subprocess.run([SHOAL, "completion", shell], check=True, capture_output=True, text=True, timeout=10).stdout


class Completion(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        with open(os.path.join(self.folder, "a file.toml"), "wb"):
            pass

    def run_shell(self, *command):
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20, cwd=self.folder)
        self.assertEqual(run.stderr, "")
        return run.stdout.splitlines()

    def bash(self, *words):
        """What bash offers for the last word, with its variables set as bash sets them."""
        typed = " ".join(f"'{word}'" for word in words)
        return self.run_shell("bash", "--norc", "-c", script("bash") + f"""
COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
_shoal; printf '%s\\n' "${{COMPREPLY[@]}}" """)

    def zsh(self, *words):
        typed = " ".join(f"'{word}'" for word in words)
        return self.run_shell("zsh", "-f", "-c", ZSH_STUBS + script("zsh") +
                              f"\nwords=({typed}); CURRENT={len(words)}; _shoal")

    def fish(self, *words):
        path = os.path.join(self.folder, "shoal.fish")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script("fish"))
        lines = self.run_shell("fish", "--no-config", "-c", f"source {path}; complete -C '{' '.join(words)}'")
        return [line.split("\t")[0] for line in lines]

    def check(self, complete):
        self.assertEqual(complete("shoal", "prob"), ["probe"])
        self.assertEqual(complete("shoal", "probe", "--agr"), ["--agree-ms"])
        self.assertEqual(complete("shoal", "node", "--sync.key"), ["--sync.key_files"])
        self.assertEqual(complete("shoal", "node", "--node.log_level", "w"), ["warn"])
        self.assertEqual(complete("shoal", "access", "r"), ["remove"])
        self.assertEqual(complete("shoal", "completion", "z"), ["zsh"])
        self.assertIn("a file.toml", [word.replace("\\", "") for word in complete("shoal", "config", "--check", "a")])

    def test_bash(self):
        self.check(self.bash)
        self.assertEqual(self.bash("shoal", "status", "--admin", ""), [""])
        self.assertIn("--watch", self.bash("shoal", "status", "-"))
        commands = self.bash("shoal", "")
        for command in ("node", "probe", "status", "top", "drain", "access", "keygen", "config", "completion"):
            self.assertIn(command, commands)

    def test_bash_has_it_registered(self):
        line = self.run_shell("bash", "--norc", "-c", script("bash") + "complete -p shoal")
        self.assertEqual(line, ["complete -F _shoal shoal"])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        # The shell itself filters by the typed prefix.
        self.assertIn("probe", self.zsh("shoal", "prob"))
        self.assertIn("--agree-ms", self.zsh("shoal", "probe", "--agr"))
        self.assertEqual(self.zsh("shoal", "node", "--node.log_level", ""), ["debug", "info", "warn", "error"])
        self.assertEqual(self.zsh("shoal", "access", ""), ["add", "remove", "list"])
        self.assertEqual(self.zsh("shoal", "config", "--check", ""), ["FILES"])
        self.assertEqual(self.zsh("shoal", "status", "--admin", ""), [])

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        self.check(self.fish)

    def test_no_other_shell(self):
        run = subprocess.run([SHOAL, "completion", "csh"], check=False, capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("csh", run.stderr)
