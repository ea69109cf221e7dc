import type { components } from "./schema";

type Schemas = components["schemas"];

/** Types of the node's HTTP API, generated from node/api/openapi.json. */
export type Status = Schemas["Status"];
export type OrderSummary = Schemas["OrderSummary"];
export type Order = Schemas["Order"];
export type OrderPage = Schemas["OrderPage"];
export type OrderState = Schemas["OrderState"];
export type OrderVerdict = Schemas["OrderVerdict"];
export type OrderEvent = Schemas["OrderEvent"];
export type Watch = Schemas["Watch"];
export type Round = Schemas["Round"];
export type Member = Schemas["Member"];
export type Verdict = Schemas["Verdict"];
export type Output = Schemas["Output"];
export type Provider = Schemas["Provider"];
export type Model = Schemas["Model"];
export type Port = Schemas["Port"];
export type LiveEvent = Schemas["Event"];
/** What the page orders: runs of programs. */
export type NewOrder = Schemas["NewOrder"] & Required<Pick<Schemas["NewOrder"], "program" | "input">>;
export type Quote = Schemas["Quote"];
export type Preview = Schemas["Preview"];
export type History = Schemas["History"];
export type AccountRecord = Schemas["AccountRecord"];
export type Work = AccountRecord["work"][number];
export type ModelRecord = Schemas["ModelRecord"];
export type CheckRecord = Schemas["CheckRecord"];
export type Deployment = Schemas["Deployment"];
