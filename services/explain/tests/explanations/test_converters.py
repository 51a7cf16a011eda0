from datetime import UTC, datetime
from uuid import uuid4

import pytest
from google.protobuf.json_format import MessageToDict
from raia_explain.explanations.converters import to_shap
from raia_explain.explanations.domain import SHAP, SUCCEEDED, Explanation, Subject

pytestmark = pytest.mark.fast

RESULT = {
    "method": "tree",
    "margin_scale": "log_odds",
    "precision": "float64",
    "base_value": 0.25,
    "additivity_error": 1e-15,
    "row_count": 1,
    "features": [{"feature": "age", "attribution": 0.5}],
    "rows": [
        {
            "row": 7,
            "margin": -1.5,
            "prediction": "yes",
            "features": [
                {"feature": "age", "attribution": -0.5, "feature_value": 30},
                {"feature": "city", "attribution": 0.125, "feature_value": "Rome"},
                {"feature": "member", "attribution": 0.0, "feature_value": False},
                {"feature": "income", "attribution": 0.0625, "feature_value": None},
            ],
        }
    ],
}


def test_what_was_computed_is_told_whole_with_values_of_every_kind():
    now = datetime.now(UTC)
    subject = Subject(SHAP, SHAP, uuid4(), 1, "digest", uuid4(), 2, "rows", rows=(7,))
    explanation = Explanation(uuid4(), subject, None, SUCCEEDED, 1.0, "", 1, now, now, 3.0, None, None)
    told = MessageToDict(
        to_shap(explanation, RESULT), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert {name: told[name] for name in RESULT} == {
        **RESULT,
        "row_count": "1",
        "rows": [{**RESULT["rows"][0], "row": "7"}],
    }
    assert told["scope"] == "rows"
