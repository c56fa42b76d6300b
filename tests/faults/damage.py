"""What happens to files: a bit flips, an end is missing."""

from pathlib import Path


def flip(path: Path, where: float) -> None:
    """Flip one bit at a share of the file's length."""
    content = bytearray(path.read_bytes())
    if content:
        content[int(where * (len(content) - 1))] ^= 0x10
        path.write_bytes(content)


def truncate(path: Path, share: float) -> None:
    """Keep only the beginning of a file."""
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


def overwrite(path: Path, offset: int, content: bytes) -> None:
    """Put other bytes at a place of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)
