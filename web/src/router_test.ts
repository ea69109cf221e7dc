import { expect, it } from "vitest";
import { parse_route } from "./router";

it.each([
  ["", { page: "overview" }],
  ["#/", { page: "overview" }],
  ["#/orders/12", { page: "order", id: "12" }],
  ["#/providers", { page: "providers", account: null }],
  ["#/providers/7", { page: "providers", account: 7 }],
  ["#/models", { page: "models" }],
  ["#/words", { page: "words" }],
  ["#/account", { page: "account" }],
  ["#/new", { page: "new", program: null }],
  [`#/new/0x${"a1".repeat(32)}`, { page: "new", program: `0x${"a1".repeat(32)}` }],
  ["#/new/0x12", { page: "missing" }],
  ["#/orders/../../etc", { page: "missing" }],
  ["#/orders/%2e%2e", { page: "missing" }],
  ["#/orders/12?x=<script>", { page: "missing" }],
  ["#/providers/0", { page: "missing" }],
  ["#/providers/99999999999", { page: "missing" }],
  ["#/nothing", { page: "missing" }],
])("reads %s", (hash, route) => expect(parse_route(hash)).toEqual(route));
