"""Writes the Python types of the event schemas: `python -m data_contracts.events.generate [FOLDER]`.

The generated files are committed; a test runs this into an empty folder and compares.
"""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
PACKAGE = "oo/events/v1"


def generate(target: Path) -> list[Path]:
    """Compile every schema into `target` and return the written files, imports rooted in this package."""
    schemas = [str(path.relative_to(ROOT)) for path in sorted((ROOT / PACKAGE).glob("*.proto"))]
    well_known = str(files("grpc_tools") / "_proto")
    arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", f"--python_out={target}", f"--pyi_out={target}", *schemas]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc refused the event schemas; its messages are above")
    written = sorted((target / PACKAGE).glob("*_pb2.py*"))
    for path in written:
        # protoc roots its imports at the schema folder, where our command line package has the same name
        path.write_text(path.read_text().replace("from oo.events.v1", "from data_contracts.events.oo.events.v1"))
    return written


if __name__ == "__main__":
    for file in generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT):
        print(file)
