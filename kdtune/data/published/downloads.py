"""Downloads published archives if the user asks for it, and says what to do if that is not possible."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kdtune.data.images.pixels import SUFFIXES
from kdtune.errors import DataError


def fetch(url: str, md5: str, folder: Path, *, extract: bool) -> None:
    """Download a file into `folder`, check it, and unpack it if asked; a complete file that is there is kept.

    Raises:
        DataError: it cannot be had; the message says what to put where.
    """
    from torchvision.datasets.utils import download_and_extract_archive, download_url

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if extract:
            download_and_extract_archive(url, str(folder), md5=md5)
        else:
            download_url(url, str(folder), md5=md5)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        what = "its content" if extract else "it"
        raise DataError(
            f"cannot download {url} ({reason}): fetch it elsewhere and put {what} into {folder}"
        ) from None


def missing(path: Path, source: str, *, download: bool, hint: str = "") -> DataError:
    """Return the error for a file that is not there.

    Args:
        path: the file.
        source: what the user is to put there.
        download: whether the option `download: true` would fetch it.
        hint: what else may be meant.
    """
    fetching = ", or set `download: true`" if download else ""
    return DataError(f"{path}: missing: put {source} there{fetching}{hint}")


def image_folder_hint(root: Path) -> str:
    """Return a hint for a message if `root` is an image folder, one or two levels deep; otherwise an empty string."""
    found = next(_images_near(root), None)
    if found is None:
        return ""
    return f"; {found} is an image: for an image folder set `name: folder`"


def _images_near(root: Path) -> Iterator[Path]:
    """Look at a limited number of files, because `root` may be a wrong and large folder."""
    for pattern in ("*/*", "*/*/*"):
        for item in islice(root.glob(pattern), _LOOKED_AT):
            if item.suffix.lower() in SUFFIXES:
                yield item


_LOOKED_AT = 5000
