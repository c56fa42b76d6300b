"""Adds, lists, rotates and revokes sources; each change has an audit entry in the same transaction."""

from api.services import Services
from api.sources.owners import Owner
from api.sources.schemas import MintedOut, SourceIn, SourceOut, SourcesOut
from data_contracts.identifiers import from_us, to_us
from infra.database.audit import audit_log
from infra.database.push_sources import push_sources
from infra.database.push_sources.push_sources import Minted, PushSource
from infra.settings import Settings


def list_sources(*, services: Services, settings: Settings, owner: Owner) -> SourcesOut:
    """Return the owner's sources; that an administrator looked at another person's is written down."""
    with services.database.read() as session:
        found = push_sources.list_for(session, services.vault, owner.person)
    if owner.actor == "admin":
        with services.database.unit_of_work() as uow:
            whose = {"tombstone": services.vault.tombstone(owner.person)}
            audit_log.append(
                uow, at_us=to_us(services.clock()), actor=owner.actor, action="sources_listed", detail=whose
            )
            uow.commit()
    return SourcesOut(sources=[_view(source, settings) for source in found])


def add(*, services: Services, settings: Settings, owner: Owner, wish: SourceIn) -> MintedOut:
    """Add a source and return it with its credential."""
    with services.database.unit_of_work() as uow:
        minted = push_sources.add(
            uow,
            services.vault,
            person=owner.person,
            name=wish.name,
            form=wish.form,
            kinds=wish.kinds,
            actor=owner.actor,
            now_us=to_us(services.clock()),
            random_bytes=services.random_bytes,
        )
        uow.commit()
    return _minted(minted, settings)


def rotate(*, services: Services, settings: Settings, owner: Owner, name: str) -> MintedOut:
    """Return a source with a new credential; the old one works for a day more."""
    with services.database.unit_of_work() as uow:
        minted = push_sources.rotate(
            uow,
            services.vault,
            person=owner.person,
            name=name,
            actor=owner.actor,
            now_us=to_us(services.clock()),
            random_bytes=services.random_bytes,
        )
        uow.commit()
    return _minted(minted, settings)


def revoke(*, services: Services, owner: Owner, name: str) -> None:
    """End a source."""
    with services.database.unit_of_work() as uow:
        push_sources.revoke(
            uow, services.vault, person=owner.person, name=name, actor=owner.actor, now_us=to_us(services.clock())
        )
        uow.commit()


def _minted(minted: Minted, settings: Settings) -> MintedOut:
    return MintedOut(source=_view(minted.source, settings), credential=minted.credential)


def _view(source: PushSource, settings: Settings) -> SourceOut:
    return SourceOut(
        name=source.name,
        form=source.form,
        kinds=list(source.kinds),
        push_url=settings.url + push_sources.path_of(source),
        created_at=from_us(source.created_us),
        seen_at=None if source.seen_us is None else from_us(source.seen_us),
    )
