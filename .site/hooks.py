"""What MkDocs asks while it builds the site: brings in the documents of the top folder, makes the navigation, and turns
links of the repository into links of the site. A document that no part of the navigation takes stops the build."""

import os

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, InclusionLevel
from mkdocs.utils import get_relative_url

from pages import ROOT, TOP, decisions, documents, navigation, site_text, slug


def on_config(config):
    try:
        config.nav = navigation(documents())
    except ValueError as error:
        raise PluginError(str(error)) from error
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config


def on_files(files, config):
    for source, name in TOP.items():
        files.append(File.generated(config, name, abs_src_path=os.path.join(ROOT, source)))
    files.append(File.generated(config, "decisions/index.md", content=decisions()))
    files.append(File.generated(config, "mermaid.js", abs_src_path=os.environ["MERMAID"], inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown, page, **_):
    name = page.file.src_uri
    return markdown if name == "decisions/index.md" else site_text(markdown, name)


def on_post_page(output, page, **_):
    """Only pages with a diagram load what draws it, from here and not from where the theme would."""
    if '<pre class="mermaid">' not in output:
        return output
    return output.replace("</head>", f'<script src="{get_relative_url("mermaid.js", page.url)}"></script></head>')
