/** Debian's Chromium, driven by playwright-core, without anything that reaches out by itself. */
import { chromium } from "playwright-core";

export function open_browser() {
  return chromium.launch({
    executablePath: process.env.KOINON_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}
