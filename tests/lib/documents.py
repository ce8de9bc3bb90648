"""What the documents tell people to type."""

import os
import re

from cluster import ROOT


def shell_block(document, after):
    """The first block of shell commands after this text; raises ValueError if there is none."""
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        text = file.read()
    found = re.search(r"^( *)```sh\n(.*?)^ *```$", text[text.index(after):], re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"{document}: no block of commands after {after!r}")
    return re.sub(f"^{found[1]}", "", found[2], flags=re.MULTILINE)
