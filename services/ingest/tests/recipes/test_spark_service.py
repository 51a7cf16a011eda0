"""A dataset over the threshold is cleaned by Spark, chosen by the service itself."""

import pytest
from raia.ingest.v1 import recipe_run_service_pb2_grpc, recipe_service_pb2_grpc

from ..rig import Rig
from .test_runs import CSV, create, rows, run

STEPS = [
    {"convert_type": {"columns": ["amount"], "to": "float", "decimal_separator": ",", "on_error": "remove_row"}},
    {"fill_missing": {"columns": ["amount"], "strategy": "mean"}},
    {"deduplicate": {"columns": ["name"], "ignore_case": True}},
]


@pytest.mark.servers("spark")
def test_spark_takes_over_from_the_threshold_with_the_same_rows(postgres, spark_packages, tmp_path):
    settings = {
        "spark_master": "local[2]",
        "spark_threshold_bytes": 1,
        "spark_packages": spark_packages or None,
        "spark_options": {"spark.driver.memory": "600m"},
    }
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, **settings)
        try:
            analyst = rig.hire()
            stubs = type("Stubs", (), {})()
            stubs.recipes = recipe_service_pb2_grpc.RecipeServiceStub(rig.channel)
            stubs.runs = recipe_run_service_pb2_grpc.RecipeRunServiceStub(rig.channel)
            dataset = rig.ready(analyst, CSV, "people.csv")
            recipe = create(stubs, analyst, "clean", STEPS)
            by_spark = run(stubs, analyst, recipe, dataset, seconds=250)
            by_duckdb = run(stubs, analyst, recipe, dataset, engine="duckdb", target_name="other")
            assert [(each.status, each.engine, each.error) for each in (by_spark, by_duckdb)] == [
                ("succeeded", "spark", ""),
                ("succeeded", "duckdb", ""),
            ]
            assert by_spark.ledger == by_duckdb.ledger
            assert by_spark.fitted == by_duckdb.fitted
            found = [rig.get(analyst, each.output_dataset_id).sha256 for each in (by_spark, by_duckdb)]
            assert found[0] == found[1]
            assert len(rows(rig, analyst, by_spark.output_dataset_id)) == 3
        finally:
            rig.close()
