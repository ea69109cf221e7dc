import { formatUnits } from "viem/utils";

/**
 * Wei as a decimal number of tokens: grouped whole part, at most seven significant digits when there is a part after the point.
 * The digits shown are the amount's own, never rounded; "…" behind them says that more follow.
 */
export function tokens(wei: string, decimals: number): string {
  const [whole = "0", fraction = ""] = formatUnits(BigInt(wei), decimals).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const zeros = fraction.length - fraction.replace(/^0+/, "").length;
  const keep = whole === "0" ? zeros + 7 : Math.max(2, 7 - whole.length);
  const more = fraction.length > keep ? "…" : "";
  return fraction ? `${grouped}.${fraction.slice(0, keep)}${more}` : grouped;
}

/** The same for means: "≈ 0.001755", four significant digits, rounded half up; exact amounts as they are. */
export function about_tokens(wei: string, decimals: number): string {
  const drop = Math.max(0, wei.length - 4);
  const unit = 10n ** BigInt(drop);
  const rounded = ((BigInt(wei) + unit / 2n) / unit) * unit;
  return `${rounded === BigInt(wei) ? "" : "≈ "}${tokens(rounded.toString(), decimals)}`;
}

/** "0x12ab…89ef": the ends of a hash or address. */
export function short_hex(hex: string, ends = 4): string {
  return hex.length <= 2 * ends + 4 ? hex : `${hex.slice(0, 2 + ends)}…${hex.slice(-ends)}`;
}

/** How long ago, in words: "now", "12 s ago", "3 min ago", "5 h ago", "2 d ago". A future time is "now". */
export function ago(at_ms: number, now_ms: number): string {
  const seconds = Math.floor((now_ms - at_ms) / 1000);
  return seconds < 1 ? "now" : `${span(seconds)} ago`;
}

/** A number of seconds in its largest unit. */
export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Local date and time to the second. */
export function moment(at_ms: number): string {
  return new Date(at_ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
}

/** Local time of day to the second. */
export function clock_time(at_ms: number): string {
  return new Date(at_ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

/** Bytes with a binary unit: "812 B", "1.5 KiB", "42 MiB". */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/**
 * A share in percent: whole numbers, one decimal below 10 and above 99. "0 %" and "100 %" stand for exactly that: 0.0004 is
 * "< 0.1 %", 0.99999 is "99.9 %". The node and the command line write shares by the same rule.
 */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return "0 %";
  if (value < 0.1) return "< 0.1 %";
  const fine = value < 10 || (value > 99 && value < 100);
  return `${fine ? Math.min(99.9, Math.round(value * 10) / 10) : Math.round(value)} %`;
}

/** "1 provider", "3 providers". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** part / whole in 0..1, exact enough for a bar; 0 when whole is 0. */
export function share(part: string, whole: string): number {
  const all = BigInt(whole);
  return all === 0n ? 0 : Number((BigInt(part) * 10_000n) / all) / 10_000;
}

/** Milliseconds between two blocks, which know whole seconds, for people: "< 1 s", "12 s", "3 min 5 s". */
export function seconds_of(ms: number): string {
  return ms < 1_000 ? "< 1 s" : long_span(Math.round(ms / 1000));
}

/** A number of seconds in its two largest units: "45 s", "4 min 10 s", "2 h 5 min". */
export function long_span(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}
