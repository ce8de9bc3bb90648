"""What the site has, without MkDocs: its pages, their order, and where links of the repository lead there. hooks.py uses
it when the site is built, tests/style/site checks it without network."""

import fnmatch
import os
import posixpath
import re

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Document of the top folder: its name on the site.
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md", "SECURITY.md": "SECURITY.md"}
# Part of the navigation: what it takes, in this order. "*" takes what nobody names.
PARTS = {
    "Start": ["index.md", "CHOOSING.md", "OPENTRACKER.md", "BENCHMARKS.md"],
    "Deploy": ["DEPLOY-*.md", "UPGRADING.md"],
    "Operate": ["operating/README.md", "operating/troubleshooting.md", "operating/*.md", "OPTIONS.md"],
    "Understand": ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
    "Protocol": ["protocol/README.md", "protocol/*.md"],
    "Decisions": ["decisions/index.md", "decisions/*.md"],
}
TEXT_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^()\s>]+)>?\s*\)")
CODE = re.compile(r"(`+)(.+?)\1")
FENCE = re.compile(r"^\s*(```|~~~)")
OTHER_SITE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def slug(heading, _separator="-"):
    """The anchor that a heading is given, as GitHub makes it; tests/style/links has the same rule."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def documents():
    """Every page of the site, by its name on the site."""
    docs = os.path.join(ROOT, "docs")
    found = set(TOP.values()) | {"decisions/index.md"}
    for folder, _, names in os.walk(docs):
        found.update(os.path.relpath(os.path.join(folder, name), docs) for name in names if name.endswith(".md"))
    return sorted(found)


def navigation(pages):
    """The parts with their pages. Raises if a page belongs to none."""
    named = {pattern for patterns in PARTS.values() for pattern in patterns}
    left, parts = list(pages), []
    for part, patterns in PARTS.items():
        taken = []
        for pattern in patterns:
            taken += [page for page in left if page == pattern or (page not in named and fnmatch.fnmatch(page, pattern))]
            left = [page for page in left if page not in taken]
        parts.append({part: taken})
    if left:
        raise ValueError(f"no part of the navigation takes {left}: add them to PARTS in .site/pages.py")
    return parts


def title(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()


def decisions():
    """A page with all decisions: a link to the folder leads here."""
    folder = os.path.join(ROOT, "docs", "decisions")
    lines = [f"- [{title(os.path.join(folder, name))}]({name})" for name in sorted(os.listdir(folder))]
    return "# Decisions\n\nWhy it is as it is.\n\n" + "\n".join(lines) + "\n"


def place_of(target):
    """Where a path of the repository is on the site; None if it is not there."""
    if target in TOP:
        return TOP[target]
    if target in ("docs/decisions", "docs/operating", "docs/protocol"):
        return target[len("docs/"):] + ("/index.md" if target == "docs/decisions" else "/README.md")
    return target[len("docs/"):] if target.startswith("docs/") else None


def rewritten(line, source, page):
    def turn(match):
        text, target = match.groups()
        name, hash_sign, anchor = target.partition("#")
        if OTHER_SITE.match(target) or not name:
            return match.group()
        where = place_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), name)))
        if where is None:
            return text
        return f"[{text}]({posixpath.relpath(where, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"

    return TEXT_LINK.sub(turn, line)


def source_of(page):
    """The file of the repository that a page is made of."""
    return next((top for top, name in TOP.items() if name == page), f"docs/{page}")


def with_fences(markdown):
    """Each line, and whether it is part of a block of code."""
    fenced = False
    for line in markdown.split("\n"):
        fence = bool(FENCE.match(line))
        yield line, fenced or fence
        fenced ^= fence


def site_text(markdown, page):
    """A page's text with the links that it has on the site. What is not there is named without a link."""
    source = source_of(page)
    return "\n".join(line if fenced else rewritten(line, source, page) for line, fenced in with_fences(markdown))


def links(markdown):
    """Where the links of a page's text lead, without those to other sites and on the page itself."""
    return [target for line, fenced in with_fences(markdown) if not fenced for _, target in TEXT_LINK.findall(CODE.sub("", line))
            if not OTHER_SITE.match(target) and not target.startswith("#")]
