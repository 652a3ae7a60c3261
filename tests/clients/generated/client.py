"""A client that openapi-python-client made from /openapi.json: ten operations against a running Watchbell. Ends with 0, or with
what did not hold. mypy has to find nothing in it either.

The first argument is where Watchbell is, the second an admin's key.
"""

import sys
from typing import TypeVar

from watchbell_client import AuthenticatedClient
from watchbell_client.api.contacts import get_api_users_user_id_contacts_emails as emails
from watchbell_client.api.deliveries import get_watchbell_v1_deliveries as deliveries
from watchbell_client.api.events import post_watchbell_v1_events as publish
from watchbell_client.api.events import post_watchbell_v1_explain as explain
from watchbell_client.api.keys import post_watchbell_v1_keys as make_key
from watchbell_client.api.messaging_preferences import put_v1_messaging_preferences as prefer
from watchbell_client.api.notification_preferences import (
    post_api_users_user_id_notification_preferences_alerts as make_rule,
)
from watchbell_client.api.personal_notification_rules import post_api_v1_personal_notification_rules as make_step
from watchbell_client.api.users import post_api_users as make_user
from watchbell_client.api.watchbell_users import get_watchbell_v1_users_user as show_user
from watchbell_client.models import (
    AcceptedEvents,
    AlertEvent,
    AlertEventDataPriority,
    AlertEventType,
    CloudEvent,
    CloudEventSpecversion,
    CloudEventType,
    ContactEmail,
    DeliveryPage,
    Explanation,
    KeyPost,
    KeyPostRole,
    KeyWithSecret,
    NotificationPreference,
    NotificationPreferenceAlertMethod,
    NotificationPreferenceAlertType,
    NotificationPreferencePut,
    NotificationPreferencesAlert,
    NotificationPreferencesAlertPost,
    PersonalNotificationRule,
    PersonalNotificationRulePost,
    PersonalNotificationRulePostType,
    SubscriptionEventData,
    User,
    UserPost,
    WatchbellUser,
)

T = TypeVar("T")


def of(kind: type[T], answer: object) -> T:
    """The answer, which must be of that kind and no error."""
    assert isinstance(answer, kind), answer
    return answer


def main(url: str, key: str) -> None:
    bell = AuthenticatedClient(base_url=url, token=key)
    # Grafana OnCall takes the bare token.
    oncall = AuthenticatedClient(base_url=url, token=key, prefix="")
    body = UserPost(username="pia", email="pia@example.org", timezone="Europe/Vienna", department="Ops")
    user = of(User, make_user.sync(client=bell, body=body))
    assert (user.email, user.department, user.role) == ("pia@example.org", "Ops", "USER"), user
    number = str(user.id)
    email = of(ContactEmail, of(list, emails.sync(number, client=bell))[0])
    wanted = NotificationPreferencesAlertPost(
        method=NotificationPreferenceAlertMethod.EMAIL,
        contact=ContactEmail(id=email.id),
        type_=NotificationPreferenceAlertType.HIGH_PRIORITY,
        delay_min=0,
    )
    rule = of(NotificationPreferencesAlert, make_rule.sync(number, client=bell, body=wanted))
    assert rule.delay_min == 0, rule
    shown = of(WatchbellUser, show_user.sync(number, client=bell))
    notify = PersonalNotificationRulePost(
        user_id=shown.public_id, type_=PersonalNotificationRulePostType.NOTIFY_BY_SMS, important=True
    )
    step = of(PersonalNotificationRule, make_step.sync(client=oncall, body=notify))
    assert step.position == 0, step

    alert = AlertEvent(
        id="python-1",
        type_=AlertEventType.WATCHBELL_EVENTS_ALERT,
        alert_id="python-1",
        priority=AlertEventDataPriority.HIGH,
        summary="disk full",
        responders=[user.id],
    )
    explained = of(Explanation, explain.sync(client=bell, body=alert, user=number))
    assert any(planned.channel == "email" for planned in explained.steps), explained
    accepted = of(AcceptedEvents, publish.sync(client=bell, body=alert)).events[0]
    assert accepted.planned > 0 and not accepted.duplicate, accepted
    news = CloudEvent(
        specversion=CloudEventSpecversion.VALUE_0,
        id="python-2",
        source="/python",
        type_=CloudEventType.WATCHBELL_EVENTS_SUBSCRIPTION,
        data=SubscriptionEventData(title="News", message="There are some.", users=[user.id]),
    )
    accepted = of(AcceptedEvents, publish.sync(client=bell, body=news)).events[0]
    assert accepted.planned == 1, accepted
    listed = of(DeliveryPage, deliveries.sync(client=bell, user=number, limit=10))
    assert any(delivery.alert_id == "python-1" for delivery in listed.items), listed

    own_key = KeyPost(name="pia", role=KeyPostRole.USER, user=user.id)
    made = of(KeyWithSecret, make_key.sync(client=bell, body=own_key))
    own = AuthenticatedClient(base_url=url, token=of(str, made.key))
    wish = NotificationPreferencePut(
        category="chat.mention", in_app_enabled=True, email_enabled=True, push_enabled=False
    )
    preference = of(NotificationPreference, prefer.sync(client=own, body=wish))
    assert preference.email_enabled, preference
    print("openapi-python-client: ten operations hold")


main(sys.argv[1], sys.argv[2])
