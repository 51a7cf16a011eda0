"""Words of names and texts: how they are split, cut to their stem, abbreviated and said otherwise.

The lists hold what any business says (general English, units, roles of columns); no field of study has words here.
"""

import re
import unicodedata
from functools import lru_cache

_PIECES = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|%|[^\W\d_A-Za-z]+")

_ABBREVIATIONS = """
abs absolute|acc account accident accumulated|acct account|addr address|adj adjusted adjustment|adm administrative
admin administrator administration|agg aggregate|agmt agreement|alt altitude alternative|amt amount
approx approximate|appt appointment|apr april|assoc association|auth authority authorization
auto automobile automatic|aug august|avail available availability|avg average|bal balance|bday birthday
bldg building|br branch|brk break|cal calendar|calc calculated|cap capital capacity|cat category|categ category
cd code|cert certificate|chg change charge|chk check|cls class|clm claim|cm centimeter centimeters centimetre
cnt count|co company county|col column colour color|coll collision collection|comm commission comment commodity
comp company compensation|conf confidence confirmed|const construction constant|cont contract continued contact
coord coordinate|corp corporation|corr correlation|cov coverage covered|cr credit|ct count|ctr center contract
ctry country|cty county city|cur current currency|curr current currency|cust customer|cyl cylinder
db debit database|deduct deductible|deg degree degrees|del delivery deleted|dept department|depth depth
desc description|descr description|dest destination|dev device deviation|diff difference|dim dimension
dir direction director|disc discount|dist distance distribution district distant|div division|dmg damage|dob birth
doc document|dr driver doctor debit|drv driver|dt date|dur duration|edu education|educ education|eff effective
elev elevation|emp employee employees employment|eng engine engineering|equip equipment|err error
est estimated estimate|eval evaluation|exc excess|exp expiry expiration expected experience expense exposure
expo exposure|ext external extension|fac facility|fk key|flg flag|fmt format|fname first|freq frequency
ft feet foot|fwd forward|gen gender general|geo geographic|gov government|grp group|hdr header
hist history historical|hr hour|hrs hours|ht height|idx index|img image|inc income incident included|incl included
ind indicator index industry|info information|init initial|inj injury injured|ins insurance insured
int interest internal|inv invoice inventory|invest investment|kg kilogram kilograms
km kilometer kilometers kilometre|lab laboratory label|lat latitude|lb pound pounds|len length|lic license licence
lim limit|liab liability|lname last surname|lng longitude|loc location|lon longitude|long longitude|lvl level
mag magnitude|maint maintenance|mat material|max maximum|meas measurement measured|med median medium|memb member
mfg manufacturing|mfr manufacturer|mgmt management|mgr manager|mi mile miles|mid middle|min minimum minute minutes
misc miscellaneous|mm millimeter millimeters|mo month|mod modified model|mos months|msg message|mth month
mult multiple|nat national nature|nb number|nbr number|neg negative|net network|nm name|no number|nr number
num number|obs observation observed|occ occupation occurrence occupancy|occup occupation|op operation operator
opp opportunity|opt option|ord order|org organisation organization|orig original|own owner owned|param parameter
pay payment|pct percent percentage|perc percent|per person period|pers person personal|ph phone|pic picture
pkg package|pmt payment|pol policy|pop population|pos position|postcode postal|pref preferred preference
prem premium|prev previous|prin principal|prio priority|prob probability|proc process procedure processing
prod product production|prof profession profile professional|prop property proportion|prov province provider
proj project|pt point part|pub public|purch purchase|pwr power|qlty quality|qtr quarter|qty quantity|rcv received
rec record received|ref reference|reg region registration regional|registered|rel relation relationship
rem remaining remark|rep representative report repair|req request required
res result reserve resource resolution residence|resp response responsible|rev revenue revision review|rgn region
rpt report|rsn reason|rt rate|sal salary|sch schedule|sec second section security|seg segment|seq sequence
sess session|settl settlement|sev severity|sig signature significant|sit situation|sk key|sn serial
spec specification|sq square|src source|srv service|st state street status|stat status statistic state|std standard
stmt statement|str street|sts status|sub subscriber|subj subject|subtot subtotal|sum sum|surv survey|svc service
sys system|tel telephone|temp temperature temporary|tot total|trans transaction transmission|transp transport
trn transaction|ts timestamp|tx transaction|txn transaction|typ type|upd updated update|usr user|val value
var variable|veh vehicle|vel velocity|ver version|vh vehicle|vol volume|wk week|wt weight|yob birth year|yr year
yrs years|ytd year
""".replace("\n", "|")

_ALIKE = """
sex gender|begin start from commencement|end finish stop until expiry expiration|customer client|cost price expense
amount sum|value worth|zip postcode postal|phone telephone mobile|email mail|vehicle car automobile|country nation
employee worker staff|site location place facility|site location origin|size dimension|id identifier
identifier key code number|number count quantity|kind type category class|description details comment remark note
status state|total sum overall|percent percentage ratio share rate|occurrence event incident
reading measurement value|measured recorded observed|date day|timestamp time datetime|created opened recorded
updated modified changed|insured policyholder insuree|premium contribution|loss damage claim|salary wage pay income
height elevation altitude|supplier vendor|buyer purchaser customer|item article product|town city municipality
province state region|birth born|household home|occupation job profession|hazard risk peril|device sensor equipment
unit measure|family surname last|given first|marital civil|cause reason|depth thickness
""".replace("\n", "|")

_LINKS = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"}
)
_STOP = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "is", "it", "its", "of",
    "on", "or", "that", "the", "their", "this", "to", "was", "were", "which", "whether", "with", "used", "use",
    "term", "text", "value", "values", "describe", "describes", "represents", "represent", "indicate", "indicates",
    "whose", "who", "into", "not", "than", "then", "each", "any", "all", "can", "may", "one", "other", "such",
    "these", "those", "between", "within", "if",
})  # fmt: skip

_SUFFIXES = ("ization", "isation", "ically", "ation", "ical", "ing", "ity", "ies", "ed", "es", "ly", "al", "s")


def folded(text: str) -> str:
    """The text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The word without its ending, so that its forms are alike; short words stay."""
    if len(word) <= 3 or word.isdigit():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= (3 if suffix == "s" else 4):
            cut = word[: -len(suffix)]
            return word if suffix == "s" and cut.endswith(("s", "u", "i")) else cut.rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word


@lru_cache(maxsize=65_536)
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name as it is written in a schema: ``PathStage_pT1`` → path, stage, p, t, 1."""
    found = []
    for piece in _PIECES.findall(folded(name)):
        word = "percent" if piece == "%" else piece.lower()
        found.append(word)
    return tuple(found)


def name_stems(name: str) -> tuple[str, ...]:
    """The stems of a name's words, without those that say nothing, unless there are no others."""
    words = name_words(name)
    telling = [word for word in words if word not in _LINKS and not (word.isdigit() and len(words) > 1)]
    return tuple(stem(word) for word in (telling or words))


@lru_cache(maxsize=16_384)
def text_stems(text: str) -> tuple[str, ...]:
    """The stems of a text's words, in order, each once, without those that say nothing."""
    words = [word for word in name_words(text) if word not in _STOP and (len(word) > 1 or word.isdigit())]
    return tuple(dict.fromkeys(stem(word) for word in words))


def _groups() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    short: dict[str, set[str]] = {}
    for line in _ABBREVIATIONS.split("|"):
        word, *meanings = line.split() or [""]
        short.setdefault(stem(word), set()).update(stem(meaning) for meaning in meanings)
    alike: dict[str, set[str]] = {}
    for line in _ALIKE.split("|"):
        group = [stem(word) for word in line.split()]
        for word in group:
            alike.setdefault(word, set()).update(other for other in group if other != word)
    return (
        {word: frozenset(found) for word, found in short.items()},
        {word: frozenset(found) for word, found in alike.items()},
    )


MEANINGS, ALIKE = _groups()
"""By stem: what it may be short for, and what may be said instead."""


def is_short_for(short: str, word: str) -> bool:
    """Whether ``short`` has no vowels and its letters come in ``word`` in order, from the first: qty, quantity."""
    if not 2 <= len(short) <= 5 or len(short) >= len(word) or short[0] != word[0]:
        return False
    if any(letter in "aeiou" for letter in short[1:]):
        return False
    rest = iter(word)
    return all(letter in rest for letter in short)


def initials(words: tuple[str, ...]) -> frozenset[str]:
    """The first letters of each run of two to six words: body mass index → bm, mi, bmi."""
    letters = "".join(word[0] for word in words if word)
    return frozenset(letters[a:b] for a in range(len(letters)) for b in range(a + 2, min(a + 7, len(letters) + 1)))
