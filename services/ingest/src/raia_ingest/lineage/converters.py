"""Graphs between the domain and the contract."""

from raia.ingest.v1 import lineage_pb2 as pb2

from raia_ingest.lineage.domain import Graph, Node, VersionKey


def to_proto(root: VersionKey, graph: Graph) -> pb2.DatasetLineage:
    """The graph as the contract has it, the nearest nodes first."""
    nodes = sorted(graph.nodes.values(), key=lambda node: abs(node.distance))
    return pb2.DatasetLineage(
        dataset_id=str(root[0]),
        version=root[1],
        nodes=[_node(node) for node in nodes],
        edges=[pb2.LineageEdge(**{"from": edge.start, "to": edge.end, "kind": edge.kind}) for edge in graph.edges],
        truncated=graph.truncated,
    )


def _node(node: Node) -> pb2.LineageNode:
    message = pb2.LineageNode(
        key=node.key,
        kind=node.kind,
        resource_id=node.resource_id,
        version=node.version,
        name=node.name,
        status=node.status,
        distance=node.distance,
    )
    if node.created_at is not None:
        message.created_at.FromDatetime(node.created_at)
    return message
