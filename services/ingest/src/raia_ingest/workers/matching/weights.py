"""How much each piece of evidence counts.

Set by hand, and compared with what ``benchmarks/matching_fit.py`` fits on made tables of general business schemas; the
fitted ones rank no better. ``SHARPNESS`` and ``NO_MATCH`` were chosen so that probabilities above 0.8 are right as
often as they say there; between 0.2 and 0.8 they tend to be too low.
"""

from collections.abc import Mapping

WEIGHTS: Mapping[str, float] = {
    "name_equal": 2.0,
    "name_covered": 1.5,
    "field_covered": 1.0,
    "name_both": 3.0,
    "name_described": 2.5,
    "text_alike": 2.0,
    "description_alike": 3.0,
    "values_equal": 3.0,
    "values_alike": 2.5,
    "values_kin": 1.5,
    "values_coded": 1.0,
    "values_apart": -1.5,
    "name_valued": 4.0,
    "unit": 1.5,
    "kind": 1.2,
}
"""Added up, these give a pair's score before the table as a whole is looked at."""

NO_MATCH = 6.0
"""The score of "no match": a field must be better to be likelier."""

RIVAL = 3.0
"""Taken from a pair's score, times how much likelier another column is for the field."""

COMPANY = 3.0
"""Added to a pair's score, times how many of the other columns go into the field's entity, or near it."""

VOCABULARY = 1.0
"""Added to a pair's score, times how much the other columns' matches use the words of the field's name."""

ALIAS = 7.0
"""Added, times how alike the column is to one that was matched to the field by a person."""

REJECTED = 16.0
"""Taken, times the square of how alike the column is to one for which a person said no to the field."""

NOTHING = 14.0
"""Added to "no match", times the square of how alike the column is to one that a person left without a field."""

SHARPNESS = 1.2
"""Multiplies scores before they become probabilities, so that these say how often they are right."""
