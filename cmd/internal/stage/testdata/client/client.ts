import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [, , base, token, account] = process.argv;
const api = createClient<paths>({ baseUrl: base + "/api/v1", headers: { Authorization: `Bearer ${token}` } });

const found = await api.GET("/subscribers", { params: { query: { q: account, limit: 10 } } });
if (found.error) throw new Error(found.error.detail);
const one = found.data.items[0];
if (!one) throw new Error("nobody found");
const note = await api.POST("/subscribers/{id}/notes", {
  params: { path: { id: one.account }, header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { text: "written by a generated client" },
});
if (note.error || note.response.status !== 202) throw new Error(JSON.stringify(note.error));
const action = await api.GET("/actions/{id}", { params: { path: { id: note.data.id } } });
if (action.error) throw new Error(action.error.detail);
const refused = await api.POST("/subscribers/{id}/extend", { params: { path: { id: one.account } }, body: { days: 366 } });
if (refused.error?.errors?.[0]?.location !== "body.days") throw new Error(JSON.stringify(refused.error));
console.log(JSON.stringify({ account: one.account, balance: one.balance.amount, action: action.data.state, suspension: one.suspension?.category ?? null }));
