"""A resource carries every column that the specification gives its table, by that name."""

import pytest
from raia_kit.contract import contract_files

TABLES: dict[str, tuple[str, str]] = {
    "users": ("raia.auth.v1.User", "id email password_hash role is_active last_login created_at"),
    "user_sessions": ("raia.auth.v1.UserSession", "session_id user_id expires_at created_at"),
    "datasets": (
        "raia.ingest.v1.Dataset",
        "id name description file_path file_size file_type schema_info row_count column_count quality_score "
        "uploaded_by created_at updated_at",
    ),
    "data_quality_reports": (
        "raia.ingest.v1.DataQualityReport",
        "id dataset_id missing_values outliers duplicates data_types quality_issues recommendations created_at",
    ),
    "data_streams": (
        "raia.ingest.v1.Stream",
        "id name source_type connection_config schema_info status created_at",
    ),
    "models": (
        "raia.ml.v1.Model",
        "id name type algorithm framework version status accuracy feature_names training_data_info metadata created_by "
        "created_at updated_at",
    ),
    "model_predictions": (
        "raia.ml.v1.ModelPrediction",
        "id model_id input_data prediction confidence explanation timestamp",
    ),
    "fairness_reports": (
        "raia.explain.v1.FairnessReport",
        "id model_id protected_attributes fairness_metrics bias_detected recommendations created_at",
    ),
    "documents": ("raia.llm.v1.Document", "id filename content embedding metadata uploaded_by created_at"),
}
"""Columns by table, as the specification lists them."""

EXCEPTED = {
    ("users", "password_hash"): "a secret",
    ("datasets", "file_path"): "a storage path",
    ("documents", "embedding"): "belongs to chunks and says nothing to a reader",
}
"""Columns that no message carries, with the reason."""

MESSAGES = {message.full_name: message for file in contract_files() for message in file.message_types_by_name.values()}


@pytest.mark.fast
@pytest.mark.parametrize("table", TABLES)
def test_the_resource_has_the_columns_of_its_table(table: str) -> None:
    message, columns = TABLES[table]
    fields = set(MESSAGES[message].fields_by_name)
    missing = [column for column in columns.split() if column not in fields and (table, column) not in EXCEPTED]
    assert missing == []
    assert [c for (t, c) in EXCEPTED if t == table and c in fields] == []
