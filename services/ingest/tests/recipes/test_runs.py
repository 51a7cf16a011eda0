"""Recipes through the running service: made, run, traced, undone, bound."""

import io

import grpc
import pytest
import xlsxwriter
from google.protobuf import json_format
from raia.ingest.v1 import recipe_pb2, recipe_preview_pb2, recipe_run_requests_pb2, recipe_run_service_pb2
from raia.ingest.v1 import recipe_service_pb2 as pb2

from ..rig import failure_of, wait_until
from ..rig import pb2 as datasets

CODE = grpc.StatusCode
CSV = """name,amount,when
 Ada ,"1,5",01-Feb-2024
Bob,"2,0",31-Dec-2023
broken
bob,"2,0",31-Dec-2023
Cid,,05-May-2024
Dan,x,05-May-2024
Bob,"2,0",31-Dec-2023
"""
STEPS = [
    {"normalize_text": {"columns": ["name"], "trim": True}},
    {"convert_type": {"columns": ["amount"], "to": "float", "decimal_separator": ",", "on_error": "remove_row"}},
    {"parse_dates": {"columns": ["when"], "formats": ["%d-%b-%Y"]}},
    {"fill_missing": {"columns": ["amount"], "strategy": "mean"}},
    {"deduplicate": {"ignore_case": True}},
    {"derive_column": {"column": "year", "expression": 'year("when")'}},
]


def steps(documents=STEPS):
    return [json_format.ParseDict(each, recipe_pb2.RecipeStep()) for each in documents]


def create(stubs, person, name="clean", documents=STEPS, **more):
    request = pb2.CreateRecipeRequest(name=name, steps=steps(documents), **more)
    return stubs.recipes.CreateRecipe(request, metadata=person.metadata)


def run(stubs, person, recipe, dataset, seconds=60, **more):
    request = recipe_run_service_pb2.RunRecipeRequest(recipe_id=recipe.id, dataset_id=dataset.id, **more)
    started = stubs.runs.RunRecipe(request, metadata=person.metadata)
    return ended(stubs, person, started.id, seconds)


def ended(stubs, person, run_id, seconds=60):
    watched = recipe_run_requests_pb2.WatchRecipeRunRequest(id=run_id)
    return list(stubs.runs.WatchRecipeRun(watched, metadata=person.metadata, timeout=seconds))[-1]


def rows(rig, person, dataset_id, version=0):
    request = datasets.PreviewDatasetRequest(id=dataset_id, version=version, page_size=1000)
    shown = rig.datasets.PreviewDataset(request, metadata=person.metadata)
    return [list(json_format.MessageToDict(row)) for row in shown.rows]


def test_a_run_makes_a_version_whose_rows_can_be_traced_to_records(rig, analyst, stubs):
    dataset = rig.ready(analyst, CSV, "people.csv")
    done = run(stubs, analyst, create(stubs, analyst), dataset)
    assert (done.status, done.engine, done.error) == ("succeeded", "duckdb", "")
    ledger = done.ledger
    assert (ledger.rows_read, ledger.rows_written, ledger.rows_removed) == (6, 3, 3)
    assert [(each.step, each.count) for each in ledger.removals] == [(2, 1), (5, 2)]
    assert rows(rig, analyst, done.output_dataset_id) == [
        ["Ada", 1.5, "2024-02-01", 2024], ["Bob", 2, "2023-12-31", 2023], ["Cid", 1.875, "2024-05-05", 2024],
    ]  # fmt: skip
    made = rig.get(analyst, done.output_dataset_id)
    assert (made.name, made.version, made.row_count, made.rejected_row_count) == ("people cleaned", 1, 3, 3)
    origin = json_format.MessageToDict(made.origin)
    assert (origin["kind"], origin["dataset_id"], origin["dataset_version"]) == ("recipe", dataset.id, 1)
    asked = recipe_run_requests_pb2.ListRowLineageRequest(dataset_id=made.id, page_size=2)
    first = stubs.runs.ListRowLineage(asked, metadata=analyst.metadata)
    asked.page_token = first.next_page_token
    second = stubs.runs.ListRowLineage(asked, metadata=analyst.metadata)
    found = [*first.rows, *second.rows]
    assert [(row.row, row.sources[0].row, row.sources[0].record) for row in found] == [(1, 1, 1), (2, 2, 2), (3, 4, 5)]
    assert {row.sources[0].filename for row in found} == {"people.csv"}
    assert found[0].sources[0].recipe_run_ids == [done.id]
    gone = stubs.runs.ListRemovedRows(
        recipe_run_requests_pb2.ListRemovedRowsRequest(id=done.id), metadata=analyst.metadata
    )
    assert [(row.row, row.step) for row in gone.rows] == [(3, 5), (5, 2), (6, 5)]
    assert list(gone.rows[1].values) == ["Dan", "x", "05-May-2024"]
    assert "repetition" in gone.rows[0].reason
    wait_until(lambda: not rig.rows("select 1 from outbox"))
    kinds = rig.rows("select type from raia_log.event where key = %s order by position", done.id)
    assert [kind.rpartition(".")[2] for (kind,) in kinds] == ["RecipeRunStarted", "RecipeRunEnded"]


def test_an_update_makes_a_version_and_can_be_undone(rig, analyst, stubs):
    recipe = create(stubs, analyst, "undo")
    assert (recipe.version, len(recipe.steps)) == (1, len(STEPS))
    changed = stubs.recipes.UpdateRecipe(
        pb2.UpdateRecipeRequest(id=recipe.id, steps=steps(STEPS[:2]), change_note="fewer", etag=recipe.etag),
        metadata=analyst.metadata,
    )
    assert (changed.version, len(changed.steps), changed.change_note) == (2, 2, "fewer")
    late = pb2.UpdateRecipeRequest(id=recipe.id, name="late", etag=recipe.etag)
    failure = failure_of(lambda: stubs.recipes.UpdateRecipe(late, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.ABORTED, "ETAG_MISMATCH")
    undone = stubs.recipes.RestoreRecipe(pb2.RestoreRecipeRequest(id=recipe.id), metadata=analyst.metadata)
    assert (undone.version, undone.restored_version, len(undone.steps)) == (3, 1, len(STEPS))
    old = stubs.recipes.GetRecipe(pb2.GetRecipeRequest(id=recipe.id, version=2), metadata=analyst.metadata)
    assert (old.version, old.latest_version, len(old.steps)) == (2, 3, 2)
    first = stubs.recipes.ListRecipeVersions(
        pb2.ListRecipeVersionsRequest(id=recipe.id, page_size=2), metadata=analyst.metadata
    )
    assert [each.version for each in first.recipes] == [3, 2]
    rest = stubs.recipes.ListRecipeVersions(
        pb2.ListRecipeVersionsRequest(id=recipe.id, page_size=2, page_token=first.next_page_token),
        metadata=analyst.metadata,
    )
    assert [each.version for each in rest.recipes] == [1]
    renamed = stubs.recipes.UpdateRecipe(pb2.UpdateRecipeRequest(id=recipe.id, name="other"), metadata=analyst.metadata)
    assert (renamed.name, renamed.version) == ("other", 3)
    listed = stubs.recipes.ListRecipes(pb2.ListRecipesRequest(filter='name = "other"'), metadata=analyst.metadata)
    assert [each.id for each in listed.recipes] == [recipe.id]
    stubs.recipes.DeleteRecipe(pb2.DeleteRecipeRequest(id=recipe.id), metadata=analyst.metadata)
    gone = failure_of(lambda: stubs.recipes.GetRecipe(pb2.GetRecipeRequest(id=recipe.id), metadata=analyst.metadata))
    assert gone.code is CODE.NOT_FOUND


def test_a_name_is_taken_once(rig, analyst, stubs):
    create(stubs, analyst, "taken")
    failure = failure_of(lambda: create(stubs, analyst, "taken"))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "RECIPE_NAME_TAKEN")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"filter_rows": {"expression": "amount >"}}, "a value was expected"),
        ({"derive_column": {"column": "x", "expression": "system('ls')"}}, None),
        ({"convert_unit": {"column": "amount", "from_unit": "m", "to_unit": "kg"}}, "different things"),
        ({"drop_columns": {"columns": ["nope"]}}, None),
    ],
)
def test_what_a_step_cannot_be_is_said_with_its_field(rig, analyst, stubs, document, said):
    dataset = rig.ready(analyst, "amount,other\n1,2\n", "small.csv")
    kind = next(iter(document))

    def attempt():
        return run(stubs, analyst, create(stubs, analyst, f"bad {kind} {said}", [document]), dataset)

    failure = failure_of(attempt)
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "RECIPE_INVALID")
    assert failure.metadata == {"step": "1", "kind": kind}
    assert said is None or said in failure.message


def test_a_preview_shows_what_would_change(rig, analyst, stubs):
    dataset = rig.ready(analyst, CSV, "people.csv")
    request = recipe_preview_pb2.PreviewRecipeRequest(dataset_id=dataset.id, steps=steps())
    shown = stubs.recipes.PreviewRecipe(request, metadata=analyst.metadata, timeout=60)
    assert [column.name for column in shown.columns_after] == ["name", "amount", "when", "year"]
    assert (shown.compared_row_count, shown.changed_row_count, shown.removed_row_count) == (6, 3, 3)
    first, fifth = shown.rows[0], shown.rows[4]
    assert list(first.before) == [" Ada ", "1,5", "01-Feb-2024"]
    assert list(first.after) == ["Ada", 1.5, "2024-02-01", 2024]
    assert first.changed_columns == ["name", "amount", "when"]
    assert (fifth.row, fifth.removed_by_step, len(fifth.after)) == (5, 2, 0)
    assert dict(shown.changed_cell_counts) == {"name": 1, "amount": 3, "when": 3}
    assert [(each.step, each.count) for each in shown.removals] == [(2, 1), (5, 2)]
    assert rig.rows("select count(*) from recipe where org_id = %s", analyst.org_id) == [(0,)]


def test_suggested_steps_run_as_they_are(rig, analyst, stubs):
    lines = [
        f"{n} ,{'yes' if n % 2 else 'NO'},{n % 28 + 1:02}-Mar-2024,{'€' if n % 3 else ''}{n}.5,{'x' if n % 9 else ''}"
        for n in range(200)
    ]
    dataset = rig.ready(analyst, "code,flag,day,price,kind\n" + "\n".join([*lines, *lines[:5]]), "messy.csv")
    request = recipe_preview_pb2.SuggestRecipeRequest(dataset_id=dataset.id)
    found = stubs.recipes.SuggestRecipe(request, metadata=analyst.metadata, timeout=60)
    kinds = [step.WhichOneof("step") for step in found.steps]
    assert {"convert_type", "parse_dates", "deduplicate", "fill_missing"} <= set(kinds)
    assert all(step.justification for step in found.steps)
    recipe = stubs.recipes.CreateRecipe(
        pb2.CreateRecipeRequest(name="suggested", steps=found.steps), metadata=analyst.metadata
    )
    done = run(stubs, analyst, recipe, dataset)
    assert (done.status, done.error) == ("succeeded", "")
    assert (done.ledger.rows_read, done.ledger.rows_removed) == (205, 5)
    assert rows(rig, analyst, done.output_dataset_id)[1][1:4] == [True, "2024-03-02", 1.5]


def test_a_bound_recipe_cleans_the_next_file_with_what_it_learnt_first(rig, analyst, stubs):
    dataset = rig.ready(analyst, "v\n1\n3\n", "daily.csv")
    documents = [{"scale_numbers": {"columns": ["v"], "method": "min_max"}}]
    recipe = create(stubs, analyst, "scale", documents)
    wanted = recipe_run_requests_pb2.CreateRecipeBindingRequest(recipe_id=recipe.id, dataset_id=dataset.id)
    binding = stubs.runs.CreateRecipeBinding(wanted, metadata=analyst.metadata)
    assert (binding.fitting, binding.target_name) == ("reuse", "daily cleaned")
    results = []
    for content in ("v\n0\n4\n", "v\n2\n8\n"):
        rig.ready(analyst, content, "daily.csv")
        listed = stubs.runs.ListRecipeRuns(
            recipe_run_service_pb2.ListRecipeRunsRequest(filter=f'binding_id = "{binding.id}"'),
            metadata=analyst.metadata,
        )
        done = ended(stubs, analyst, listed.recipe_runs[0].id)
        assert (done.status, done.error) == ("succeeded", "")
        results.append((done, rows(rig, analyst, done.output_dataset_id, done.output_version)))
    (first, learnt), (second, reused) = results
    assert (learnt, reused) == ([[0.0], [1.0]], [[0.5], [2.0]])
    assert (second.fitted_by_run_id, second.output_version) == (first.id, 2)
    assert second.fitted == first.fitted
    backwards = recipe_run_requests_pb2.CreateRecipeBindingRequest(
        recipe_id=recipe.id, dataset_id=first.output_dataset_id, target_name="daily"
    )
    failure = failure_of(lambda: stubs.runs.CreateRecipeBinding(backwards, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "BINDING_CYCLE")
    ended_binding = recipe_run_requests_pb2.DeleteRecipeBindingRequest(recipe_id=recipe.id, id=binding.id)
    stubs.runs.DeleteRecipeBinding(ended_binding, metadata=analyst.metadata)
    rig.ready(analyst, "v\n5\n", "daily.csv")
    left = stubs.runs.ListRecipeBindings(
        recipe_run_requests_pb2.ListRecipeBindingsRequest(recipe_id=recipe.id), metadata=analyst.metadata
    )
    assert len(left.recipe_bindings) == 0
    assert len(rig.rows("select 1 from recipe_run where org_id = %s", analyst.org_id)) == 2


def test_a_join_fails_on_keys_that_repeat_and_follows_rows_into_both_files(rig, analyst, stubs):
    prices = rig.ready(analyst, "sku,price\na,1\nb,2\n", "prices.csv")
    sales = rig.ready(analyst, "sku,n\nb,5\nc,6\na,7\n", "sales.csv")
    join = {"dataset_id": prices.id, "on": [{"left": "sku", "right": "sku"}], "kind": "inner"}
    recipe = create(stubs, analyst, "priced", [{"join_dataset": join}])
    done = run(stubs, analyst, recipe, sales)
    assert rows(rig, analyst, done.output_dataset_id) == [["b", 5, 2], ["a", 7, 1]]
    traced = stubs.runs.ListRowLineage(
        recipe_run_requests_pb2.ListRowLineageRequest(dataset_id=done.output_dataset_id), metadata=analyst.metadata
    )
    assert [[(s.filename, s.record) for s in row.sources] for row in traced.rows] == [
        [("sales.csv", 1), ("prices.csv", 2)], [("sales.csv", 3), ("prices.csv", 1)],
    ]  # fmt: skip
    rig.ready(analyst, "sku,price\na,1\na,2\n", "prices.csv")
    failed = run(stubs, analyst, recipe, sales)
    assert failed.status == "failed"
    assert "1 keys stand in several rows" in failed.error
    assert failed.joined_versions == [f"{prices.id}/2"]


def test_rows_are_traced_through_two_runs_to_the_sheet(rig, analyst, stubs):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet("Claims")
    for number, row in enumerate([("id", "paid"), (1, 5), (2, -1), (3, 7), (4, 9)]):
        sheet.write_row(number, 0, row)
    book.close()
    dataset = rig.ready(analyst, buffer.getvalue(), "claims.xlsx")
    recipe = create(stubs, analyst, "paid", [{"filter_rows": {"expression": "paid > 0"}}])
    once = run(stubs, analyst, recipe, dataset)
    again = create(stubs, analyst, "more", [{"filter_rows": {"expression": "paid > 5"}}])
    twice = run(stubs, analyst, again, rig.get(analyst, once.output_dataset_id))
    traced = stubs.runs.ListRowLineage(
        recipe_run_requests_pb2.ListRowLineageRequest(dataset_id=twice.output_dataset_id), metadata=analyst.metadata
    )
    sources = [row.sources[0] for row in traced.rows]
    assert [(each.sheet, each.record, each.filename) for each in sources] == [
        ("Claims", 3, "claims.xlsx"),
        ("Claims", 4, "claims.xlsx"),
    ]
    assert list(sources[0].recipe_run_ids) == [once.id, twice.id]


def test_a_run_is_cancelled_and_repeats_exactly(rig, analyst, stubs):
    dataset = rig.ready(analyst, "v\n" + "".join(f"{n % 7}\n" for n in range(50)), "numbers.csv")
    recipe = create(stubs, analyst, "repeat", [{"scale_numbers": {"columns": ["v"], "method": "standard"}}])
    first = run(stubs, analyst, recipe, dataset)
    again = run(stubs, analyst, recipe, dataset, fitted_by_run_id=first.id, target_name="again")
    shas = [rig.get(analyst, each.output_dataset_id).sha256 for each in (first, again)]
    assert shas[0] == shas[1]
    assert again.fitted_by_run_id == first.id
    request = recipe_run_service_pb2.RunRecipeRequest(recipe_id=recipe.id, dataset_id=dataset.id)
    started = stubs.runs.RunRecipe(request, metadata=analyst.metadata)
    cancelled = stubs.runs.CancelRecipeRun(
        recipe_run_requests_pb2.CancelRecipeRunRequest(id=started.id), metadata=analyst.metadata
    )
    assert cancelled.status in ("cancelled", "succeeded")
    assert ended(stubs, analyst, started.id).status == cancelled.status


def test_spark_that_is_not_set_up_is_said_so(rig, analyst, stubs):
    dataset = rig.ready(analyst, "v\n1\n", "tiny.csv")
    recipe = create(stubs, analyst, "spark", [{"drop_columns": {"columns": ["v"]}}])
    failure = failure_of(lambda: run(stubs, analyst, recipe, dataset, engine="spark"))
    assert failure.reason in ("SPARK_UNAVAILABLE", "RECIPE_INVALID")


def test_others_see_nothing(rig, analyst, stubs):
    stranger = rig.hire()
    dataset = rig.ready(analyst, "v\n1\n", "secret.csv")
    recipe = create(stubs, stranger, "theirs", [{"filter_rows": {"expression": "v > 0"}}])
    failure = failure_of(lambda: run(stubs, stranger, recipe, dataset))
    assert failure.code is CODE.NOT_FOUND
    viewer = rig.hire("viewer", analyst.org_id)
    denied = failure_of(lambda: create(stubs, viewer, "no"))
    assert denied.code is CODE.PERMISSION_DENIED
