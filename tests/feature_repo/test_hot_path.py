import subprocess
import sys

HOT = "feature_repo.state.batch_fold, feature_repo.state.served_row, feature_repo.vector.kernel, feature_repo.online"
BANNED = {"feast", "polars", "duckdb", "pandas", "pyarrow", "psycopg"}


def test_the_hot_path_loads_no_heavy_vendor() -> None:
    """What a decision needs of features is there without Feast, frames or a driver that is not used."""
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {HOT}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert loaded.isdisjoint(BANNED)
