"""The graph of what was made from what."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

VersionKey = tuple[UUID, int]
"""A dataset and the number of a version."""


@dataclass(frozen=True)
class Node:
    """Something in the graph."""

    key: str
    kind: str
    resource_id: str
    version: int
    name: str
    status: str
    created_at: datetime | None
    distance: int = 0


@dataclass(frozen=True)
class Edge:
    """Something led to something."""

    start: str
    end: str
    kind: str


@dataclass
class Graph:
    """Nodes by key, in the order in which they were found, and edges, each once."""

    most: int
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)
    truncated: bool = False

    def add(self, node: Node) -> bool:
        """Adds a node unless it is there; False when there is no room for it."""
        if node.key in self.nodes:
            return True
        if len(self.nodes) >= self.most:
            self.truncated = True
            return False
        self.nodes[node.key] = node
        return True

    def link(self, start: str, end: str, kind: str) -> None:
        """Adds an edge between nodes that are there."""
        if start in self.nodes and end in self.nodes:
            self.edges[Edge(start, end, kind)] = None


def version_key(version: VersionKey) -> str:
    """How the graph calls a version."""
    return f"dataset:{version[0]}@{version[1]}"
