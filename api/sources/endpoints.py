"""A person's push sources, each with a credential of its own."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import ServicesOf, SettingsOf
from api.sources import service
from api.sources.owners import OwnerOf
from api.sources.schemas import MintedOut, SourceIn, SourcesOut

router = APIRouter(prefix="/api/sources", tags=["sources"])
SourceName = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
UNSTORED = "no-store"  # a credential is in the answer


@router.get("", operation_id="list_sources")
def list_sources(owner: OwnerOf, services: ServicesOf, settings: SettingsOf) -> SourcesOut:
    """Return what may push for a person."""
    return service.list_sources(services=services, settings=settings, owner=owner)


@router.post("", operation_id="add_source", status_code=201)
def add(wish: SourceIn, owner: OwnerOf, services: ServicesOf, settings: SettingsOf, response: Response) -> MintedOut:
    """Let a device or a webhook push; its credential is shown this once."""
    response.headers["cache-control"] = UNSTORED
    return service.add(services=services, settings=settings, owner=owner, wish=wish)


@router.post("/{source}/rotate", operation_id="rotate_source")
def rotate(
    source: SourceName, owner: OwnerOf, services: ServicesOf, settings: SettingsOf, response: Response
) -> MintedOut:
    """Mint a new credential; the old one works for a day more."""
    response.headers["cache-control"] = UNSTORED
    return service.rotate(services=services, settings=settings, owner=owner, name=source)


@router.delete("/{source}", operation_id="revoke_source", status_code=204)
def revoke(source: SourceName, owner: OwnerOf, services: ServicesOf) -> None:
    """End a source at its next push, on every replica."""
    service.revoke(services=services, owner=owner, name=source)
