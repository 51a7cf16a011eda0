"""A report's findings in words, the most important first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST = 5
_LONGEST_SPELLING = 60


def summarise(name: str, rows: int, profile: Mapping[str, Any], analysis: Mapping[str, Any]) -> list[str]:
    """Sentences about the version of the dataset called ``name``."""
    profiles = profile["columns"]
    return [
        *_size(name, rows, profile),
        *_missing(profiles),
        *_personal(profiles),
        *_keys(analysis),
        *_near_duplicates(rows, profile, analysis),
        *_outliers(profiles, analysis),
        *_together(profile, analysis),
        *_drift(analysis.get("drift")),
    ]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST])
    return f"{shown} and {len(names) - _MOST:,} more" if len(names) > _MOST else shown


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _size(name: str, rows: int, profile: Mapping[str, Any]) -> Iterator[str]:
    kinds: dict[str, int] = {}
    for column in profile["columns"]:
        meaning = (column.get("semantics") or {}).get("type") or column["type"]
        kinds[meaning] = kinds.get(meaning, 0) + 1
    most = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items(), key=lambda k: -k[1]))
    yield f"{name} has {_plural(rows, 'row')} and {_plural(len(profile['columns']), 'column')}: {most}."
    duplicates = profile["duplicate_row_count"]
    if duplicates:
        yield f"{_plural(duplicates, 'row')} ({duplicates / rows:.1%}) repeat an earlier one."


def _missing(profiles: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    lacking = sorted(
        (profile for profile in profiles if profile["missing_count"]), key=lambda each: -each["missing_fraction"]
    )
    if not lacking:
        yield "No value is missing."
        return
    shown = [f"{profile['name']} ({profile['missing_fraction']:.1%})" for profile in lacking]
    yield f"Values are missing in {_plural(len(lacking), 'column')}: {_listed(shown)}."


def _personal(profiles: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    found = [profile for profile in profiles if profile.get("personal_data")]
    if found:
        shown = [f"{each['name']} ({each['personal_data']['kind'].replace('_', ' ')})" for each in found]
        yield f"Personal data is probably in {_listed(shown)}."


def _keys(analysis: Mapping[str, Any]) -> Iterator[str]:
    keys = analysis["candidate_keys"]
    if keys:
        yield f"Rows are told apart by {_listed([' with '.join(key['columns']) for key in keys])}."
    else:
        yield "No column, and no set of up to three, tells every row apart."
    exact = [each for each in analysis["dependencies"] if not each["violating_rows"]]
    almost = [each for each in analysis["dependencies"] if each["violating_rows"]]
    if exact:
        shown = [f"{each['determinant']} → {each['dependent']}" for each in exact]
        yield f"Determined exactly: {_listed(shown)}."
    for each in almost[:2]:
        yield (
            f"{each['determinant']} determines {each['dependent']} but for {_plural(each['violating_rows'], 'row')}: "
            "these are probably mistakes."
        )


def _near_duplicates(rows: int, profile: Mapping[str, Any], analysis: Mapping[str, Any]) -> Iterator[str]:
    near = analysis.get("near_duplicates")
    if near and 0 < near["normalized_count"] <= rows / 2:
        ignored = f", {_listed(near['ignored_columns'])} aside" if near["ignored_columns"] else ""
        yield f"{_plural(near['normalized_count'], 'row')} are equal to another but for spelling{ignored}."
    varied = [
        each
        for each in profile["columns"]
        if each.get("variants") and len(str(each["variants"][0]["spellings"][0]["value"])) <= _LONGEST_SPELLING
    ]
    for each in varied[:2]:
        spelled = " / ".join(str(spelling["value"]) for spelling in each["variants"][0]["spellings"][:3])
        yield f"{each['name']} spells probably the same value differently: {spelled}."


def _outliers(profiles: Sequence[Mapping[str, Any]], analysis: Mapping[str, Any]) -> Iterator[str]:
    far = []
    for profile in profiles:
        found = profile.get("outliers")
        count = found["low_count"] + found["high_count"] if found else 0
        if count:
            far.append((count, profile["name"]))
    if far:
        far.sort(reverse=True)
        yield f"Values far from the median: {_listed([f'{name} ({count:,})' for count, name in far])}."
    isolated = analysis.get("isolated_rows")
    if isolated and isolated["isolated_count"]:
        first = isolated["rows"][0]
        counted = _plural(isolated["isolated_count"], "row")
        yield f"{counted} stand apart in all numbers together; row {first['row']:,} most."
    for series in analysis["seasonal_outliers"][:2]:
        if series["outlier_count"]:
            season = f" and its season of {series['period']} points" if series["period"] else ""
            named = (
                f"{_plural(series['outlier_count'], 'point')} of {series['value_column']} by {series['time_column']}"
            )
            yield f"{named} leave its trend{season}; {series['farthest'][0]['time']} most."


def _together(profile: Mapping[str, Any], analysis: Mapping[str, Any]) -> Iterator[str]:
    pairs = [pair for pair in profile["correlations"] if abs(pair.get("coefficient") or 0) >= 0.7]
    pairs.sort(key=lambda pair: -abs(pair["coefficient"]))
    if pairs:
        shown = [f"{pair['left']} and {pair['right']} ({pair['coefficient']:+.2f})" for pair in pairs]
        yield f"Correlated: {_listed(shown)}."
    strong = [each for each in analysis["associations"] if each["coefficient"] >= 0.5]
    if strong:
        shown = [f"{each['left']} and {each['right']} ({each['coefficient']:.2f})" for each in strong]
        yield f"Associated: {_listed(shown)}."


def _drift(drift: Mapping[str, Any] | None) -> Iterator[str]:
    if not drift:
        return
    before = drift["previous_version"]
    if drift["added_columns"]:
        yield f"New since version {before}: {_listed(drift['added_columns'])}."
    if drift["removed_columns"]:
        yield f"Gone since version {before}: {_listed(drift['removed_columns'])}."
    moved = [each for each in drift["columns"] if each["magnitude"] in ("moderate", "large")]
    moved.sort(key=lambda each: -each["psi"])
    if moved:
        shown = [f"{each['column']} (PSI {each['psi']:.2f})" for each in moved]
        yield f"Changed since version {before}: {_listed(shown)}."
    else:
        yield f"No column has changed much since version {before}."
