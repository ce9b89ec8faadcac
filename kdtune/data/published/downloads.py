"""Fetching published archives, where the user asked for it; and what to say where that is not possible."""

from pathlib import Path

from kdtune.errors import DataError


def fetch(url: str, md5: str, folder: Path, *, extract: bool) -> None:
    """Download a file into `folder`, check it, and unpack it if asked; a file that is there and whole stays.

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


def missing(path: Path, source: str, *, download: bool) -> DataError:
    """Return the error for a file that is not there.

    Args:
        path: the file.
        source: what the user is to put there.
        download: whether the option `download: true` would fetch it.
    """
    fetching = ", or set `download: true`" if download else ""
    return DataError(f"{path}: missing: put {source} there{fetching}")
