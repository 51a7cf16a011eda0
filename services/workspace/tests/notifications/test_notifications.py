"""Notifications through the running service: events in, rpcs out."""

from uuid import uuid4

import grpc
import pytest
from raia.ingest.events.v1 import dataset_events_pb2 as ingest
from raia_kit.errors import Unavailable
from raia_kit.ids import new_id
from raia_kit.runtime import Runtime
from raia_workspace.bootstrap import build

from ..rig import failure_of, pb2, wait_until

CODE = grpc.StatusCode
TOPIC = "raia.ingest.dataset"


def ready(name="table", **values):
    return ingest.DatasetReady(dataset_id=str(uuid4()), version=1, name=name, row_count=3, column_count=2, **values)


def failed(**values):
    return ingest.DatasetFailed(dataset_id=str(uuid4()), version=1, name="table", error="the file is empty", **values)


def mark(rig, person, notification_id):
    return rig.notifications.MarkNotificationRead(
        pb2.MarkNotificationReadRequest(id=notification_id), metadata=person.metadata
    )


def delete(rig, person, notification_id):
    return rig.notifications.DeleteNotification(
        pb2.DeleteNotificationRequest(id=notification_id), metadata=person.metadata
    )


def test_whoever_uploaded_is_told(rig, analyst):
    event = ready()
    event_id = rig.publish(TOPIC, event, analyst)
    (told,) = rig.told(analyst, 1)
    assert (told.type, told.severity, told.title) == ("dataset_ready", "success", "Dataset table is ready")
    assert (told.resource_type, told.resource_id, told.event_id) == ("dataset", event.dataset_id, str(event_id))
    assert told.data["name"] == "table"
    assert not told.read
    assert not told.HasField("read_at")
    assert rig.listed(analyst).unread_count == 1


def test_the_live_event_names_the_user(rig, analyst):
    rig.publish(TOPIC, ready(), analyst)
    (told,) = rig.told(analyst, 1)
    wait_until(lambda: rig.rows("select 1 from event where key = %s", str(analyst.id)))
    ((kind, topic),) = rig.rows("select type, topic from event where key = %s", str(analyst.id))
    assert (kind, topic) == ("raia.workspace.events.v1.NotificationCreated", "raia.workspace.notification")
    assert told.id


def test_colleagues_and_other_organisations_are_not_told(rig, analyst):
    colleague, stranger = rig.hire(org_id=analyst.org_id), rig.hire()
    rig.publish(TOPIC, ready(), analyst)
    (told,) = rig.told(analyst, 1)
    for other in (colleague, stranger):
        assert list(rig.listed(other).notifications) == []
        assert rig.listed(other).unread_count == 0
        for call in (mark, delete):
            failure = failure_of(lambda call=call, other=other: call(rig, other, told.id))
            assert failure.code is CODE.NOT_FOUND
            assert told.id in failure.message
    assert rig.listed(analyst).unread_count == 1


def test_those_who_operate_are_told_of_failures_once_each(rig, analyst):
    operator, gone = rig.hire("operator", analyst.org_id), rig.hire("operator", analyst.org_id, active=False)
    elsewhere = rig.hire("operator")
    rig.publish(TOPIC, failed(), analyst)
    rig.publish(TOPIC, failed(), operator)
    assert [each.type for each in rig.told(operator, 2)] == ["dataset_failed", "dataset_failed"]
    assert len(rig.told(analyst, 1)) == 1
    assert list(rig.listed(elsewhere).notifications) == []
    assert rig.rows("select 1 from notification where user_id = %s", gone.id) == []


def test_restricted_projects_stay_hidden_from_those_who_cannot_see_them(rig, analyst):
    operator = rig.hire("operator", analyst.org_id)
    rig.publish(TOPIC, failed(project_id=rig.restrict(analyst.org_id)), analyst)
    rig.publish(TOPIC, failed(project_id=str(uuid4())), analyst)
    assert len(rig.told(analyst, 2)) == 2
    assert len(rig.told(operator, 1)) == 1


def test_an_event_that_comes_again_tells_nothing_new(rig, analyst):
    event, event_id = ready(), new_id()
    rig.publish(TOPIC, event, analyst, event_id=event_id)
    rig.publish(TOPIC, event, analyst, event_id=event_id)
    rig.publish(TOPIC, ready("last"), analyst)
    wait_until(lambda: any(each.title == "Dataset last is ready" for each in rig.listed(analyst).notifications))
    assert len(rig.listed(analyst).notifications) == 2


def test_a_consumer_that_forgot_everything_makes_no_doubles(rig, analyst):
    """The unique key holds even when inbox and positions are lost, as after a restore."""
    rig.publish(TOPIC, ready(), analyst)
    rig.told(analyst, 1)
    consumer = build(rig.settings, rig.runtime_of_another_process()).consumers[0]
    event = rig.last_event(TOPIC)
    with rig.database.unit_of_work(analyst.org_id) as unit:
        consumer.handler(unit, event)
    assert len(rig.listed(analyst).notifications) == 1


def test_unknown_and_unwanted_events_do_no_harm(rig, analyst):
    rig.publish("raia.ml.model", ingest.DatasetUploaded(dataset_id="x"), analyst)
    rig.publish(TOPIC, ingest.DatasetDeleted(dataset_id="x"), analyst)
    rig.publish(TOPIC, ready(), analyst)
    assert len(rig.told(analyst, 1)) == 1


def test_nobody_is_left_out_while_members_are_not_known_yet(rig, analyst):
    """As right after a start: the event waits until the service knows whom to tell."""
    operator = rig.hire("operator", analyst.org_id)
    other = Runtime(rig.settings)
    other.access_source = rig.everybody
    consumer = build(rig.settings, other).consumers[0]
    rig.publish(TOPIC, failed(), operator)
    rig.told(operator, 1)
    event = rig.last_event(TOPIC)
    with pytest.raises(Unavailable), rig.database.unit_of_work(analyst.org_id) as unit:
        consumer.handler(unit, event)


def test_reading_and_deleting(rig, analyst):
    for number in range(3):
        rig.publish(TOPIC, ready(f"table {number}"), analyst)
    newest, middle, oldest = rig.told(analyst, 3)
    assert [each.title[-16:] for each in (newest, oldest)] == ["table 2 is ready", "table 0 is ready"]
    first = mark(rig, analyst, middle.id)
    assert first.read
    assert mark(rig, analyst, middle.id) == first
    assert rig.listed(analyst).unread_count == 2
    assert [each.id for each in rig.listed(analyst, filter="read = true").notifications] == [middle.id]
    delete(rig, analyst, newest.id)
    assert failure_of(lambda: delete(rig, analyst, newest.id)).code is CODE.NOT_FOUND
    request = pb2.MarkAllNotificationsReadRequest()
    assert rig.notifications.MarkAllNotificationsRead(request, metadata=analyst.metadata).marked_count == 1
    assert rig.notifications.MarkAllNotificationsRead(request, metadata=analyst.metadata).marked_count == 0
    assert rig.listed(analyst).unread_count == 0


def test_pages_and_filters(rig, analyst):
    for number in range(5):
        rig.publish(TOPIC, ready(str(number)), analyst)
    whole = [each.id for each in rig.told(analyst, 5)]
    pages, token = [], ""
    while True:
        page = rig.listed(analyst, page_size=2, page_token=token)
        pages += [each.id for each in page.notifications]
        assert page.unread_count == 5
        if not (token := page.next_page_token):
            break
    assert pages == whole
    assert [each.id for each in rig.listed(analyst, order_by="created_at").notifications] == whole[::-1]
    assert len(rig.listed(analyst, filter='type = "dataset_ready" AND severity != "error"').notifications) == 5
    assert list(rig.listed(analyst, filter='type = "model_deployed"').notifications) == []
    assert failure_of(lambda: rig.listed(analyst, filter="title = 1")).reason == "INVALID_FILTER"
    other = rig.hire(org_id=analyst.org_id)
    token = rig.listed(analyst, page_size=2).next_page_token
    assert failure_of(lambda: rig.listed(other, page_size=2, page_token=token)).reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("call", [mark, delete])
def test_what_is_not_there_is_not_found(rig, analyst, call):
    assert failure_of(lambda: call(rig, analyst, str(uuid4()))).code is CODE.NOT_FOUND
