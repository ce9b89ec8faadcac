"""What mkdocs adds to docs/: reference pages made from the code, and the documents that lie elsewhere."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from reference import commands, dataset_options, search_space

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/RESULTS.md": "project/results.md",
    "README.md": "index.md",
}
"""Document in the repository -> page; docs/index.md stands for the README."""

_PICTURE = re.compile(r"^(!\[[^\]]*\]\((pictures/[^)]+\.png)\))$", re.MULTILINE)
_LINK = re.compile(r"(\]\()([^)#\s:]+)([^)\s]*\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    made = {
        "reference/commands.md": commands(),
        "reference/space.md": search_space(),
        "reference/datasets.md": dataset_options(),
        "reference/python.md": (ROOT / "docs" / "site" / "python.md").read_text(encoding="utf-8"),
    }
    for source, page in ELSEWHERE.items():
        if page != "index.md":
            made[page] = _moved((ROOT / source).read_text(encoding="utf-8"), source, page)
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links of docs/ to other documents of the repository lead to their pages, and pictures to their own size."""
    if page.file.src_uri.startswith(("project/", "reference/")):
        return markdown
    large = _PICTURE.sub(r"[\1](\2)", markdown)  # a click opens a screen of the monitor at its own size
    return _moved(large, f"docs/{page.file.src_uri}", page.file.src_uri)


def _moved(text: str, source: str, page: str) -> str:
    """Rewrite the relative links of a document for where its page lies."""

    def rewritten(match: re.Match[str]) -> str:
        target = os.path.normpath(Path(source).parent / match[2])
        if target in ELSEWHERE:
            found = ELSEWHERE[target]
        elif target.startswith("docs/"):
            found = target.removeprefix("docs/")
        else:
            return match[0]
        return match[1] + os.path.relpath(found, Path(page).parent) + match[3]

    return _LINK.sub(rewritten, text)
