"""Search over datasets: kept current from events, answered under row security."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.events.v1 import dataset_events_pb2, life_cycle_events_pb2
from raia_kit.access import AccessIndex, Visibility
from raia_kit.context import Call
from raia_kit.database import UnitOfWork
from raia_kit.errors import InvalidArgument
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event
from raia_kit.pagination import PageToken
from sqlalchemy import Double, LargeBinary, Row, Uuid, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.catalog.tables import dataset_search
from raia_ingest.catalog.words import Text, by_weight, matches, texts_of, words
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.tables import dataset
from raia_ingest.profiles.repository import ProfileRepository

_DEFAULT_HITS = 50
_MOST_WORDS = 20
_TELLING = (
    dataset_events_pb2.DatasetReady,
    dataset_events_pb2.DatasetProfiled,
    life_cycle_events_pb2.DatasetUpdated,
)


@dataclass(frozen=True)
class Hit:
    """A dataset that was found, and where the words stand."""

    dataset: Dataset
    score: float
    matches: Sequence[Text]


class SearchService:
    """Finds datasets by words."""

    def __init__(self, datasets: DatasetRepository, profiles: ProfileRepository, access: AccessIndex) -> None:
        self._datasets, self._profiles, self._access = datasets, profiles, access

    def consumer(self) -> Consumer:
        """What keeps the words of datasets current."""
        kinds = tuple(kind.DESCRIPTOR.full_name for kind in _TELLING)
        return Consumer(name="dataset-search", topics=[TOPIC], handler=self.learn, types=kinds)

    def learn(self, unit: UnitOfWork, event: Event) -> None:
        """Takes in the words of the dataset that an event tells of, as they are now."""
        found = self._datasets.find(unit, UUID(event.key))
        if found is None:
            return
        profile = self._profiles.find(unit, found.id, found.version.number)
        columns = dict.fromkeys(
            name for each in found.version.columns for name in (each.name, each.original_name) if name
        )
        result = profile.result if profile is not None else None
        texts = texts_of(found.name, found.description, found.tags, columns, result)
        values: dict[str, Any] = {
            "texts": orjson.dumps([asdict(each) for each in texts]),
            "terms": _terms(by_weight(texts)),
        }
        row = insert(dataset_search).values(org_id=unit.tenant, dataset_id=found.id, **values)
        key = [dataset_search.c.org_id, dataset_search.c.dataset_id]
        unit.session.execute(row.on_conflict_do_update(index_elements=key, set_=values))

    def search(
        self, unit: UnitOfWork, call: Call, query: str, page_size: int, page_token: str
    ) -> tuple[list[Hit], str]:
        """A page of the datasets that the caller may see, the best first, and the token of the next.

        Raises ``InvalidArgument`` for a query without words.
        """
        wanted = list(dict.fromkeys(words(query)))[:_MOST_WORDS]
        if not wanted:
            raise InvalidArgument.of_field("q", "name at least one word")
        scope = f"search {' '.join(wanted)}"
        offset = int(str(PageToken.decode(page_token, scope).keys[0])) if page_token else 0
        size = page_size or _DEFAULT_HITS
        visibility = self._access.visible_projects(call.authenticated, "datasets.read", "dataset")
        rows = _found(unit, visibility, wanted, offset, size + 1)
        hits = []
        for row in rows[:size]:
            shown = self._datasets.find(unit, row.id)
            if shown is not None:
                texts = [Text(**each) for each in orjson.loads(row.texts)]
                hits.append(Hit(shown, row.score, matches(texts, wanted)))
        token = PageToken((offset + size,), scope).encode() if len(rows) > size else ""
        return hits, token


def _terms(weighted: dict[str, str]) -> Any:
    joined: Any = None
    for weight, each in weighted.items():
        part = func.setweight(func.to_tsvector("simple", each), literal_column(f"'{weight}'"))
        joined = part if joined is None else joined.op("||")(part)
    return joined


def _found(
    unit: UnitOfWork, visibility: Visibility, wanted: Sequence[str], offset: int, limit: int
) -> Sequence[Row[Any]]:
    """What the search function finds in the organisation, of that what the caller may see."""
    query = " & ".join(f"'{word}':*" for word in wanted)
    found = (
        func.search_datasets(func.to_tsquery("simple", query))
        .table_valued(column("dataset_id", Uuid), column("score", Double), column("texts", LargeBinary))
        .alias("f")
    )
    shown = (
        select(dataset.c.id, found.c.score, found.c.texts)
        .join(found, found.c.dataset_id == dataset.c.id)
        .where(dataset.c.deleted_at.is_(None), visibility.clause(dataset.c.project_id, dataset.c.id))
        .order_by(found.c.score.desc(), dataset.c.id)
        .offset(offset)
        .limit(limit)
    )
    return list(unit.session.execute(shown))
