"""Walks the graph, level by level."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson
from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from sqlalchemy import Row

from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.lineage.domain import Graph, Node, VersionKey, version_key
from raia_ingest.lineage.repository import LineageRepository, Seen

_MOST_NODES = 1000
_DEFAULT_DEPTH = 10


class DatasetLineageService:
    """Answers graphs."""

    def __init__(self, datasets: DatasetRepository, lineage: LineageRepository, access: AccessIndex) -> None:
        self._datasets, self._lineage, self._access = datasets, lineage, access

    def graph(
        self, unit: UnitOfWork, caller: Caller, dataset_id: UUID, version: int, *, direction: str, depth: int
    ) -> tuple[VersionKey, Graph]:
        """The graph around a version, and which version that is; raises ``NotFound``."""
        found = self._datasets.find(unit, dataset_id, version)
        if found is None:
            raise missing(dataset_id, version)
        root = (dataset_id, found.version.number)
        seen = Seen(
            *(
                self._access.visible_projects(caller, permission, kind)
                for permission, kind in (
                    ("datasets.read", "dataset"),
                    ("datasets.read", "recipe"),
                    ("datasets.read", "mapping"),
                    ("models.read", "model"),
                )
            )
        )
        walk = _Walk(unit, self._lineage, seen)
        rows = self._lineage.versions(unit, seen, [root])
        for row in rows:
            walk.show(row, 0)
        if direction != "downstream":
            walk.upstream(rows, depth or _DEFAULT_DEPTH)
        if direction != "upstream":
            walk.downstream([root], depth or _DEFAULT_DEPTH)
        return root, walk.graph


class _Walk:
    """One walk over the graph."""

    def __init__(self, unit: UnitOfWork, lineage: LineageRepository, seen: Seen) -> None:
        self._unit, self._lineage, self._seen = unit, lineage, seen
        self.graph = Graph(_MOST_NODES)

    def show(self, row: Row[Any], distance: int) -> bool:
        """Adds a version; False when there is no room."""
        status = "deleted" if row.deleted_at is not None else row.status
        key = version_key((row.dataset_id, row.version))
        node = Node(
            key, "dataset_version", str(row.dataset_id), row.version, row.name, status, row.created_at, distance
        )
        return self.graph.add(node)

    def upstream(self, rows: Iterable[Row[Any]], depth: int) -> None:
        """Adds what these versions were made from, and so on."""
        distance = 0
        level = list(rows)
        while level:
            sources = self._sources(level, distance)
            distance -= 1
            found = self._lineage.versions(self._unit, self._seen, sources) if sources else []
            if found and -distance > depth:
                self.graph.truncated = True
                return
            fresh = [row for row in found if version_key((row.dataset_id, row.version)) not in self.graph.nodes]
            level = [row for row in fresh if self.show(row, distance)]
            self._connect(sources)

    def downstream(self, keys: Collection[VersionKey], depth: int) -> None:
        """Adds what was made of these versions, and so on."""
        distance = 0
        level = list(keys)
        while level:
            self._leaves(level, distance)
            distance += 1
            rows = [
                *self._lineage.made_of(self._unit, self._seen, level),
                *self._lineage.joined_into(self._unit, self._seen, level),
            ]
            if rows and distance > depth:
                self.graph.truncated = True
                return
            fresh = [row for row in rows if version_key((row.dataset_id, row.version)) not in self.graph.nodes]
            shown = [row for row in fresh if self.show(row, distance)]
            self._connect(self._sources(rows, distance))
            level = list(dict.fromkeys((row.dataset_id, row.version) for row in shown))

    def _connect(self, sources: Mapping[VersionKey, list[tuple[str, str]]]) -> None:
        for source, ends in sources.items():
            for end, kind in ends:
                self.graph.link(version_key(source), end, kind)

    def _sources(self, rows: Iterable[Row[Any]], distance: int) -> dict[VersionKey, list[tuple[str, str]]]:
        """Adds the files and runs that made these versions.

        Answers the versions which went into them, each with the keys of the nodes that it leads to and how.
        """
        sources: dict[VersionKey, list[tuple[str, str]]] = {}
        runs: dict[str, dict[UUID, list[str]]] = {"recipe": {}, "mapping": {}}
        for row in rows:
            key, origin = version_key((row.dataset_id, row.version)), row.origin
            kind = str(origin.get("kind", ""))
            if kind in runs and origin.get("run_id"):
                runs[kind].setdefault(UUID(origin["run_id"]), []).append(key)
            elif kind == "part" or not origin.get("dataset_id"):
                self._file(row, key, distance)
            else:
                number = int(origin.get("dataset_version") or origin.get("version") or 0)
                sources.setdefault((UUID(origin["dataset_id"]), number), []).append((key, kind))
        if runs["recipe"]:
            self._recipe_runs(runs["recipe"], distance, sources)
        if runs["mapping"]:
            self._mapping_runs(runs["mapping"], distance, sources)
        return sources

    def _file(self, row: Row[Any], key: str, distance: int) -> None:
        file = f"file:{row.sha256}"
        self.graph.add(Node(file, "file", row.sha256, 0, row.filename, "", row.created_at, distance))
        self.graph.link(file, key, "read")

    def _recipe_runs(self, outputs: Mapping[UUID, list[str]], distance: int, sources: dict[Any, Any]) -> None:
        runs = self._lineage.recipe_runs(self._unit, outputs)
        recipes = {
            row.id: row for row in self._lineage.recipes(self._unit, self._seen, {run.recipe_id for run in runs})
        }
        for run in runs:
            key = f"recipe_run:{run.id}"
            node = Node(key, "recipe_run", str(run.id), 0, run.target_name, run.status, run.created_at, distance)
            self._run(node, outputs[run.id])
            for each in [(run.dataset_id, run.dataset_version), *_joined(run)]:
                sources.setdefault(each, []).append((key, "input"))
            recipe = recipes.get(run.recipe_id)
            if recipe is not None:
                by = f"recipe:{recipe.id}@{run.recipe_version}"
                status = "deleted" if recipe.deleted_at is not None else ""
                self._applied(
                    Node(
                        by,
                        "recipe",
                        str(recipe.id),
                        run.recipe_version,
                        recipe.name,
                        status,
                        recipe.created_at,
                        distance,
                    ),
                    key,
                )

    def _mapping_runs(self, outputs: Mapping[UUID, list[str]], distance: int, sources: dict[Any, Any]) -> None:
        runs = self._lineage.mapping_runs(self._unit, outputs)
        wanted = {run.mapping_id for run in runs}
        mappings = {row.id: row for row in self._lineage.mappings(self._unit, self._seen, wanted)}
        for run in runs:
            key = f"mapping_run:{run.id}"
            mapping = mappings.get(run.mapping_id)
            name = mapping.name if mapping is not None else ""
            self._run(
                Node(key, "mapping_run", str(run.id), 0, name, run.status, run.created_at, distance), outputs[run.id]
            )
            sources.setdefault((run.dataset_id, run.dataset_version), []).append((key, "input"))
            if mapping is not None:
                by = f"mapping:{mapping.id}"
                self._applied(
                    Node(by, "mapping", str(mapping.id), 0, name, mapping.status, mapping.created_at, distance), key
                )

    def _run(self, node: Node, outputs: Iterable[str]) -> None:
        self.graph.add(node)
        for output in outputs:
            self.graph.link(node.key, output, "output")

    def _applied(self, node: Node, run: str) -> None:
        self.graph.add(node)
        self.graph.link(node.key, run, "applied")

    def _leaves(self, keys: Collection[VersionKey], distance: int) -> None:
        """Adds the reports and models of these versions."""
        for row in self._lineage.reports(self._unit, keys):
            key = f"{row.kind}:{row.id}"
            self.graph.add(Node(key, row.kind, str(row.id), 0, "", row.status, row.created_at, distance))
            self.graph.link(version_key((row.dataset_id, row.version)), key, "described")
        for row in self._lineage.models(self._unit, self._seen, keys):
            key = f"model:{row.model_id}@{row.model_version}"
            model = Node(
                key, "model", str(row.model_id), row.model_version, row.model_name, "", row.trained_at, distance
            )
            self.graph.add(model)
            self.graph.link(version_key((row.dataset_id, row.dataset_version)), key, "trained")


def _joined(run: Row[Any]) -> list[VersionKey]:
    return [(UUID(each), int(number)) for each, number in orjson.loads(run.joined)]
