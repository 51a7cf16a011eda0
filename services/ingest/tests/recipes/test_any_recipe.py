"""Whatever the table and the steps: a run balances its ledger, or says which step does not fit."""

import datetime as dt
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_ingest.workers.recipe.run import run_recipe
from raia_kit.errors import FailedPrecondition, InvalidArgument

NAMES = ("i", "f", "s", "b", "d", "t")
KINDS = ("integer", "float", "string", "boolean", "date", "datetime")
TYPES = (pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.date32(), pa.timestamp("us"))
CELLS = (
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.one_of(st.sampled_from(["", " ", "NA", "1,5", "€2", "01.02.2024", "yes", "x\x00y"]), st.text(max_size=6)),
    st.booleans(),
    st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)),
)
ROWS = st.lists(st.tuples(*(st.none() | cell for cell in CELLS)), max_size=12)
COLUMNS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
ON_ERROR = st.sampled_from(["missing", "remove_row", "fail"])
EXPRESSIONS = st.sampled_from(
    ["i + i", "i * i > f", "f / i", "length(s) > 1", "not b", "year(d) % 4", "t > '2000-01-01'", "upper(s) || i",
     "case when b then f end", "ln(f)", "add_days(d, i)", "round(f, 3) = f", "coalesce(i, 0) % 3 = 0"]
)  # fmt: skip


def step(kind: str, **parameters: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({kind: st.fixed_dictionaries(parameters)})


STEPS = st.lists(
    st.one_of(
        step("convert_type", columns=COLUMNS, to=st.sampled_from([*KINDS, "time"]), on_error=ON_ERROR),
        step("parse_dates", columns=COLUMNS, formats=st.just(["%d.%m.%Y"]), on_error=ON_ERROR),
        step("fill_missing", columns=COLUMNS, strategy=st.sampled_from(
            ["mean", "median", "mode", "minimum", "maximum", "previous", "next", "remove_row"])),
        step("handle_outliers", columns=COLUMNS, method=st.sampled_from(
            ["iqr", "z_score", "median_deviation", "quantiles"]),
            action=st.sampled_from(["clip", "missing", "flag", "remove_row"])),
        step("normalize_text", columns=COLUMNS, trim=st.booleans(), collapse_spaces=st.just(True),
             case=st.sampled_from(["", "lower", "upper"]), missing_tokens=st.just(["na"])),
        step("deduplicate", columns=st.just([]) | COLUMNS, keep=st.sampled_from(["first", "last"]),
             ignore_case=st.booleans()),
        step("merge_rare", columns=COLUMNS, minimum_fraction=st.floats(0, 1)),
        step("encode_categories", columns=COLUMNS, method=st.sampled_from(["one_hot", "ordinal", "frequency"])),
        step("scale_numbers", columns=COLUMNS, method=st.sampled_from(
            ["standard", "min_max", "max_abs", "robust", "log"])),
        step("derive_column", column=st.sampled_from(["new", "i"]), expression=EXPRESSIONS),
        step("filter_rows", expression=EXPRESSIONS),
        step("drop_columns", columns=COLUMNS),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(ROWS, STEPS)
def test_the_ledger_balances_or_the_step_is_named(rows, steps):
    with TemporaryDirectory() as folder:
        cells = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in NAMES]
        arrays = [pa.array(values, kind) for values, kind in zip(cells, TYPES, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, names=list(NAMES)), f"{folder}/in.parquet")
        columns = [{"name": name, "type": kind} for name, kind in zip(NAMES, KINDS, strict=True)]
        try:
            found = run_recipe(
                path=f"{folder}/in.parquet", columns=columns, steps=steps, others={}, fitted=None, folder=folder,
                memory_bytes=2**28, engine="duckdb", spark={}, progress=lambda _done, _message: None,
            )  # fmt: skip
        except (InvalidArgument, FailedPrecondition) as error:
            assert error.metadata["step"] in {str(place + 1) for place in range(len(steps))}
            return
        written = pq.read_table(f"{folder}/rows.parquet")
        origins = pq.read_table(f"{folder}/lineage.parquet").column("row").to_pylist()
        gone = pq.read_table(f"{folder}/removed.parquet").column("row").to_pylist()
        assert written.num_rows == found["row_count"] == len(origins)
        assert sum(each["count"] for each in found["removed"]) == len(gone)
        assert sorted([*origins, *gone]) == list(range(1, len(rows) + 1))
        assert written.schema.names == [column["name"] for column in found["columns"]]
