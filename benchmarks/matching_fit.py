"""Fits the weights of schema matching on made tables: ``python benchmarks/matching_fit.py`` prints them.

Columns are made of the fields of general business schemas: names abbreviated, reordered, said otherwise or taken from
descriptions, values in other cases and codes. Columns of other schemas stand between them, which match nothing. The
field of a column, or "no match", is chosen by a conditional logit over all fields of its schema; the weights are its
maximum of likelihood with a pull towards those that are there. No labelled table of a benchmark is looked at.
"""

import argparse
import random
from collections.abc import Sequence

import numpy as np
from raia_ingest.target_schemas.service import built_in
from raia_ingest.workers.matching import weights
from raia_ingest.workers.matching.evidence import EVIDENCE, Evidence, Schema
from raia_ingest.workers.matching.model import Kind, SourceColumn, TargetField
from raia_ingest.workers.matching.schema_import import parse_schema
from raia_ingest.workers.matching.words import ALIKE, MEANINGS, name_words, stem
from scipy.optimize import minimize

PULL = 0.02
"""How strongly weights are held to those that are there, for each column."""

SCHEMAS = (
    """entity,field,type,description,values,unit
ORDERS,order_number,string,Identifier of the order,,
ORDERS,order_date,date,Day on which the customer placed the order,,
ORDERS,delivery_date,date,Day on which the goods arrived at the customer,,
ORDERS,payment_method,string,How the order was paid,card|cash|transfer|invoice,
ORDERS,order_status,string,State of the order,open|shipped|delivered|cancelled|returned,
ORDERS,shipping_country,string,Country to which the goods are sent,Germany|France|Spain|Italy|Austria|Poland,
ORDERS,total_amount,float,Sum of all lines including tax,,
ORDERS,discount_rate,float,Share by which the price is reduced,,percent
PRODUCTS,product_code,string,Code of the article,,
PRODUCTS,product_name,string,What the article is called,,
PRODUCTS,product_category,string,Group of articles,clothing|furniture|electronics|toys|food,
PRODUCTS,unit_price,float,Price of one piece before tax,,
PRODUCTS,stock_quantity,integer,Number of pieces in the warehouse,,
PRODUCTS,reorder_level,integer,Number of pieces at which new ones are bought,,
PRODUCTS,package_weight,float,Weight of the parcel,,kg
PRODUCTS,package_length,float,Longest side of the parcel measured in centimeters,,cm
CUSTOMERS,customer_number,string,Identifier of the customer,,
CUSTOMERS,loyalty_level,string,Standing of the customer,bronze|silver|gold|platinum,
CUSTOMERS,newsletter_consent,boolean,Whether the customer agreed to be written to,yes|no,
CUSTOMERS,registration_date,date,Day on which the account was opened,,
""",
    """entity,field,type,description,values,unit
,employee_number,string,Number by which the company knows the person,,
,family_name,string,Surname of the person,,
,given_name,string,First name of the person,,
,date_of_birth,date,Day on which the person was born,,
,gender,string,Sex of the person,female|male|diverse,
,marital_status,string,Whether the person is married,single|married|divorced|widowed,
,hire_date,date,First day of work,,
,termination_date,date,Last day of work,,
,termination_reason,string,Why the person left,resignation|retirement|dismissal|end of contract,
,department,string,Part of the company,sales|finance|production|research|personnel,
,job_title,string,Position of the person,,
,education_level,string,Highest degree,primary|secondary|bachelor|master|doctorate,
,annual_salary,float,Pay of a year before tax,,
,weekly_hours,float,Working time agreed in hours per week,,hours
,vacation_days,integer,Days of leave in a year,,days
,performance_rating,string,Judgement of the last review,poor|fair|good|excellent,
,years_of_service,float,Time since the first day of work in years,,years
,commute_distance,float,Way to work measured in kilometers,,km
,absence_days,integer,Number of days absent in the year,,days
,manager_number,string,Number of the person's superior,,
,contract_type,string,Kind of employment,permanent|temporary|internship|freelance,
,overtime_allowed,boolean,Indicates whether overtime is permitted,yes|no,
""",
    """entity,field,type,description,values,unit
ACCOUNTS,account_number,string,Number of the bank account,,
ACCOUNTS,account_type,string,Kind of account,checking|savings|deposit|credit,
ACCOUNTS,opening_date,date,Day on which the account was opened,,
ACCOUNTS,balance,float,Money on the account at the end of the day,,
ACCOUNTS,interest_rate,float,Interest paid in a year,,percent
ACCOUNTS,branch_city,string,City of the branch that keeps the account,,
LOANS,loan_number,string,Number of the loan,,
LOANS,loan_purpose,string,What the money is used for,car|house|furniture|education|business|holiday,
LOANS,credit_amount,float,Money that was lent,,
LOANS,loan_duration,integer,Time until the loan is paid back in number of months,,months
LOANS,installment_rate,float,Installment as a share of the income,,percent
LOANS,employment_duration,string,Since when the borrower has the job,none|under a year|one to four years|longer,
LOANS,housing,string,How the borrower lives,rent|own|free,
LOANS,default_flag,boolean,Whether the loan was not paid back,yes|no,
LOANS,risk_grade,string,Grade of the borrower,A|B|C|D|E,
TRANSFERS,transfer_id,string,Identifier of the transfer,,
TRANSFERS,booking_date,date,Day on which the money moved,,
TRANSFERS,currency,string,Currency of the transfer,EUR|USD|GBP|CHF|JPY,
TRANSFERS,counterparty_country,string,Country of the other bank,,
TRANSFERS,purpose_text,string,What the transfer is for in words,,
""",
    """entity,field,type,description,values,unit
,shipment_number,string,Identifier of the shipment,,
,carrier,string,Company that carries the goods,DHL|UPS|FedEx|DPD|GLS,
,transport_mode,string,How the goods are carried,road|rail|sea|air,
,origin_port,string,Port where the goods are loaded,,
,destination_port,string,Port where the goods are unloaded,,
,departure_time,datetime,Moment at which the vehicle left,,
,arrival_time,datetime,Moment at which the vehicle arrived,,
,planned_arrival_time,datetime,Moment at which the vehicle should arrive,,
,gross_weight,float,Weight with package,,kg
,net_weight,float,Weight without package,,kg
,volume,float,Room that the goods take,,m3
,temperature_minimum,float,Lowest temperature on the way,,c
,temperature_maximum,float,Highest temperature on the way,,c
,customs_status,string,State at customs,pending|cleared|held|rejected,
,hazard_class,string,Class of dangerous goods,explosive|flammable|toxic|corrosive|none,
,container_type,string,Kind of container,dry|reefer|tank|open top,
,fuel_consumption,float,Fuel used on the way,,liters
,freight_cost,float,Price of the transport,,
,delay_reason,string,Why the shipment was late,weather|strike|accident|customs|breakdown,
,signature_received,boolean,Whether the receiver has signed,yes|no,
,driver_age_at_start,float,Age of the driver when the trip began in years,,years
,vehicle_registration_country,string,Country where the vehicle is registered,Germany|France|Poland|Spain|Italy,
""",
    """entity,field,type,description,values,unit
,meter_id,string,Identifier of the meter,,
,building_type,string,Use of the building,residential|office|retail|industrial|school,
,construction_year,integer,Year in which the building was finished,,
,floor_area,float,Heated area of the building,,m2
,heating_system,string,How the building is heated,gas|oil|district heating|heat pump|wood,
,insulation_grade,string,Grade of the insulation,A|B|C|D|E|F|G,
,energy_consumption,float,Energy used in the period,,kwh
,peak_power,float,Highest power in the period,,kw
,outdoor_temperature,float,Temperature outside,,c
,indoor_temperature,float,Temperature inside,,c
,relative_humidity,float,Humidity of the air inside,,percent
,wind_speed,float,Speed of the wind,,mps
,wind_direction,string,Where the wind comes from,north|east|south|west,
,reading_time,datetime,Moment of the reading,,
,tariff,string,Price model of the customer,fixed|variable|night|industrial,
,price_per_unit,float,Price of a kilowatt hour,,
,occupancy_count,integer,Number of people in the building,,
,maintenance_date,date,Day of the last maintenance,,
,alarm_type,string,Kind of the last alarm,leak|overheat|offline|tamper,
,sensor_status,string,Whether the sensor works,ok|warning|failure,
,latitude,float,Latitude of the building,,degrees
,longitude,float,Longitude of the building,,degrees
,age_at_renovation,float,Age of the building when it was renovated,,years
,age_at_sale,float,Age of the building when it was last sold,,years
""",
)


def schemas() -> list[list[TargetField]]:
    """The fields of the schemas that columns are made of."""
    found = [parse_schema("csv", text, "")["entities"] for text in SCHEMAS]
    _, _, entities = built_in()
    found.append([entity.document() for entity in entities])
    return [
        [
            TargetField(
                entity["name"] if entity["name"] != "record" else "",
                field["name"],
                type="" if field.get("type") == "string" else str(field.get("type", "")),
                description=str(field.get("description", "")),
                values=tuple(each["value"] for each in field.get("values", ())),
                unit=str(field.get("unit", "")),
                key=bool(field.get("key")),
                references=str(field.get("references", "")),
            )
            for entity in each
            for field in entity["fields"]
        ]
        for each in found
    ]


_SHORT = {meaning: [word for word, meanings in MEANINGS.items() if meaning in meanings] for meaning in
          {meaning for meanings in MEANINGS.values() for meaning in meanings}}  # fmt: skip


def renamed(field: TargetField, chance: random.Random) -> str:
    """A name that somebody else may have given the field."""
    words = list(name_words(field.name))
    told = [word for word in name_words(field.description) if len(word) > 3]
    roll = chance.random()
    if roll < 0.12 and told:
        words = chance.sample(told, min(len(told), chance.randint(1, 3)))
    elif roll < 0.3 and len(words) > 1:
        words.remove(chance.choice(words))
    elif roll < 0.4 and told:
        words.insert(chance.randint(0, len(words)), chance.choice(told))
    if field.entity and chance.random() < 0.25:
        words = [*name_words(field.entity.rstrip("S")), *words]
    if chance.random() < 0.15:
        chance.shuffle(words)
    words = [_word(word, chance) for word in words]
    if field.unit and chance.random() < 0.3:
        words.append(field.unit)
    if chance.random() < 0.1:
        words.append(chance.choice(["1", "2", "new", "flag", "code", "info", "x"]))
    style = chance.random()
    if style < 0.3:
        return "".join(word.capitalize() for word in words)
    return chance.choice(["_", "_", ".", " ", "-"]).join(word.upper() if style < 0.45 else word for word in words)


def _word(word: str, chance: random.Random) -> str:
    roll = chance.random()
    if roll < 0.55:
        return word
    if roll < 0.65 and ALIKE.get(stem(word)):
        return chance.choice(sorted(ALIKE[stem(word)]))
    if roll < 0.78 and _SHORT.get(stem(word)):
        return chance.choice(sorted(_SHORT[stem(word)]))
    if roll < 0.9 and len(word) > 5:
        return word[: chance.randint(3, 5)]
    return word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou") if len(word) > 4 else word


def column_of(field: TargetField, chance: random.Random) -> SourceColumn:
    """A column with values as the field has them."""
    rows, name = 200, renamed(field, chance)
    if field.values:
        values = _labels(field.values, chance)
        counts = [(value, max(1, int(rows / (at + 1) / len(values)))) for at, value in enumerate(values)]
        return SourceColumn(
            name, values=tuple(counts), rows=rows, present=rows, distinct=len(values),
            numeric=0.0, mean_length=sum(map(len, values)) / len(values),
        )  # fmt: skip
    kind = field.kind
    if kind is Kind.NUMBER:
        numbers = [str(round(chance.uniform(0, chance.choice([1, 100, 10_000])), 2)) for _ in range(60)]
        return SourceColumn(
            name, "float", values=tuple((each, 1) for each in numbers), rows=rows, present=rows, distinct=rows,
            numeric=1.0, minimum=0.0, maximum=10_000.0, mean_length=5.0,
        )  # fmt: skip
    if kind is Kind.TIME:
        days = tuple((f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}", 2) for n in range(60))
        return SourceColumn(name, "date", values=days, rows=rows, present=rows, distinct=60, mean_length=10.0)
    if kind is Kind.FLAG:
        pair = chance.choice([("yes", "no"), ("Y", "N"), ("true", "false"), ("0", "1")])
        flags = tuple((each, 100) for each in pair)
        numeric = 1.0 if pair[0] == "0" else 0.0
        return SourceColumn(name, values=flags, rows=rows, present=rows, distinct=2, numeric=numeric, mean_length=2.0)
    if kind is Kind.IDENTIFIER:
        codes = tuple((f"{chance.choice('ABCX')}{chance.randint(1000, 9999)}", 1) for _ in range(60))
        return SourceColumn(name, values=codes, rows=rows, present=rows, distinct=rows, mean_length=5.0)
    texts = tuple((f"text {chance.randint(0, 999)} {chance.choice(['alpha', 'beta', 'gamma'])}", 1) for _ in range(60))
    return SourceColumn(name, values=texts, rows=rows, present=rows, distinct=rows, mean_length=12.0)


def _labels(values: Sequence[str], chance: random.Random) -> list[str]:
    """Some of a field's values as another source spells them; now and then quite other ones."""
    chosen = chance.sample(list(values), min(len(values), chance.randint(1, max(1, len(values)))))
    roll = chance.random()
    if roll < 0.2:
        return [value.upper() for value in chosen]
    if roll < 0.35:
        return [value[: chance.choice([1, 2, 3])] for value in chosen]
    if roll < 0.5:
        return [f"{chance.choice('abcp')}{value}" for value in chosen]
    if roll < 0.6:
        return [f"{value} {chance.choice(['type', 'class', 'group'])}" for value in chosen]
    if roll < 0.75:
        return [f"other {n} {chance.choice(['red', 'blue', 'grey'])}" for n in range(3)]
    return [*chosen, "unknown"][: len(values)] if roll < 0.85 else chosen


def tasks(count: int, seed: int) -> list[tuple[Schema, list[SourceColumn], list[int]]]:
    """Tables: schema, columns, and the place of each column's field (-1 for "no match")."""
    chance = random.Random(seed)
    prepared = [(Schema(fields), fields) for fields in schemas()]
    found = []
    for number in range(count):
        at = number % len(prepared)
        schema, fields = prepared[at]
        own = chance.sample(range(len(fields)), min(len(fields), chance.randint(4, 16)))
        others = [field for place, (_, each) in enumerate(prepared) if place != at for field in each]
        strange = chance.sample(others, chance.randint(1, 16))
        known = {field.name for field in fields}
        columns = [column_of(fields[place], chance) for place in own]
        columns += [column_of(field, chance) for field in strange if field.name not in known]
        truth = [*own, *([-1] * (len(columns) - len(own)))]
        found.append((schema, columns, truth))
    return found


def fitted(made: Sequence[tuple[Schema, list[SourceColumn], list[int]]]) -> tuple[dict[str, float], float]:
    """Weights and the score of "no match"."""
    told = [(Evidence(columns, schema).stacked(), truth) for schema, columns, truth in made]
    start = np.array([*(weights.WEIGHTS[name] for name in EVIDENCE), weights.NO_MATCH])
    total = sum(len(truth) for _, truth in told)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        gradient, lost = np.zeros_like(values), 0.0
        for evidence, truth in told:
            scores = np.concatenate([evidence @ values[:-1], np.full((len(truth), 1), values[-1])], axis=1)
            scores -= scores.max(axis=1, keepdims=True)
            chances = np.exp(scores)
            chances /= chances.sum(axis=1, keepdims=True)
            chosen = np.array([place if place >= 0 else scores.shape[1] - 1 for place in truth])
            lost -= float(np.log(np.maximum(chances[np.arange(len(truth)), chosen], 1e-12)).sum())
            chances[np.arange(len(truth)), chosen] -= 1
            gradient[:-1] += np.einsum("cf,cfe->e", chances[:, :-1], evidence)
            gradient[-1] += chances[:, -1].sum()
        away = values - start
        return lost / total + PULL * float(away @ away), gradient / total + 2 * PULL * away

    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    print(f"loss {loss(start)[0]:.4f} -> {best.fun:.4f} over {total} columns")
    return dict(zip(EVIDENCE, best.x[:-1], strict=True)), float(best.x[-1])


def main() -> None:
    """Prints the fitted weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    found, no_match = fitted(tasks(chosen.tables, chosen.seed))
    for name, value in found.items():
        print(f'    "{name}": {value:.2f},')
    print(f"NO_MATCH = {no_match:.2f}")


if __name__ == "__main__":
    main()
