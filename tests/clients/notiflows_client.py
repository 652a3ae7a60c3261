"""The PyPI package `notiflows` against Watchbell, used as its users do. Ends with 0, or with what did not hold.

CLIENTS_URL is where Watchbell is; CLIENTS_ADMIN_KEY an admin's key, for making the pair that the package takes and for looking
at what came of it.
"""

import asyncio
import functools
import inspect
import json
import os
import time
import urllib.request

import notiflows
import notiflows.resources
from notiflows import AsyncNotiflows, Notiflows

URL = os.environ["CLIENTS_URL"]
ADMIN = os.environ["CLIENTS_ADMIN_KEY"]
TYPES = {"chat", "email", "in_app", "mobile_push", "sms", "web_push"}


def watchbell(method, path, body=None):
    """A call to Watchbell's own surface."""
    headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/watchbell/v1{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def make_pair(role="admin"):
    made = watchbell("POST", "/keys", {"name": f"notiflows {role}", "role": role, "pair": True})
    assert made["publicKey"].startswith("pk_") and made["secretKey"].startswith("sk_"), "a pair"
    return {"api_key": made["publicKey"], "secret": made["secretKey"]}


def refused(kind, call):
    """What the package raises, with the details of the error."""
    try:
        call()
    except kind as error:
        details = error.body["error"]
        assert details["request_id"] == error.response.headers["x-request-id"], details
        assert details["status"] == error.status_code, details
        return details
    raise AssertionError(f"{kind.__name__} was expected")


def users(client):
    raw = client.users.with_raw_response.upsert(
        "shop-1",
        email="anna@example.org",
        phone="+4915112345678",
        first_name="Anna",
        last_name="A",
        locale="de-AT",
        timezone="Europe/Vienna",
        custom_fields={"plan": "pro", "seats": {"used": 1, "of": 5}},
        avatar="https://example.org/anna.png",
        preferences={"channel_types": {"sms": False}},
    )
    assert raw.status_code == 201 and raw.headers["x-request-id"].startswith("req_"), raw.headers
    anna = raw.parse()
    assert (anna.external_id, anna.email, anna.phone) == ("shop-1", "anna@example.org", "+4915112345678"), anna
    again = client.users.with_raw_response.upsert("shop-1", last_name="B", custom_fields={"seats": {"used": 2}})
    changed = again.parse()
    assert again.status_code == 200 and changed.id == anna.id, changed
    assert (changed.first_name, changed.last_name, changed.locale, changed.timezone) == ("Anna", "B", "de-AT", "Europe/Vienna")
    assert changed.custom_fields == {"plan": "pro", "seats": {"used": 2, "of": 5}}, changed.custom_fields
    assert client.users.retrieve("shop-1").email == "anna@example.org"
    assert changed.avatar == "https://example.org/anna.png"
    assert client.users.preferences.retrieve("shop-1").channel_types.sms is False
    for number in range(2, 8):
        client.users.upsert(f"shop-{number}")
    # The package goes from page to page by itself.
    listed = [user.external_id for user in client.users.list(limit=3)]
    assert listed == [f"shop-{number}" for number in range(7, 0, -1)], listed
    first = client.users.list(limit=3)
    assert first.has_next_page() and len(first.items) == 3
    client.users.delete("shop-7")
    error = refused(notiflows.NotFoundError, lambda: client.users.retrieve("shop-7"))
    assert (error["code"], error["message"], error["details"]) == ("not_found", "User not found", {"resource": "user", "id": "shop-7"})


def topics(client):
    of = client.users.subscriptions
    made = of.subscribe("shop-1", topic_name="orders")
    assert made == of.subscribe("shop-1", topic_name="orders") == of.retrieve("orders", user_external_id="shop-1")
    bulk = client.topics.subscriptions.subscribe_bulk("orders", user_external_ids=["shop-2", "nobody", "shop-1"])
    assert [failed.external_id for failed in bulk.failed] == ["nobody"] and made in bulk.successful, bulk
    of.subscribe("shop-1", topic_name="releases")
    assert [topic.name for topic in client.topics.list(limit=1)] == ["releases", "orders"]
    assert client.topics.retrieve("orders").created_at <= made.created_at
    assert [subscription.topic_name for subscription in of.list("shop-1", limit=1)] == ["releases", "orders"]
    members = {subscription.user_id for subscription in client.topics.subscriptions.list("orders", limit=1)}
    assert members == {client.users.retrieve(name).id for name in ("shop-1", "shop-2")}, members
    ended = client.topics.subscriptions.unsubscribe_bulk("orders", user_external_ids=["shop-2", "shop-3"])
    assert len(ended.successful) == 1 and ended.failed[0].external_id == "shop-3", ended
    of.unsubscribe("orders", user_external_id="shop-1")
    error = refused(notiflows.NotFoundError, lambda: of.retrieve("orders", user_external_id="shop-1"))
    assert error["details"] == {"resource": "subscription", "id": "orders"}, error
    client.topics.delete("orders")
    error = refused(notiflows.NotFoundError, lambda: client.topics.retrieve("orders"))
    assert error["details"] == {"resource": "topic", "id": "orders"}, error


def channel_settings(client):
    of = client.users.channel_settings
    error = refused(notiflows.NotFoundError, lambda: of.retrieve("fcm", user_external_id="shop-3"))
    assert error["details"] == {"resource": "channel settings", "id": "fcm"}, error
    made = of.update("fcm", user_external_id="shop-3", settings={"device_tokens": ["one", "two"]})
    assert (made.provider, made.settings.to_dict()) == ("fcm", {"device_tokens": ["one", "two"]}), made
    changed = of.update("fcm", user_external_id="shop-3", settings={"device_tokens": ["two"]})
    assert of.retrieve("fcm", user_external_id="shop-3") == changed
    devices = watchbell("GET", f"/users/{client.users.retrieve('shop-3').id}/devices")["items"]
    assert [device["kind"] for device in devices] == ["fcm"], devices
    slack = {"slack_channel_id": "C0123456789", "slack_user_id": "U0123456789"}
    assert of.update("slack", user_external_id="shop-3", settings=slack).settings.to_dict() == slack
    for channel in ("fcm", "slack"):
        of.delete(channel, user_external_id="shop-3")
        refused(notiflows.NotFoundError, lambda: of.retrieve(channel, user_external_id="shop-3"))


def preferences(client):
    of = client.users.preferences
    before = of.retrieve("shop-2")
    assert set(before.channel_types.to_dict()) == TYPES and all(before.channel_types.to_dict().values()), before
    handle = "order.updated"
    assert before.notiflows[handle].enabled is True and before.notiflows[handle].name, before.notiflows
    of.update("shop-2", channel_types={"email": False}, notiflows={handle: {"enabled": True, "channel_types": {"in_app": False}}})
    after = of.update("shop-2", channel_types={"sms": False})
    assert (after.channel_types.email, after.channel_types.sms, after.channel_types.chat) == (False, False, True), after
    assert after.notiflows[handle].channel_types["in_app"] is False and after.notiflows[handle].channel_types["email"] is True
    assert of.retrieve("shop-2") == after
    error = refused(notiflows.BadRequestError, lambda: of.update("shop-2", channel_types={"fax": True}))
    assert error["details"]["fields"][0]["field"] == "channel_types.fax", error


def runs(client):
    recipients = [{"external_id": "shop-1"}, {"external_id": "shop-9", "email": "nine@example.org"}]
    data = {"title": "Order 7", "message": "It was shipped."}
    key = {"Idempotency-Key": "order-7-shipped"}

    def run(**more):
        wanted = {"recipients": recipients, "data": data, "extra_headers": key, **more}
        return client.notiflows.run("order.updated", **wanted)

    made = run(actor={"external_id": "shop-3"})
    again = run(actor={"external_id": "shop-3"})
    assert made.notiflow_run_id == again.notiflow_run_id, "repeated, so the same run"
    assert client.users.retrieve("shop-9").email == "nine@example.org"
    told = watchbell("GET", f"/deliveries?event={made.notiflow_run_id}")["items"]
    assert {delivery["channel"] for delivery in told} == {"in_app"} and len(told) == 2, told
    error = refused(notiflows.ConflictError, run)
    assert error["details"] == {"idempotency_key": "order-7-shipped"}, error
    # Who has switched a notiflow's channel off is not told by it.
    quiet = client.notiflows.run("order.updated", recipients=[{"external_id": "shop-2"}], data=data)
    states = [delivery["state"] for delivery in watchbell("GET", f"/deliveries?event={quiet.notiflow_run_id}")["items"]]
    assert states == ["suppressed"], states
    watchbell("PUT", "/topics/orders/users", {"users": ["shop-4", "shop-5"]})
    assert client.notiflows.run("order.updated", topic="orders", data=data).notiflow_run_id != made.notiflow_run_id
    error = refused(notiflows.NotFoundError, lambda: client.notiflows.run("nothing", topic="orders"))
    assert error["details"] == {"resource": "notiflow", "id": "nothing"}, error
    error = refused(notiflows.BadRequestError, lambda: client.notiflows.run("order.updated", topic="orders", recipients=recipients))
    assert error["details"]["fields"][0]["field"] == "topic", error
    error = refused(notiflows.BadRequestError, lambda: client.users.list(limit=5_000))
    assert error["details"] == {"reason": "invalid_param", "param": "limit"}, error


def told(client):
    client.users.subscriptions.subscribe("shop-4", topic_name="storms")
    data = {"title": "Storm", "message": "Of force 9.", "force": 9}
    run = client.notiflows.run("order.updated", topic="storms", data=data, actor={"external_id": "shop-3"}).notiflow_run_id
    deadline = time.monotonic() + 30
    while True:
        found = [one for one in client.notifications.list(topic="storms") if one.notiflow_run_id == run]
        sent = found and list(client.notifications.list_deliveries(found[0].id, status="sent"))
        if sent:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert len(found) == 1, found
    # As it is now that its delivery has ended.
    notification = client.notifications.retrieve(found[0].id)
    assert (notification.status, notification.data, notification.topic) == ("processed", data, "storms"), notification
    assert (notification.recipient.external_id, notification.actor.external_id) == ("shop-4", "shop-3"), notification
    of = client.users.notifications
    assert of.retrieve(notification.id, user_external_id="shop-4") == notification
    assert notification in list(of.list("shop-4", limit=1, status="processed"))
    (delivery,) = sent
    assert (delivery.channel_type, delivery.notification_id, delivery.status) == ("in_app", notification.id, "sent"), delivery
    assert delivery.sent_at and delivery.data["title"] == "Storm" and delivery.notiflow_handle == "order.updated", delivery
    assert client.deliveries.retrieve(delivery.id) == delivery
    assert delivery in list(client.deliveries.list(limit=1, topic="storms"))
    of = client.users.deliveries
    assert of.retrieve(delivery.id, user_external_id="shop-4") == delivery
    assert delivery in list(of.list("shop-4", status="sent"))
    assert delivery not in list(of.list("shop-4", status="failed"))
    newest = [one.created_at for one in client.deliveries.list(limit=2)]
    assert newest == sorted(newest, reverse=True), newest
    refused(notiflows.NotFoundError, lambda: of.retrieve(delivery.id, user_external_id="shop-3"))
    error = refused(notiflows.BadRequestError, lambda: client.deliveries.list(status="gone"))
    assert error["details"] == {"reason": "invalid_param", "param": "status"}, error


def resources():
    """The package's classes whose methods call something."""
    modules = (notiflows.resources, notiflows.resources.users, notiflows.resources.topics)
    members = [member for module in modules for member in vars(module).items()]
    return {kind for name, kind in members if name.endswith("Resource") and not name.startswith("Async")}


def watch():
    """Notes from now on which methods are called, in a set that grows; and the set of all."""
    called, every = set(), set()
    for kind in resources():
        for name, method in list(vars(kind).items()):
            if not inspect.isfunction(method) or name.startswith("_"):
                continue
            full_name = f"{kind.__module__}.{kind.__name__}.{name}"
            every.add(full_name)

            @functools.wraps(method)
            def noting(self, *args, _name=full_name, _method=method, **kwargs):
                called.add(_name)
                return _method(self, *args, **kwargs)

            setattr(kind, name, noting)
    return called, every


def keys(pair):
    for wrong in ({**pair, "secret": "sk_wrong"}, {**pair, "api_key": "pk_wrong"}):
        client = Notiflows(base_url=f"{URL}/admin/v1", max_retries=0, **wrong)
        assert refused(notiflows.AuthenticationError, lambda: client.users.retrieve("shop-1"))["code"] == "unauthenticated"
    reader = Notiflows(base_url=f"{URL}/admin/v1", max_retries=0, **make_pair("reader"))
    assert reader.users.retrieve("shop-1").external_id == "shop-1"
    error = refused(notiflows.PermissionDeniedError, lambda: reader.users.upsert("shop-1", first_name="X"))
    assert error["details"] == {"required_scope": "users:write"}, error


async def asynchronous(pair):
    async with AsyncNotiflows(base_url=f"{URL}/admin", max_retries=0, **pair) as client:
        user = await client.users.upsert("async-1", first_name="A")
        assert (await client.users.retrieve("async-1")).id == user.id
        assert (await client.notiflows.run("order.updated", recipients=[{"external_id": "async-1"}])).notiflow_run_id


def main():
    pair = make_pair()
    # What the package is given instead of the original's address; every answer must have the declared form.
    client = Notiflows(base_url=f"{URL}/admin/v1", max_retries=0, _strict_response_validation=True, **pair)
    called, every = watch()
    users(client)
    topics(client)
    channel_settings(client)
    preferences(client)
    runs(client)
    told(client)
    assert called == every, f"not driven: {every - called}"
    keys(pair)
    asyncio.run(asynchronous(pair))
    print(f"notiflows {notiflows.__version__}: all of its {len(every)} methods hold")


main()
