"""Makes users and what belongs to them on the server under test, and has schemathesis send its requests with keys that are
known and, mostly, about things that are there. Unknown ids alone would test little but the 404."""

import itertools
import json
import os
import time
import urllib.request
import zlib

import schemathesis

URL = os.environ["SCHEMATHESIS_WATCHBELL_URL"]
ADMIN = os.environ["SCHEMATHESIS_WATCHBELL_KEY"]


def call(method, path, body=None, key=ADMIN, authorization=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": authorization or f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def make_user(name):
    user = call("POST", "/api/users", {"username": name, "email": f"{name}@example.org"})
    shown = call("PUT", f"/watchbell/v1/users/{user['id']}", {"externalId": f"ext-{name}"})
    return user["id"], shown["publicId"], shown["externalId"]


def make_key(name, role, **more):
    return call("POST", "/watchbell/v1/keys", {"name": name, "role": role, **more})


ANNA, ANNA_PUBLIC, ANNA_EXTERNAL = make_user("anna")
# Users that may be deleted: one in each try, until they are used up.
LEAVING = [make_user(f"leaving-{number}") for number in range(6)]

# A key may call the OnCall surface 300 times a minute, so there are many.
KEYS = itertools.cycle([make_key(f"oncall {number}", "admin")["key"] for number in range(24)])
OWN_KEYS = itertools.cycle([make_key(f"messaging {number}", "user", user=ANNA)["key"] for number in range(12)])
PAIR = make_key("notiflows", "admin", pair=True)


def seed():
    """What paths name by an id, by the part of the path that stands before it: what stays, and what may be deleted."""
    user = f"/api/users/{ANNA}"
    email = call("GET", f"{user}/contacts/emails")[0]["id"]
    phone = call("POST", f"{user}/contacts/phone-numbers", {"target": "0151 12345699", "regionCode": "DE"})["id"]
    makers = {
        "emails": lambda n: call("POST", f"{user}/contacts/emails", {"target": f"anna.{n}@example.org"}),
        # Made with a key of her own, these are still to be verified.
        "contacts": lambda n: call("POST", f"{user}/contacts/emails", {"target": f"anna.own.{n}@example.org"}, next(OWN_KEYS)),
        "phone-numbers": lambda n: call("POST", f"{user}/contacts/phone-numbers", {"target": f"0151 1234560{n}", "regionCode": "DE"}),
        "devices": lambda n: call("POST", f"/watchbell/v1/users/{ANNA}/devices", {"kind": "fcm", "token": f"seeded-device-{n}"}),
        "keys": lambda n: make_key(f"leaving {n}", "reader"),
        "personal_notification_rules": lambda n: make_wait(),
        "categories": lambda n: call("PUT", f"/watchbell/v1/categories/seeded.{n}", {"name": "Seeded"}),
    }
    for kind, fields in {
        "alerts": {"type": "HIGH_PRIORITY"},
        "duties": {"type": "ON_CALL", "beforeMin": 15},
        "updates": {"type": "ALERT_ACCEPTED"},
        "subscriptions": {},
    }.items():
        rule = {"method": "EMAIL", "contact": {"id": email}, **fields}
        makers[kind] = lambda n, kind=kind, rule=rule: call("POST", f"{user}/notification-preferences/{kind}", rule)
    names = {"categories": "handle"}
    stays = {kind: [make(n)[names.get(kind, "id")] for n in range(2)] for kind, make in makers.items()}
    leaves = {kind: [make(n)[names.get(kind, "id")] for n in range(2, 6)] for kind, make in makers.items()}
    stays["contacts"] += [email, phone]
    event("seed-1", "subscription", title="Seeded", message="To be read.", category="chat.mention", users=[ANNA])
    event("seed-2", "alert", alertId="seed", priority="HIGH", summary="Seeded", responders=[ANNA])
    event("seed-3", "alert", alertId="seed-dead", priority="HIGH", summary="Seeded", responders=[ANNA, "nobody"])
    stays["deliveries"] = ids("/watchbell/v1/deliveries", "items")
    stays["dead-letters"] = ids("/watchbell/v1/dead-letters", "items")
    stays["notifications"] = ids("/v1/messaging/notifications", "data", next(OWN_KEYS))
    return email, stays, leaves


def event(identity, kind, **data):
    call("POST", "/watchbell/v1/events", {"id": identity, "type": f"watchbell.events.{kind}", **data})


def ids(path, member, key=ADMIN):
    # What is sent arrives a moment later.
    for _ in range(100):
        found = [item["id"] for item in call("GET", path, key=key)[member]]
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing is in {path}")


def make_wait():
    wait = {"user_id": ANNA_PUBLIC, "type": "wait", "duration": 300}
    return call("POST", "/api/v1/personal_notification_rules/", wait, authorization=next(KEYS))


EMAIL, STAYS, LEAVES = seed()


def chosen(values, text):
    """Always the same one for the same case, so that a failure can be repeated."""
    return values[zlib.crc32(text.encode(errors="replace")) % len(values)]


@schemathesis.hook
def before_call(context, case, kwargs):
    is_delete = case.operation.method.upper() == "DELETE"
    for name, given in list((case.path_parameters or {}).items()):
        # A part of the requests keeps what was made up, unless what is needed for the others could be lost by it.
        if is_delete or chosen([True, True, True, False], str(given)):
            case.path_parameters[name] = real(case.operation.path, name, str(given), is_delete)
    if case.operation.path == "/watchbell/v1/dead-letters" and is_delete:
        case.query = {**(case.query or {}), "subject": "watchbell.events.duty"}
    if isinstance(case.body, dict) and chosen([True, True, True, False], repr(case.body)):
        case.body = with_real_ones(case.body)
    authenticate(case)


def real(path, name, given, is_delete):
    """Something that is there, for a parameter of a path."""
    before = path.split("{" + name + "}")[0].rstrip("/").split("/")[-1]
    if before == "users":
        # As the first of the path's parameters it is whom a DELETE is about only if nothing follows.
        goes = is_delete and path.rstrip("/").endswith("{" + name + "}") and "/topics/" not in path
        number, public, external = chosen(LEAVING, given) if goes else (ANNA, ANNA_PUBLIC, ANNA_EXTERNAL)
        return public if path.startswith("/api/v1") else external if path.startswith("/admin") else number
    if before == "notiflows":
        return "order.updated"
    known = LEAVES if is_delete else STAYS
    return chosen(known[before], given) if before in known else given


def with_real_ones(body):
    """The body, with users and contacts that are there in place of made-up ones."""
    known = {
        "user_id": ANNA_PUBLIC,
        "userId": ANNA,
        "user": ANNA,
        "actor": ANNA,
        "responders": [ANNA],
        "notify": [ANNA],
        "users": [ANNA],
        "recipients": [ANNA_EXTERNAL],
        "contact": {"id": EMAIL},
    }
    result = {name: known[name] if name in known and value is not None else value for name, value in body.items()}
    if isinstance(result.get("data"), dict):
        result["data"] = with_real_ones(result["data"])
    return result


def authenticate(case):
    path = case.operation.path
    if path.startswith("/admin"):
        case.headers["x-notiflows-api-key"] = PAIR["publicKey"]
        case.headers["x-notiflows-secret-key"] = PAIR["secretKey"]
    elif path.startswith("/api/v1/"):
        case.headers["Authorization"] = next(KEYS)
    elif path.startswith("/v1/messaging"):
        case.headers["Authorization"] = f"Bearer {next(OWN_KEYS)}"
    else:
        case.headers["Authorization"] = f"Bearer {ADMIN}"
