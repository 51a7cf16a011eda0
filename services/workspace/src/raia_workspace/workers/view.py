"""A governance record as what its PDF shows: sections of blocks, each figure with the record it rests on."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from raia_workspace.workers.blocks import (
    Block,
    bars,
    facts,
    interval,
    note,
    number,
    percent,
    source,
    table,
    text,
    time,
)

Facts = Mapping[str, Any]


def view(record: Facts) -> dict[str, Any]:
    """Everything that the document shows, as texts: title, sections, and the ids of all records behind them."""
    model = record["model"]
    sections = [
        ("Summary", _summary(record)),
        ("Data", _data(record)),
        ("Training", _training(record)),
        ("Metrics", _metrics(model)),
        ("Fairness", _fairness(record["fairness_reports"])),
        ("Deployment gate", _gate(record)),
        ("Explanations", _explanations(record["explanations"])),
        ("Audit trail", _audit(record["audit_entries"])),
        ("Records", _records(record)),
    ]
    return {
        "title": {
            "model": model["name"],
            "version": model["version"],
            "status": _standing(model),
            "digest": model["digest"],
            "algorithm": model["algorithm"],
            "framework": model["framework"],
            "kind": model["type"],
            "as_of": time(record["as_of"]),
        },
        "sections": [{"title": title, "blocks": list(blocks)} for title, blocks in sections],
    }


def created(record: Facts) -> int:
    """The time that the document states as its own: that of the latest fact in it, in seconds since 1970."""
    return int(datetime.fromisoformat(record["as_of"]).timestamp()) if record["as_of"] else 0


def _standing(model: Facts) -> str:
    in_production = str(model["production_version"]) == model["version"]
    return "production" if in_production else "draft" if model["status"] == "production" else str(model["status"])


def _summary(record: Facts) -> Iterable[Block]:
    model = record["model"]
    yield facts(
        ("Model", model["name"]),
        ("Version", f"{model['version']} of {model['latest_version']}"),
        ("Kind", model["type"]),
        ("Algorithm", f"{model['algorithm']} ({model['framework']})" if model["framework"] else model["algorithm"]),
        ("In production", f"version {model['production_version']}" if model["production_version"] else "no version"),
        ("Created", time(model["created_at"])),
        ("Latest fact", time(record["as_of"])),
    )
    biased = [report for report in record["fairness_reports"] if report["bias_detected"]]
    reports = len(record["fairness_reports"])
    if reports:
        finding = f"{len(biased)} of {reports} fairness reports detected bias." if biased else "No bias was detected."
        yield note(finding, "bad" if biased else "good")
    else:
        yield note("No fairness report speaks about this version.", "warn")
    if record["verdicts"]:
        latest = record["verdicts"][0]
        word = "allows" if latest["allowed"] else "refuses"
        yield note(
            f"The latest verdict {word} this version in production (policy {latest['policy_version']}).",
            "good" if latest["allowed"] else "bad",
        )
    else:
        yield note("The gate has never decided about this version.", "warn")
    for omission in record["omissions"]:
        yield note(f"Left out: {omission}.", "warn")
    yield source("model", model["id"], f"version {model['version']}")


def _data(record: Facts) -> Iterable[Block]:
    dataset, profile = record["dataset"], record["profile"]
    if dataset is None and profile is None:
        yield text("What the version was trained on is not part of this record.")
        return
    if dataset is not None:
        yield facts(
            ("Dataset", dataset["name"]),
            ("Version", str(dataset["version"])),
            ("File", dataset["filename"]),
            ("Rows", number(dataset["row_count"])),
            ("Columns", number(dataset["column_count"])),
            ("Rejected rows", number(dataset["rejected_row_count"])),
            ("SHA-256 of the file", dataset["sha256"]),
        )
        yield source("dataset", dataset["id"], f"version {dataset['version']}")
    if profile is not None and profile["status"] == "succeeded":
        yield facts(("Duplicate rows", number(profile["duplicate_row_count"])))
        yield table(
            ["Column", "Type", "Missing", "Distinct", "Minimum", "Mean", "Maximum"],
            [_column(column) for column in profile["columns"]],
            "llrrrrr",
        )
        for each in profile["notes"]:
            yield text(f"{each['column']}: {each['message']}" if each["column"] else each["message"])
        yield source("dataset_profile", profile["id"])
    elif profile is not None:
        yield note(f"The profile {profile['status']}: {profile['error']}", "warn")


def _column(column: Facts) -> list[str]:
    numeric = column.get("numeric") or {}
    figures = [number(numeric.get(name)) for name in ("minimum", "mean", "maximum")]
    missing = percent(column["missing_fraction"]) if int(column["missing_count"]) else "0"
    return [column["name"], column["type"], missing, number(column["distinct_count"]), *figures]


def _training(record: Facts) -> Iterable[Block]:
    run, model = record["training_run"], record["model"]
    if run is not None:
        yield facts(
            ("Target", run["target"]),
            ("Algorithm", run["algorithm"]),
            ("Seed", str(run["seed"])),
            ("Asked for", time(run["created_at"])),
            ("Finished", time(run.get("completed_at", ""))),
            ("By user", run["created_by"]),
        )
        if run.get("parameters"):
            yield table(
                ["Parameter", "Value"],
                [[name, _plain(value)] for name, value in sorted(run["parameters"].items())],
                "lr",
            )
        for warning in run["warnings"]:
            yield note(warning, "warn")
        yield source("training_run", run["id"])
    inputs = (model.get("signature") or {}).get("inputs", [])
    if inputs:
        yield table(
            ["Feature", "Kind", "Values in training", "May be missing"],
            [[spec["name"], spec["kind"], _range(spec), "yes" if spec["nullable"] else "no"] for spec in inputs],
            "llll",
        )
        yield source("model", model["id"], f"version {model['version']}")
    if run is None and not inputs:
        yield text("The version was not trained here.")


def _range(spec: Facts) -> str:
    if spec["kind"] == "numeric":
        return f"{number(spec.get('minimum'))} to {number(spec.get('maximum'))}"
    shown = ", ".join(spec["categories"][:8])
    more = len(spec["categories"]) - 8
    return f"{shown}, and {more} more" if more > 0 else shown


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return number(value) if isinstance(value, int | float) else str(value)


def _metrics(model: Facts) -> Iterable[Block]:
    scopes = {"holdout": "Hold-out rows", "cross_validation": "Cross-validation"}
    for scope in sorted({metric["scope"] for metric in model["metrics"]}, reverse=True):
        yield table(
            [scopes.get(scope, scope), "Value", "95 % interval", "Rests on"],
            [
                [
                    metric["name"],
                    number(metric["value"]),
                    interval(metric),
                    f"{number(metric['count'])} {'folds' if scope == 'cross_validation' else 'rows'}",
                ]
                for metric in model["metrics"]
                if metric["scope"] == scope
            ],
            "lrrr",
        )
    if not model["metrics"]:
        yield text("No metrics are recorded.")
    yield source("model", model["id"], f"version {model['version']}, training run {model['training_run_id'] or 'none'}")


def _fairness(reports: list[Facts]) -> Iterable[Block]:
    if not reports:
        yield note("No fairness report speaks about this version.", "warn")
    for report in reports:
        outcome = report.get("favourable_outcome") or {}
        yield facts(
            ("Report of", time(report["created_at"])),
            ("Hold-out rows", number(report["row_count"])),
            ("Favourable class", outcome.get("favourable_class") or "by threshold"),
        )
        for attribute in report["attributes"]:
            yield from _attribute(attribute)
        if report["recommendations"]:
            yield note(report["recommendations"], "bad" if report["bias_detected"] else "good")
        yield source("fairness_report", report["id"])


def _attribute(attribute: Facts) -> Iterable[Block]:
    measures = [
        ("Disparate impact", "disparate_impact"),
        ("Demographic parity difference", "demographic_parity_difference"),
        ("Equalised odds difference", "equalized_odds_difference"),
    ]
    yield {"kind": "heading", "text": f"By {attribute['attribute']}"}
    if attribute["judged"]:
        rows = [
            [title, number(attribute[name]["value"]), interval(attribute[name])]
            for title, name in measures
            if attribute.get(name)
        ]
        yield table(["Measure", "Value", "95 % interval"], rows, "lrr")
    else:
        yield note(f"Not judged: {attribute['not_judged_because']}", "warn")
    if not attribute["groups"]:
        return
    yield table(
        ["Group", "Rows", "Selection rate", "95 % interval", "True positives", "False positives", "Accuracy"],
        [_group(group, attribute["reference_group"]) for group in attribute["groups"]],
        "lrrrrrr",
    )


def _group(group: Facts, reference: str) -> list[str]:
    rate = group.get("selection_rate")
    name = f"{group['group']} (reference)" if group["group"] == reference else str(group["group"])
    return [
        name if group["judged"] else f"{name}, not judged",
        number(group["count"]),
        percent(rate["value"]) if rate else "–",
        f"{percent(rate['lower'])} to {percent(rate['upper'])}" if rate else "–",
        *(percent(group.get(key)) for key in ("true_positive_rate", "false_positive_rate", "accuracy")),
    ]


def _gate(record: Facts) -> Iterable[Block]:
    if not record["verdicts"]:
        yield text("The gate has never decided about this version.")
    for verdict in record["verdicts"]:
        word = "Allowed" if verdict["allowed"] else "Refused"
        yield note(
            f"{word} on {time(verdict['created_at'])} under policy version {verdict['policy_version']}.",
            "good" if verdict["allowed"] else "bad",
        )
        if verdict["checks"]:
            yield table(
                ["Check", "Met", "Value", "Limit", "Margin", "Report"],
                [
                    [
                        check["name"],
                        "yes" if check["passed"] else "no",
                        *(number(check.get(name)) for name in ("value", "limit", "margin")),
                        check["report_id"] or "none",
                    ]
                    for check in verdict["checks"]
                ],
                "lcrrrl",
            )
        for check in verdict["checks"]:
            if not check["passed"]:
                yield text(f"{check['name']}: {check['message']}")
        yield source("verdict", verdict["id"])
    for evidence in record["evidence"]:
        state = "withdrawn" if evidence["withdrawn"] else "valid"
        yield facts(
            ("Evidence", f"{evidence['kind']}, {state}, recorded {time(evidence['created_at'])}"),
            ("Report", evidence["report_id"]),
            ("SHA-256 of the report", evidence["report_digest"]),
        )
        yield source("evidence", evidence["id"])


def _explanations(explanations: Facts) -> Iterable[Block]:
    shap, importance = explanations["shap"], explanations["feature_importance"]
    if shap is None and importance is None:
        yield text("Explanations are not part of this record.")
    if shap is not None and shap["status"] == "succeeded":
        yield {"kind": "heading", "text": "Mean absolute SHAP value by column"}
        yield bars((each["feature"], float(each["attribution"])) for each in shap["features"])
        yield facts(
            ("Method", f"{shap['method']}, on the {shap['margin_scale'].replace('_', ' ')} scale"),
            ("Explained class", shap["explained_class"] or "none"),
            ("Rows", number(shap["row_count"])),
            ("Additivity error", number(shap["additivity_error"])),
        )
        yield source("shap_explanation", shap["id"])
    elif shap is not None:
        yield note(f"The SHAP values {shap['status']}: {shap['error']}", "warn")
    if importance is not None and importance["status"] == "succeeded":
        yield {"kind": "heading", "text": f"Permutation importance: drop of {importance['score'] or 'the score'}"}
        yield bars((each["feature"], float(each["importance"])) for each in importance["features"])
        yield source("feature_importance", importance["id"])
    elif importance is not None:
        yield note(f"The feature importance {importance['status']}: {importance['error']}", "warn")


def _audit(entries: list[Facts]) -> Iterable[Block]:
    if not entries:
        yield text("The record holds no audit entries.")
        return
    yield table(
        ["Place", "Time", "Action", "Outcome", "By", "Hash"],
        [
            [
                str(entry["place"]),
                time(entry["occurred_at"]),
                entry["action"],
                entry["outcome"] if entry["outcome"] == "success" else f"{entry['outcome']}: {entry['reason']}",
                entry["actor_user_id"] or entry["actor_service"] or "–",
                entry["hash"][:16],
            ]
            for entry in entries
        ],
        "rlllll",
        small=True,
    )
    yield source("audit_entry", entries[-1]["id"], f"place {entries[-1]['place']}, the last one here")


def _records(record: Facts) -> Iterable[Block]:
    model, explanations = record["model"], record["explanations"]
    rows = [["model", model["id"], model["digest"]]]
    for kind in ("training_run", "dataset", "profile"):
        if record[kind] is not None:
            rows.append([kind, record[kind]["id"], record[kind].get("sha256", "")])
    rows += [["fairness_report", report["id"], ""] for report in record["fairness_reports"]]
    rows += [["evidence", each["id"], each["report_digest"]] for each in record["evidence"]]
    rows += [["verdict", each["id"], ""] for each in record["verdicts"]]
    rows += [[kind, each["id"], ""] for kind, each in explanations.items() if each is not None]
    yield text("Every figure of this document rests on one of these records.")
    yield table(["Kind", "Id", "SHA-256"], rows, "lll", small=True)
    if record["versions"]:
        yield {"kind": "heading", "text": "Versions of the model"}
        yield table(
            ["Version", "Algorithm", "Digest"],
            [[each["version"], each["algorithm"], each["digest"]] for each in record["versions"]],
            "lll",
            small=True,
        )
