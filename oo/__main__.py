"""`python -m oo`, the same as the command `oo`."""

from oo.cli import main

main()
