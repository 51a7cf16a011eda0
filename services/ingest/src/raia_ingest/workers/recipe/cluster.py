# ruff: noqa: S608 - queries are made of aliases and compiled expressions, never of names or values from a file
"""Recipes on Spark. What happens row by row is the same SQL, run by DuckDB in Spark's workers on Arrow batches, so that
it cannot differ; what crosses rows (figures, duplicates, neighbours, joins, order) is Spark's own.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from raia_ingest.recipes.layers import layered
from raia_ingest.recipes.schema import Schema
from raia_ingest.recipes.stages import Duplicates, Fill, Lookup
from raia_ingest.workers.recipe.duck import local_query
from raia_ingest.workers.recipe.engine import REMOVED, ROW, OtherTable, Prepared, Query
from raia_ingest.workers.recipe.partition import schema_after, transform

_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
_LOCAL_OPTIONS = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
                  "spark.sql.shuffle.partitions": "4"}  # fmt: skip


def session(spark: Mapping[str, Any], folder: str) -> Any:
    """The Spark session of this process; ``spark`` has ``master``, ``options`` and ``packages`` (a folder or empty)."""
    if spark["packages"] and spark["packages"] not in sys.path:
        sys.path.append(spark["packages"])
    from pyspark.sql import SparkSession

    options = dict(_OPTIONS)
    if spark["master"].startswith("local"):
        options |= _LOCAL_OPTIONS
    options |= {
        "spark.pyspark.python": sys.executable,
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        **spark["options"],
    }
    builder = SparkSession.builder.appName("raia recipe").master(spark["master"])
    for name, value in options.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    # PySpark asks the environment for this, which is not ours to change.
    made.sparkContext.pythonExec = options["spark.pyspark.python"]
    return made


class SparkEngine:
    """A Parquet file on its way through a recipe, as a data frame with queries that are still to run on it."""

    def __init__(self, path: str, columns: Sequence[Mapping[str, Any]], folder: str, spark: Mapping[str, Any]) -> None:
        self.joined: list[str] = []
        self._folder = Path(folder)
        self._session = session(spark, folder)
        self._aliases = [f"c{position}" for position in range(len(columns))]
        self._frame = self._read(path, columns, "c")
        self._pending: list[str] = []
        self._push(f"select {ROW}, null::integer as {REMOVED}, {', '.join(self._aliases)} from s0")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.stop()

    def _read(self, path: str, columns: Sequence[Mapping[str, Any]], letter: str) -> Any:
        from pyspark.sql import functions as f

        aliases = [f"{letter}{position}" for position in range(len(columns))]
        frame = self._session.read.parquet(path).select("*", "_metadata.row_index").toDF(*aliases, "n")
        shown = [
            f.col(alias).cast("timestamp_ntz").alias(alias) if column.get("timezone") else f.col(alias)
            for alias, column in zip(aliases, columns, strict=True)
        ]
        return frame.select((f.col("n") + 1).alias(ROW), *shown)

    def _push(self, query: str) -> None:
        self._pending.append(query)

    @property
    def _view(self) -> str:
        return f"s{len(self._pending)}"

    def _run(self, frame: Any, queries: Sequence[str]) -> Any:
        """The frame after queries that each partition runs by itself."""
        from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

        before = to_arrow_schema(frame.schema)
        after = schema_after(queries, before)
        schema = from_arrow_schema(after, prefer_timestamp_ntz=True)
        return frame.mapInArrow(transform(queries, to_arrow_schema(schema)), schema)

    def _flushed(self) -> Any:
        if self._pending:
            self._frame = self._run(self._frame, self._pending)
            self._pending = []
        return self._frame

    def _kept(self) -> Any:
        """The frame as it is now, on disk: what is asked of it several times is computed once."""
        from pyspark import StorageLevel

        if self._pending:
            self._frame = self._flushed().persist(StorageLevel.DISK_ONLY)
        return self._frame

    def local(
        self, after: Schema, sets: Mapping[str, str], removals: Sequence[tuple[str, int]], prepared: Prepared
    ) -> None:
        """Makes and changes columns row by row; marks rows with the code of the first condition that they meet."""
        query, self._aliases = local_query(
            layered(self._view, prepared), self.joined, self._aliases, after, sets, removals
        )
        self._push(query)

    def count(self, condition: str, prepared: Prepared) -> tuple[int, int | None]:
        """How many rows that stay meet a condition, and the number of the first."""
        met = f"case when {REMOVED} is null and {condition} then {ROW} end"
        count, first = self._asked(met, prepared)("select count(v), min(v) from data")[0]
        return int(count), first

    def values(self, expression: str) -> Query:
        """Queries over the present values of an expression in the rows that stay."""
        return self._asked(expression, ())

    def _asked(self, expression: str, prepared: Prepared) -> Query:
        self._kept()
        present = f"(select {expression} as v from {layered('s0', prepared)} where {REMOVED} is null)"
        query = f"select v from {present} where v is not null"
        self._run(self._frame, [query]).createOrReplaceTempView("data")
        return lambda asked: [tuple(row) for row in self._session.sql(asked).collect()]

    def duplicates(self, duplicates: Duplicates, code: int) -> None:
        """Marks all but one of the rows that are equal."""
        from pyspark.sql import Window
        from pyspark.sql import functions as f

        names = [f"k{place}" for place in range(len(duplicates.keys))]
        keys = ", ".join(f"{key} as {name}" for key, name in zip(duplicates.keys, names, strict=True))
        self._push(f"select *, {keys} from {self._view}")
        order = f.col(ROW).desc() if duplicates.keep_last else f.col(ROW).asc()
        window = Window.partitionBy(f.col(REMOVED).isNull(), *names).orderBy(order)
        frame = self._flushed().withColumn("n", f.row_number().over(window))
        marked = f.when(f.col(REMOVED).isNull() & (f.col("n") > 1), f.lit(code)).otherwise(f.col(REMOVED))
        self._frame = frame.withColumn(REMOVED, marked.cast("int")).drop("n", *names)

    def fill(self, fill: Fill) -> None:
        """Adds the column in which missing values took their neighbours'."""
        from pyspark.sql import Window
        from pyspark.sql import functions as f

        frame = self._flushed()
        direction = "desc_nulls_last" if fill.backward else "asc_nulls_last"
        order = [getattr(f.col(name), direction)() for name in (fill.order, ROW) if name]
        window = Window.partitionBy(*fill.groups).orderBy(*order).rowsBetween(Window.unboundedPreceding, 0)
        donor = f.when(f.col(REMOVED).isNull(), f.col(fill.source.alias))
        filled = f.coalesce(f.col(fill.source.alias), f.last(donor, ignorenulls=True).over(window))
        self._frame = frame.withColumn(fill.target.alias, filled)
        self._aliases.append(fill.target.alias)

    def lookup(self, lookup: Lookup, table: OtherTable, code: int) -> int:
        """Adds the columns of another table; returns how many keys were met by several of its rows."""
        from pyspark.sql import Window
        from pyspark.sql import functions as f

        names = [f"k{place}" for place in range(len(lookup.keys))]
        left = ", ".join(f"{key} as {name}" for (key, _), name in zip(lookup.keys, names, strict=True))
        right = ", ".join(f"{key} as t{name}" for (_, key), name in zip(lookup.keys, names, strict=True))
        values = "".join(f", r{position} as {column.alias}" for position, column in lookup.columns)
        mark = f"_j{len(self.joined)}"
        other = self._run(
            self._read(table.path, table.columns, "r"),
            [f"select {ROW} as {mark}, {right}{values} from s0"],
        ).dropna(subset=[f"t{name}" for name in names])
        window = Window.partitionBy(*(f"t{name}" for name in names)).orderBy(mark)
        counted = other.withColumn("n", f.row_number().over(window))
        repeated = counted.where(f.col("n") == 2).count()
        self._push(f"select *, {left} from {self._view}")
        frame, once = self._flushed(), counted.where(f.col("n") == 1).drop("n")
        matches = [frame[name] == once[f"t{name}"] for name in names]
        joined = frame.join(once, on=matches, how="left").drop(*names, *(f"t{name}" for name in names))
        if lookup.required:
            lost = f.when(f.col(REMOVED).isNull() & f.col(mark).isNull(), f.lit(code)).otherwise(f.col(REMOVED))
            joined = joined.withColumn(REMOVED, lost.cast("int"))
        self._frame = joined
        self._aliases += [column.alias for _, column in lookup.columns]
        self.joined.append(mark)
        return int(repeated)

    def insist_on_order(self) -> None:
        """Nothing: rows are always sorted."""

    def output(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        """The rows that stay, in row order: columns by alias, then ``_r`` and the row numbers of joined tables."""
        from pyspark.sql import functions as f

        self._kept()
        names = [*(column.alias for column in schema.columns), ROW, *self.joined]
        return self._stored(self._frame.where(f.col(REMOVED).isNull()).select(*names).orderBy(ROW), "kept")

    def fates(self) -> Iterator[pa.RecordBatch]:
        """``_r`` and ``_x`` of the rows that go, in row order."""
        from pyspark.sql import functions as f

        gone = self._flushed().where(f.col(REMOVED).isNotNull()).select(ROW, REMOVED).orderBy(ROW)
        return self._stored(gone, "gone")

    def _stored(self, frame: Any, name: str) -> Iterator[pa.RecordBatch]:
        """The frame's rows through files: what a collection in this process could not hold."""
        folder = self._folder / name
        frame.write.parquet(str(folder))
        for part in sorted(folder.glob("part-*.parquet")):
            with pq.ParquetFile(part) as file:
                yield from file.iter_batches(batch_size=65_536)
