"""The command line: composition only."""

import os

# Matrices here are small: a second thread of BLAS waits for its turn longer than it works, ten times on a busy box.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
