"""Speed as ratios against a peer in the same run, each with an equality check; never imported by the product."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in `oo`, for both sides
