"""Chooses among the 8-bit encodings of Latin scripts by the letters that languages really use."""

import re

_SETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "cp1252",
        (
            "àâæçéèêëîïôœùûüÿ",  # French
            "äöüß",  # German
            "áéíñóúü",  # Spanish
            "ãâáàçéêíóôõú",  # Portuguese
            "àèéìîòóù",  # Italian
            "åäöéæø",  # Nordic
            "áéíóúýþæöð",  # Icelandic
        ),
    ),
    (
        "cp1250",
        (
            "ąćęłńóśźż",  # Polish
            "áčďéěíňóřšťúůýž",  # Czech
            "áäčďéíĺľňóôŕšťúýž",  # Slovak
            "áéíóöőúüű",  # Hungarian
            "ăâîşţ",  # Romanian
            "čćđšž",  # Croatian, Slovene
        ),
    ),
    ("cp1254", ("çğıöşüâî",)),  # Turkish
    ("cp1257", ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž")),  # Lithuanian, Latvian, Estonian
    ("iso8859_2", ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű")),
    ("cp850", ("àâæçéèêëîïôùûüÿ", "äöüß", "áéíñóúü", "åäöéæø")),
    ("mac_roman", ("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíñóúü", "åäöéæø")),
)
_PUNCTUATION = "€‘’“”„–—…«»°§£²³µ¿¡©®™ªº×·½¼¾±\xa0"
_WORD = re.compile(rb"[A-Za-z\x80-\xff]{3,}")


def is_latin(sample: bytes) -> bool:
    """True unless the words with bytes above 127 consist mostly of such bytes, as those of other scripts do."""
    words = [word for word in _WORD.findall(sample) if not word.isascii()]
    total = sum(map(len, words))
    above = sum(len(word.translate(None, bytes(range(128)))) for word in words)
    return above <= 0.6 * total


def best_latin(sample: bytes) -> str:
    """The encoding in which the bytes above 127 read most like one language; cp1252 or latin-1 when none stands out."""
    best, best_score = "latin-1", float("-inf")
    for codec, alphabets in _SETS:
        try:
            text = sample.decode(codec)
        except UnicodeDecodeError:
            continue
        score = max(_score(text, frozenset(alphabet + alphabet.upper() + "İ")) for alphabet in alphabets)
        if score > best_score:
            best, best_score = codec, score
    return best


def _score(text: str, alphabet: frozenset[str]) -> float:
    score = 0.0
    for match in re.finditer(r"[^\x00-\x7f]", text):
        character = match.group()
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        if character in alphabet:
            # A letter after a digit, or a capital inside a word written small, is the mark of a wrong guess.
            odd = before.isdigit() or (character.isupper() and before.islower())
            score += -1.0 if odd else 1.0
        elif character.isalpha():
            score -= 0.5
        elif before.isalpha() and after.isalpha() and character not in "’·":
            score -= 2.0
        else:
            score += 0.5 if character in _PUNCTUATION and not after.isalpha() else -1.0
    return score
