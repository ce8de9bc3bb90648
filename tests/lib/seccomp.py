#!/usr/bin/python3
"""Runs a program in which some system calls fail: seccomp.py CALL=ERRNO... -- PROGRAM ARGUMENT...; as container engines
and service managers confine programs. Needs no root. ERRNO is a name such as EPERM."""

import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {
    "x86_64": {"recvmsg": 47, "sendmsg": 46, "recvmmsg": 299, "sendmmsg": 307, "accept": 43, "accept4": 288},
    "aarch64": {"recvmsg": 212, "sendmsg": 211, "recvmmsg": 243, "sendmmsg": 269, "accept": 202, "accept4": 242},
}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
FAIL, ALLOW = 0x00050000, 0x7FFF0000


def supported():
    return platform.machine() in NUMBERS


def command(**calls):
    """The words to put before a command: command(recvmmsg="EPERM")."""
    return [sys.executable, os.path.abspath(__file__), *(f"{call}={name}" for call, name in calls.items()), "--"]


def confine(calls):
    """From now on these calls, {name: errno}, fail in this process and its children."""
    def word(code, value, yes=0, no=0):
        return struct.pack("HBBI", code, yes, no, value)

    numbers = NUMBERS[platform.machine()]
    words = [word(LOAD_WORD, 0)]  # the number of the call
    for name, number in calls.items():
        words += [word(JUMP_IF_EQUAL, numbers[name], no=1), word(RETURN, FAIL | number)]
    words.append(word(RETURN, ALLOW))
    code = ctypes.create_string_buffer(b"".join(words))
    program = struct.pack("HL", len(words), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def main():
    end = sys.argv.index("--")
    confine({name: getattr(errno, number) for name, number in (word.split("=") for word in sys.argv[1:end])})
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])


if __name__ == "__main__":
    main()
