// A client made from /openapi.json, typed by it: ten operations against a running Watchbell. Ends with 0, or with what did not hold.
//
// The first argument is where Watchbell is, the second an admin's key.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
const [, , url, key] = process.argv;
if (url === undefined || key === undefined) throw new Error("usage: client.js URL KEY");

const bell = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const oncall = createClient<paths>({ baseUrl: url, headers: { Authorization: key } });

/** The answer, unless it is an error's. */
function good<T>(answered: { data?: T; error?: unknown; response: Response }): T {
  const { data, error, response } = answered;
  if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const user = good(
  await bell.POST("/api/users", {
    body: { username: "tess", firstName: "Tess", email: "tess@example.org", timezone: "Europe/Vienna", position: "SRE" },
  }),
);
check(user.email === "tess@example.org" && user.position === "SRE" && user.role === "USER", "a user");
const of = { "user-id": String(user.id) };
const emails = good(await bell.GET("/api/users/{user-id}/contacts/emails", { params: { path: of } }));
const email = emails[0];
check(email?.status === "OK", "an email contact");
const rule = good(
  await bell.POST("/api/users/{user-id}/notification-preferences/alerts", {
    params: { path: of },
    body: { method: "EMAIL", contact: { id: email?.id ?? 0 }, type: "HIGH_PRIORITY", delayMin: 0 },
  }),
);
check(rule.delayMin === 0, "a rule");
const shown = good(await bell.GET("/watchbell/v1/users/{user}", { params: { path: { user: String(user.id) } } }));
const step = good(
  await oncall.POST("/api/v1/personal_notification_rules/", {
    body: { user_id: shown.publicId, type: "notify_by_sms", important: true },
  }),
);
check(step.position === 0, "a chain");
check(good(await oncall.GET("/api/v1/schedules/")).results.length === 0, "an empty page");

const alert: components["schemas"]["AlertEvent"] = {
  type: "watchbell.events.alert",
  id: "typescript-1",
  alertId: "typescript-1",
  priority: "HIGH",
  summary: "disk full",
  responders: [user.id],
  labels: { host: "db-1", percent: 97 },
};
const explained = good(
  await bell.POST("/watchbell/v1/explain", { params: { query: { user: String(user.id) } }, body: alert }),
);
check(explained.steps.some((planned) => planned.channel === "email"), "an explanation");
const accepted = good(await bell.POST("/watchbell/v1/events", { body: alert })).events[0];
check(accepted !== undefined && accepted.planned > 0 && !accepted.duplicate, "an alert is planned");
const news: components["schemas"]["CloudEvent"] = {
  specversion: "1.0",
  id: "typescript-2",
  source: "/typescript",
  type: "watchbell.events.subscription",
  data: { title: "News", message: "There are some.", users: [user.id] },
};
check(good(await bell.POST("/watchbell/v1/events", { body: news })).events[0]?.planned === 1, "a CloudEvent is planned");
const deliveries = good(
  await bell.GET("/watchbell/v1/deliveries", { params: { query: { user: String(user.id), limit: 10 } } }),
);
check(deliveries.items.some((delivery) => delivery.alertId === alert.alertId && delivery.priority === "HIGH"), "deliveries");
const refused = await bell.POST("/watchbell/v1/events", { body: { ...news, id: "typescript-3", data: { title: "T", message: "M", users: [] } } });
check(refused.error !== undefined && refused.response.status === 400, "an event for nobody is refused");
console.log("openapi-typescript: ten operations hold");
