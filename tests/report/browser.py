"""Pages as a browser lays them out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.limits import PATIENCE

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium to lay the page out")


def laid_out(written: str, width: int, folder: Path) -> tuple[int, int]:
    """Return by how many pixels a page is wider than its window, and how many of its tables have to be scrolled."""
    (folder / "report.html").write_text(written, encoding="utf-8")
    script = (
        "const d = document.getElementById('f').contentDocument;"
        "const wide = [...d.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1);"
        "document.title = `${d.documentElement.scrollWidth - d.documentElement.clientWidth} ${wide.length}`"
    )
    (folder / "window.html").write_text(
        f'<iframe id="f" src="report.html" style="border:0;width:{width}px;height:3000px" onload="{script}"></iframe>'
    )
    shown = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--disable-web-security",
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            f"file://{folder / 'window.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found = re.search(r"<title>(-?\d+) (\d+)</title>", shown.stdout)
    assert found is not None, shown.stdout[-2000:]
    return int(found[1]), int(found[2])
