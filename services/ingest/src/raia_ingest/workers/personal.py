"""Personal data, told by what columns mean, by what they are called, and by what stands beside them."""

from typing import Any

from raia_ingest.workers.semantic_data import word_set, words

_DIRECT = {
    "email": "email", "phone": "phone", "person_name": "name", "iban": "bank_account", "payment_card": "payment_card",
    "address": "address",
}  # fmt: skip
_INDIRECT = {"ip_address": "ip_address"}
_BESIDE = {"postcode": "location", "coordinates": "location", "latitude": "location", "longitude": "location"}
"""Personal where the table names persons."""
_BIRTH = word_set("dob birth birthday birthdate born geburtsdatum naissance nascita nacimiento")
_NATIONAL = word_set("ssn nin nino passport nif dni cpf aadhaar bsn pesel insee curp steuerid taxid tin nationalid")
_NATIONAL_PAIRS = ({"social", "security"}, {"national", "id"}, {"tax", "id"})
_GENDER = word_set("gender sex geschlecht sexe sesso sexo")
_GENDERS = word_set("m f d x male female man woman other unknown diverse w mann frau homme femme")
_HOLDERS = word_set(
    "client customer member patient employee user insured person policyholder holder claimant driver subscriber "
    "account policy"
)
_THINGS = word_set("veh vehicle car building house policy account day days machine asset product building")
_SSN_SHAPE = "999-99-9999"


def mark(profiles: list[dict[str, Any]]) -> None:
    """Adds ``personal_data`` to the profiles of the columns that hold any."""
    for profile in profiles:
        found = _alone(profile)
        if found is not None:
            profile["personal_data"] = found
    persons = any(
        found["identifies"] == "direct" and found["confidence"] >= 0.5
        for found in (profile.get("personal_data") for profile in profiles)
        if found
    )
    for profile in profiles if persons else ():
        meaning = (profile.get("semantics") or {}).get("type", "")
        if "personal_data" not in profile and meaning in _BESIDE:
            sure = 0.6 * profile["semantics"]["confidence"]
            profile["personal_data"] = _personal(_BESIDE[meaning], sure, "indirect")


def _personal(kind: str, confidence: float, identifies: str) -> dict[str, Any]:
    return {"kind": kind, "confidence": round(confidence, 4), "identifies": identifies}


def _alone(profile: dict[str, Any]) -> dict[str, Any] | None:
    """What the column says by itself."""
    meaning = profile.get("semantics") or {}
    kind, sure = meaning.get("type", ""), meaning.get("confidence", 0.0)
    name = words(profile["name"])
    named = frozenset(name)
    for known, identifies in ((_DIRECT, "direct"), (_INDIRECT, "indirect")):
        if kind in known:
            return _personal(known[kind], sure, identifies)
    if kind in ("date", "datetime", "year") and (_BIRTH & named or "birth" in "".join(name)):
        return _personal("date_of_birth", 0.95, "indirect")
    spoken = _NATIONAL & named or any(both <= named for both in _NATIONAL_PAIRS)
    if spoken or (kind == "identifier" and any(_SSN_SHAPE in reason for reason in meaning.get("evidence", ()))):
        return _personal("national_id", 0.85 if spoken else 0.7, "direct")
    if kind == "policy_number" or (kind == "identifier" and _HOLDERS & named):
        return _personal("account_identifier", 0.8 * sure, "indirect")
    return _of_a_person(profile, kind, named)


def _of_a_person(profile: dict[str, Any], kind: str, named: frozenset[str]) -> dict[str, Any] | None:
    values = [str(top["value"]).strip().lower() for top in profile.get("top_values", [])]
    if kind in ("category", "boolean") and values and len(values) <= 6 and set(values) <= _GENDERS:
        spelled = {"male", "female", "mann", "frau", "homme", "femme"} & set(values)
        if spelled or _GENDER & named:
            return _personal("gender", 0.95 if _GENDER & named else 0.8, "indirect")
    numeric = profile.get("numeric")
    years = numeric is not None and numeric["minimum"] >= 0 and numeric["maximum"] <= 130
    if "age" in named and years and not named & _THINGS:
        return _personal("age", 0.8, "indirect")
    return None
