"""The floor of the framework: a FastAPI endpoint that answers one small JSON document and does nothing else."""

from fastapi import FastAPI

from benchmarks.pinned_server import serve

app = FastAPI()


@app.post("/api/recommend")
async def recommend() -> dict[str, str | None]:
    """Return the shape of a silence."""
    return {"tip": None, "decision_id": None, "reason": "nothing_fits"}


if __name__ == "__main__":
    serve(app)
