"""The steps of the journey, in order; each prints what the platform really answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raia_launcher.journey.api import Api, JourneyError, Refused
from raia_launcher.journey.live import Listener

DATA = Path(__file__).parent
ALGORITHMS = ("logistic_regression", "random_forest", "lightgbm")
PROTECTED = [
    {
        "name": "sex",
        "column": "personal_status",
        "groups": {
            "single male": "male",
            "divorced male": "male",
            "married male": "male",
            "female": "female",
        },
    },
    {"name": "age", "column": "age", "bins": [25, 60]},
]


@dataclass
class Journey:
    """What the steps hand to one another."""

    api: Api
    say: Callable[[str], None]
    live: Listener
    dataset: dict[str, Any] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployed: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)


def upload(journey: Journey) -> None:
    """Uploads the German credit data."""
    answer = journey.api.upload("/api/v1/datasets/upload", DATA / "german-credit.csv", name="german-credit")
    journey.dataset = journey.api.finished(f"/api/v1/datasets/{answer['id']}")
    dataset = journey.dataset
    journey.say(f"{dataset['row_count']} rows, {dataset['column_count']} columns, sha256 {dataset['sha256'][:12]}…")


def profile(journey: Journey) -> None:
    """Profiles it: types, missing values, distributions."""
    report = journey.api.finished(f"/api/v1/datasets/{journey.dataset['id']}/profile", wait="10s")
    columns = {column["name"]: column for column in report["columns"]}
    kinds: dict[str, int] = {}
    for column in report["columns"]:
        kinds[column["type"]] = kinds.get(column["type"], 0) + 1
    amount, age = columns["amount"]["numeric"], columns["age"]["numeric"]
    missing = sum(int(column["missing_count"]) for column in report["columns"])
    journey.say(f"{', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}; {missing} values missing")
    journey.say(
        f"amount {amount['minimum']:.0f} to {amount['maximum']:.0f}, mean {amount['mean']:.2f}; "
        f"mean age {age['mean']:.1f}"
    )
    strongest = max(report["correlations"], key=lambda pair: abs(pair.get("coefficient") or 0))
    journey.say(f"strongest correlation: {strongest['left']} and {strongest['right']}, {strongest['coefficient']:.2f}")


def train(journey: Journey) -> None:
    """Trains three algorithms on the same split."""
    runs = {
        algorithm: journey.api.call(
            "POST",
            "/api/v1/models/train",
            dataset_id=journey.dataset["id"],
            target="default",
            type="classification",
            algorithm=algorithm,
            name=f"credit-risk {algorithm.replace('_', ' ')}",
            favourable_class="1",
            seed=7,
        )
        for algorithm in ALGORITHMS
    }
    for algorithm, run in runs.items():
        done = journey.api.finished(f"/api/v1/training-runs/{run['id']}")
        journey.models[algorithm] = journey.api.call("GET", f"/api/v1/models/{done['model_id']}")


def compare(journey: Journey) -> None:
    """Compares them on the hold-out rows."""
    for algorithm, model in journey.models.items():
        metrics = {metric["name"]: metric for metric in model["metrics"] if metric["scope"] == "holdout"}
        accuracy, auc = metrics["accuracy"], metrics["roc_auc"]
        journey.say(
            f"{algorithm:<20} accuracy {accuracy['value']:.3f} [{accuracy['lower']:.3f}, {accuracy['upper']:.3f}]   "
            f"ROC AUC {auc['value']:.3f} [{auc['lower']:.3f}, {auc['upper']:.3f}]   digest {model['digest'][:12]}…"
        )


def best(journey: Journey) -> dict[str, Any]:
    """The model with the highest hold-out ROC AUC."""

    def auc(model: dict[str, Any]) -> float:
        return max(float(m["value"]) for m in model["metrics"] if m["name"] == "roc_auc" and m["scope"] == "holdout")

    return max(journey.models.values(), key=auc)


def explain(journey: Journey) -> None:
    """Explains one refused applicant, and the model as a whole."""
    model, row = best(journey), _refused_row(journey)
    shap = journey.api.finished(f"/api/v1/explainability/shap/{model['id']}", rows=row, explained_class="1", wait="20s")
    of_row = shap["rows"][0]
    journey.say(
        f"row {row} is refused by {model['name']}: margin {of_row['margin']:.3f} on the {shap['margin_scale']} scale"
    )
    for item in of_row["features"][:3]:
        journey.say(f"  {item['feature']} = {item['feature_value']}: {item['attribution']:+.3f}")
    journey.say(
        f"  base value plus attributions is the margin to {shap['additivity_error']:.1e} "
        f"({shap['method']}, {shap['precision']})"
    )
    overall = journey.api.finished(f"/api/v1/explainability/shap/{model['id']}", explained_class="1", wait="30s")
    top = ", ".join(f"{item['feature']} {item['attribution']:.3f}" for item in overall["features"][:5])
    journey.say(f"over {overall['row_count']} hold-out rows: {top}")


def _refused_row(journey: Journey) -> int:
    """The first row of the dataset that the best model refuses."""
    page = journey.api.call("GET", f"/api/v1/datasets/{journey.dataset['id']}/preview", page_size=100)
    names = [column["name"] for column in page["columns"]]
    rows = [{k: v for k, v in zip(names, row, strict=True) if k != "default"} for row in page["rows"]]
    answer = journey.api.call("POST", f"/api/v1/models/{best(journey)['id']}/predict", rows=rows)
    for number, prediction in enumerate(answer["predictions"]):
        if str(prediction["prediction"]) == "2":
            return number
    raise JourneyError("the model refuses none of the first hundred applicants")


def fairness(journey: Journey) -> None:
    """Tests each model for fairness by sex and age."""
    for model in journey.models.values():
        started = journey.api.call("POST", f"/api/v1/fairness/analyze/{model['id']}", protected_attributes=PROTECTED)
        report = journey.api.finished(f"/api/v1/fairness/reports/{model['id']}/{started['id']}")
        for attribute in report["attributes"]:
            if not attribute["judged"]:
                journey.say(f"{model['name']}: {attribute['attribute']} not judged: {attribute['not_judged_because']}")
                continue
            impact = attribute["disparate_impact"]
            journey.say(
                f"{model['name']:<32} {attribute['attribute']:<4} disparate impact {impact['value']:.3f} "
                f"[{impact['lower']:.3f}, {impact['upper']:.3f}]"
            )


def gate(journey: Journey) -> None:
    """Tries to deploy each model under the organisation's policy."""
    _refusal(journey, best(journey), "without a policy")
    journey.api.call(
        "PUT", "/api/v1/policies/deployment", protected_attributes=["sex", "age"], minimum_disparate_impact=0.8
    )
    ranked = sorted(journey.models.values(), key=lambda m: float(m.get("accuracy") or 0), reverse=True)
    for model in ranked:
        verdict = journey.api.call("GET", f"/api/v1/models/{model['id']}/gate")
        for check in verdict["checks"]:
            mark = "passes" if check["passed"] else "fails"
            journey.say(f"{model['name']:<32} {check['name']} {mark}: {check['message']}")
        if journey.deployed:
            continue
        if not _refusal(journey, model, "with the policy"):
            journey.deployed = journey.api.call("GET", f"/api/v1/models/{model['id']}")
            journey.say(f"deployed {model['name']} version {journey.deployed['production_version']}")
    if not journey.deployed:
        journey.say("no model may go into production: the margins above say by how much each falls short")


def _refusal(journey: Journey, model: dict[str, Any], circumstance: str) -> bool:
    """Tries to deploy; says the reason and answers True when the gate refuses."""
    try:
        journey.api.call("POST", f"/api/v1/models/{model['id']}/deploy")
    except Refused as refused:
        if refused.reason != "GATE_REFUSED":
            raise
        journey.say(f"deploy {model['name']} {circumstance}: refused: {refused.status['message']}")
        return True
    return False


def predict(journey: Journey) -> None:
    """Predicts for a new applicant."""
    model = journey.deployed or best(journey)
    page = journey.api.call("GET", f"/api/v1/datasets/{journey.dataset['id']}/preview", page_size=1)
    row = {c["name"]: v for c, v in zip(page["columns"], page["rows"][0], strict=True) if c["name"] != "default"}
    row |= {"amount": 2500, "age": 41, "purpose": "yacht"}
    answer = journey.api.call("POST", f"/api/v1/models/{model['id']}/predict", rows=[row])
    prediction = answer["predictions"][0]
    journey.say(
        f"class {prediction['prediction']} with probability {prediction['confidence']:.3f}, version {answer['version']}"
    )
    for warning in prediction["warnings"]:
        journey.say(f"  {warning}")


def ask(journey: Journey) -> None:
    """Uploads the lending policy and asks it."""
    uploaded = journey.api.upload("/api/v1/documents/upload", DATA / "lending-policy.md")
    journey.document = journey.api.finished(f"/api/v1/documents/{uploaded['id']}")
    journey.say(f"{journey.document['filename']}: {journey.document['chunk_count']} passages")
    question = "Which refusals are reviewed by a credit officer?"
    answer = journey.api.call("POST", "/api/v1/chat", message=question)
    journey.say(f"{question} {' '.join(answer['answer'].split())}")


def notifications(journey: Journey) -> None:
    """Reads the notifications that came over the WebSocket."""
    page = journey.api.call("GET", "/api/v1/notifications", page_size=100)
    expected = {notification["id"] for notification in page["notifications"]}
    came = journey.live.notifications(expected)
    for title, message in list(came.values())[:3]:
        journey.say(f"{title}: {message}")
    journey.say(f"{len(came)} came over the WebSocket, {page['unread_count']} unread in all")
    journey.api.call("POST", "/api/v1/notifications/mark-all-read")


def export(journey: Journey) -> None:
    """Exports the model's governance record as PDF."""
    model = journey.deployed or best(journey)
    job = journey.api.call("POST", "/api/v1/export/pdf", model_id=model["id"])
    done = journey.api.finished(f"/api/v1/export/jobs/{job['id']}")
    file = journey.api.send("GET", f"/api/v1/export/jobs/{done['id']}/download")
    if not file.content.startswith(b"%PDF"):
        raise JourneyError("the download is no PDF")
    journey.say(f"{done['filename']}: {len(file.content)} bytes, sha256 {done['sha256'][:12]}…")


def verify(journey: Journey) -> None:
    """Verifies the audit ledger."""
    answer = journey.api.call("GET", "/api/v1/audit/verify")
    if not answer["intact"]:
        raise JourneyError(f"the audit ledger is broken: {answer}")
    journey.say(f"{answer['entries_checked']} entries, chain intact, head {answer['head_hash'][:12]}…")


STEPS: list[Callable[[Journey], None]] = [
    upload,
    profile,
    train,
    compare,
    explain,
    fairness,
    gate,
    predict,
    ask,
    notifications,
    export,
    verify,
]
"""The steps in the order they are taken."""
