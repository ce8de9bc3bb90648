"""Checks that the manual page covers the whole command line."""

import re

COMMANDS_MIN = 9


def help_commands(ask):
    """The commands that the program's help names; ask(*arguments) runs the program and returns what it prints."""
    commands = re.findall(r"^  (\w+) ", ask("--help").split("Subcommands:")[1], re.MULTILINE)
    assert len(commands) >= COMMANDS_MIN, f"commands: {commands}"
    return commands


def help_flags(ask, command):
    """The command's flags, without those of the options table, which are in shoal.toml(5)."""
    flags = re.findall(r"^\s+(?:-\w,)?(--[\w.-]+)", ask(command, "--help"), re.MULTILINE)
    assert flags, f"no flags of {command}"
    return [flag for flag in flags if "." not in flag]


def plain(page):
    """The page without fonts, and with plain dashes."""
    return re.sub(r"\\f[BIRP]", "", page).replace("\\-", "-")


def sections(page):
    """{command: the page's text on it}: from its heading to the next one."""
    body = plain(page).split("\n.SH COMMANDS\n")[1].split("\n.SH ")[0]
    return dict(re.findall(r"^\.SS (\w+)\n(.*?)(?=^\.SS |\Z)", body, re.MULTILINE | re.DOTALL))


def undocumented(page, ask):
    """["probe --hash", ...]: what only one of help and page names."""
    told = sections(page)
    synopsis = plain(page).split("\n.SH SYNOPSIS\n")[1].split("\n.SH ")[0]
    commands = help_commands(ask)
    missing = [f"{name} (there is no such command)" for name in told if name not in commands]
    for command in commands:
        if command not in told or f"shoal {command}" not in synopsis:
            missing.append(command)
            continue
        flags = set(help_flags(ask, command))
        shown = set(re.findall(r"(?<![\w-])--[a-z][\w-]*(?![\w-]|\.\w)", told[command])) | {"--help"}
        missing += [f"{command} {flag}" for flag in sorted(flags - shown)]
        missing += [f"{command} {flag} (there is no such flag)" for flag in sorted(shown - flags)]
    return missing
