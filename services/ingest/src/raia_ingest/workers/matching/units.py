"""Units of measure: how names and texts tell them, and how one is turned into another."""

from dataclasses import dataclass

from raia_ingest.workers.matching.words import name_words


@dataclass(frozen=True)
class Unit:
    """A unit: value in base units = value × factor + offset."""

    name: str
    dimension: str
    factor: float
    offset: float = 0.0


_TABLE = """
mm length 0.001 millimeter millimeters millimetre millimetres
cm length 0.01 centimeter centimeters centimetre centimetres
m length 1 meter meters metre metres
km length 1000 kilometer kilometers kilometre kilometres
in length 0.0254 inch inches
ft length 0.3048 foot feet
yd length 0.9144 yard yards
mi length 1609.344 mile miles
mg mass 0.000001 milligram milligrams
g mass 0.001 gram grams gramme grammes
kg mass 1 kilogram kilograms kilo kilos
t mass 1000 ton tons tonne tonnes
lb mass 0.45359237 lbs pound pounds
oz mass 0.028349523125 ounce ounces
ms time 0.001 millisecond milliseconds
s time 1 sec secs second seconds
min time 60 mins minute minutes
h time 3600 hr hrs hour hours
d time 86400 day days
wk time 604800 week weeks
mo time 2629746 month months mth mths mos
yr time 31556952 year years yrs
ml volume 0.001 milliliter milliliters millilitre millilitres
l volume 1 liter liters litre litres
gal volume 3.785411784 gallon gallons
m3 volume 1000 cbm
m2 area 1 sqm
km2 area 1000000 sqkm
ha area 10000 hectare hectares
ac area 4046.8564224 acre acres
sqft area 0.09290304
c temperature 1 celsius centigrade degc
f temperature 0.5555555555555556 fahrenheit degf
k temperature 1 kelvin
mps speed 1
kmh speed 0.2777777777777778 kph
mph speed 0.44704
kn speed 0.5144444444444445 knot knots
pa pressure 1 pascal pascals
hpa pressure 100 mbar hectopascal
kpa pressure 1000 kilopascal
bar pressure 100000
psi pressure 6894.757293168
w power 1 watt watts
kw power 1000 kilowatt kilowatts
mw power 1000000 megawatt megawatts
hp power 745.6998715822702 horsepower
wh energy 3600
kwh energy 3600000
j energy 1 joule joules
b data 1 byte bytes
kb data 1000 kilobyte kilobytes
mb data 1000000 megabyte megabytes
gb data 1000000000 gigabyte gigabytes
fraction share 1 proportion ratio
percent share 0.01 pct percentage
permille share 0.001 promille
deg angle 1 degree degrees
rad angle 57.29577951308232 radian radians
"""
_OFFSETS = {"c": 273.15, "f": 255.3722222222222}
_MONEY_FACTORS = {"thousand": 1e3, "thousands": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9}
_TOO_SHORT = frozenset({"m", "s", "d", "h", "t", "g", "l", "c", "f", "k", "w", "b", "j", "in", "ha", "ac", "bar", "kn"})


def _units() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        name, dimension, factor, *others = line.split()
        unit = Unit(name, dimension, float(factor), _OFFSETS.get(name, 0.0))
        found.update(dict.fromkeys((name, *others), unit))
    return found


UNITS = _units()
"""Units by each of their names."""


def unit_named(name: str) -> Unit | None:
    """The unit that a schema states, such as ``km`` or ``days``; None when it is not known."""
    return UNITS.get(name.strip().lower().replace("²", "2").replace("³", "3").replace("/", "").replace("°", ""))


def unit_in_name(name: str, expected: Unit | None = None) -> tuple[Unit | None, int]:
    """The unit that ends a name (``size_cm``, ``age_in_months``, ``height (ft)``), and how many words tell it.

    Single letters (``depth_m``) are units only where one of the dimension of ``expected`` makes sense.
    """
    words = name_words(name)
    if len(words) < 2:
        return None, 0
    unit = UNITS.get(words[-1])
    if unit is None:
        return None, 0
    stated = len(words) > 2 and words[-2] == "in"
    likely = stated or name.rstrip().endswith((")", "]"))
    if words[-1] in _TOO_SHORT and not likely and (expected is None or expected.dimension != unit.dimension):
        return None, 0
    return unit, 2 if stated else 1


def unit_in_text(text: str) -> Unit | None:
    """The unit in which a description says that something is measured: "in number of days", "measured in km"."""
    words = name_words(text)
    for at, word in enumerate(words):
        if word == "in":
            for after in words[at + 1 : at + 5]:
                unit = UNITS.get(after)
                if unit is not None and after not in _TOO_SHORT:
                    return unit
    return None


def scale_in_text(text: str) -> float:
    """What values are counted in: 1000 for "in thousands of dollars"; 1 when nothing is said."""
    words = name_words(text)
    for at, word in enumerate(words):
        if word == "in":
            for after in words[at + 1 : at + 3]:
                if after in _MONEY_FACTORS:
                    return _MONEY_FACTORS[after]
    return 1.0


def converted(value: float, source: Unit, target: Unit) -> float:
    """The value in another unit of the same dimension; raises ``ValueError`` for another dimension."""
    if source.dimension != target.dimension:
        raise ValueError(f"{source.name} is a {source.dimension}, {target.name} a {target.dimension}")
    return (value * source.factor + source.offset - target.offset) / target.factor


def agreement(source: Unit | None, target: Unit | None) -> float:
    """1 for the same unit, 0.7 for another one of its dimension, -1 for another dimension, 0 when one is not known."""
    if source is None or target is None:
        return 0.0
    if source == target:
        return 1.0
    return 0.7 if source.dimension == target.dimension else -1.0
