// How a terminal judges by the served rules: docs/protocol.md, "Law". Written from the protocol, not from the server.
import { parse } from "./cel/index.js";

const DATE = /^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$/;
const MAX_INT = 1e12;
const MAX_ITEMS = 200;
const MAX_TEXT = 200;

function value(given, kind) {
  if (kind === "codes") {
    return Array.isArray(given) ? given.slice(0, MAX_ITEMS).filter((one) => typeof one === "string") : [];
  }
  if (kind === "bool") return typeof given === "boolean" ? given : null;
  if (kind === "int") return Number.isInteger(given) && Math.abs(given) <= MAX_INT ? BigInt(given) : null;
  if (typeof given !== "string") return null;
  if (kind === "date") return DATE.test(given) ? given : null;
  return given.length <= MAX_TEXT ? given : null;
}

function part(given, fields) {
  return Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, value(given[name], kind)]));
}

const isObject = (one) => one !== null && typeof one === "object" && !Array.isArray(one);

export function complete(facts, shape) {
  const whole = {};
  for (const [name, fields] of Object.entries(shape.sections)) {
    whole[name] = part(isObject(facts[name]) ? facts[name] : {}, fields);
  }
  for (const [name, fields] of Object.entries(shape.lists)) {
    const items = Array.isArray(facts[name]) ? facts[name].slice(0, MAX_ITEMS) : [];
    whole[name] = items.filter(isObject).map((one) => part(one, fields));
  }
  return whole;
}

const inForce = (one, date) =>
  (one.valid_from === null || one.valid_from <= date) && (one.valid_to === null || date <= one.valid_to);
const toCel = (one) => (Array.isArray(one) ? one.map(toCel) : Number.isInteger(one) ? BigInt(one) : one);
const toJson = (one) => (Array.isArray(one) ? one.map(toJson) : typeof one === "bigint" ? Number(one) : one);

export class Judge {
  constructor(bundle) {
    this.bundle = bundle;
    this.compiled = bundle.rules.map((rule) => ({
      ...rule,
      conditionOf: parse(rule.condition),
      unsetOf: rule.unset === null ? null : parse(rule.unset),
      valuesOf: Object.entries(rule.values).map(([name, text]) => [name, parse(text)]),
    }));
  }

  // Everything that is in force on a date: one version of each check, one value of each parameter.
  at(date) {
    const rules = this.compiled.filter((one) => inForce(one, date));
    const p = this.bundle.parameters.filter((one) => inForce(one, date)).map((one) => [one.name, toCel(one.value)]);
    return { rules: new Map(rules.map((one) => [one.id, one])), p: Object.fromEntries(p) };
  }

  judge(facts) {
    const whole = complete(facts, this.bundle.facts);
    const act = whole.act.date ?? whole.decision.date ?? "9999-12-31";
    const earlier = this.at(act);
    const later = this.at(whole.decision.date ?? act);
    const found = [];
    for (const check of [...new Set([...earlier.rules.keys(), ...later.rules.keys()])].sort()) {
      const finding = this.ask(check, earlier, later, whole);
      if (finding) found.push(finding);
    }
    return found;
  }

  ask(check, earlier, later, whole) {
    const [old, fresh] = [earlier.rules.get(check), later.rules.get(check)];
    const byLater = fresh ? evaluate(fresh, { ...whole, p: later.p }) : null;
    if ((fresh ?? old).dated_by === "step") return byLater;
    const byAct = old ? evaluate(old, { ...whole, p: earlier.p }) : null;
    const { lighter } = fresh ?? old;
    if (lighter === "fires") return byAct ?? byLater;
    if (!byAct || !byLater) return null;
    const name = lighter.startsWith("least:") ? lighter.slice("least:".length) : null;
    return name && byLater.values[name] < byAct.values[name] ? byLater : byAct;
  }
}

function evaluate(rule, context) {
  const missing = rule.unsetOf ? rule.unsetOf(context) : "";
  if (missing) return { check: rule.id, consequence: "not_configured", values: { missing } };
  if (rule.conditionOf(context) !== true) return null;
  const values = Object.fromEntries(rule.valuesOf.map(([name, of]) => [name, toJson(of(context))]));
  return { check: rule.id, consequence: rule.consequence, values };
}
