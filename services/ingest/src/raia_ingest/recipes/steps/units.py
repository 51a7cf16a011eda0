"""Units of measurement: by quantity, each as a factor and an offset to the quantity's own unit."""

from fractions import Fraction

from raia_ingest.recipes.faults import StepFault

_F = Fraction
UNITS: dict[str, dict[str, Fraction]] = {
    "length": {
        "mm": _F(1, 1000), "cm": _F(1, 100), "m": _F(1), "km": _F(1000), "in": _F("0.0254"), "ft": _F("0.3048"),
        "yd": _F("0.9144"), "mi": _F("1609.344"), "nmi": _F(1852),
    },
    "mass": {
        "mg": _F(1, 10**6), "g": _F(1, 1000), "kg": _F(1), "t": _F(1000), "oz": _F("0.028349523125"),
        "lb": _F("0.45359237"),
    },
    "area": {
        "cm2": _F(1, 10**4), "m2": _F(1), "ha": _F(10**4), "km2": _F(10**6), "ft2": _F("0.09290304"),
        "ac": _F("4046.8564224"),
    },
    "volume": {
        "ml": _F(1, 10**6), "l": _F(1, 1000), "m3": _F(1), "gal_us": _F("0.003785411784"), "gal_uk": _F("0.00454609"),
        "ft3": _F("0.028316846592"), "bbl": _F("0.158987294928"),
    },
    "speed": {"m/s": _F(1), "km/h": _F(5, 18), "mph": _F("0.44704"), "kn": _F(463, 900)},
    "pressure": {
        "pa": _F(1), "hpa": _F(100), "kpa": _F(1000), "mpa": _F(10**6), "bar": _F(10**5), "mbar": _F(100),
        "psi": _F("6894.757293168"), "atm": _F(101325),
    },
    "energy": {"j": _F(1), "kj": _F(1000), "mj": _F(10**6), "wh": _F(3600), "kwh": _F(3600000), "kcal": _F(4184)},
    "power": {"w": _F(1), "kw": _F(1000), "mw": _F(10**6), "hp": _F("745.69987158227022")},
    "time": {"ms": _F(1, 1000), "s": _F(1), "min": _F(60), "h": _F(3600), "d": _F(86400), "wk": _F(604800)},
    "data": {"b": _F(1), "kb": _F(1000), "mb": _F(10**6), "gb": _F(10**9), "kib": _F(1024), "mib": _F(1024**2),
             "gib": _F(1024**3)},
    "ratio": {"1": _F(1), "%": _F(1, 100), "permille": _F(1, 1000), "bp": _F(1, 10**4)},
}  # fmt: skip
"""Factors to the unit of the quantity, exact."""

TEMPERATURES: dict[str, tuple[Fraction, Fraction]] = {
    "k": (_F(1), _F(0)),
    "c": (_F(1), _F("273.15")),
    "f": (_F(5, 9), _F("459.67") * _F(5, 9)),
}
"""Factor and offset to kelvin."""

NAMES = sorted({unit for units in UNITS.values() for unit in units} | set(TEMPERATURES))


def conversion(source: str, target: str) -> tuple[float, float]:
    """Factor and offset from one unit to the other; raises ``StepFault`` when they measure different things."""
    known, wanted = source.strip().lower(), target.strip().lower()
    for field, unit in (("from_unit", known), ("to_unit", wanted)):
        if unit not in NAMES:
            raise StepFault(field, f"{unit!r} is no unit; units are {', '.join(NAMES)}")
    if known in TEMPERATURES and wanted in TEMPERATURES:
        (factor, offset), (other, zero) = TEMPERATURES[known], TEMPERATURES[wanted]
        return float(factor / other), float((offset - zero) / other)
    for units in UNITS.values():
        if known in units and wanted in units:
            return float(units[known] / units[wanted]), 0.0
    raise StepFault("to_unit", f"{source} and {target} measure different things")
