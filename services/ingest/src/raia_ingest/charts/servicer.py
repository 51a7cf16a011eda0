"""The rpc of ChartService."""

import grpc
from raia.ingest.v1 import chart_pb2, chart_service_pb2, chart_service_pb2_grpc
from raia_kit.context import current_call

from raia_ingest.charts.service import ChartService


class ChartServicer(chart_service_pb2_grpc.ChartServiceServicer):
    """Charts of datasets."""

    def __init__(self, charts: ChartService) -> None:
        self._charts = charts

    def DrawDatasetChart(
        self, request: chart_service_pb2.DrawDatasetChartRequest, _context: grpc.ServicerContext
    ) -> chart_pb2.DatasetChart:
        """Draws a chart."""
        return self._charts.draw(current_call(), request)
