import type { NewOrder } from "../api/types";
import { is_npy, read_npy } from "./npy";

/** What a buyer gives: as the API takes it, with a note of what it was. */
export interface Draft {
  input: NewOrder["input"];
  /** The name of the file, or "pasted". */
  label: string;
}

const kMostPicture = 8 << 20;
const kMostText = 12 << 20;
const kMostLabel = 120;

/** Reads a picture (PNG, JPEG), an array (.npy) or JSON. Throws Error, saying what is wrong and what is taken. */
export async function read_file(file: File): Promise<Draft> {
  const label = file.name.slice(0, kMostLabel) || "pasted";
  if (file.size === 0) throw new Error(`${label} is empty.`);
  if (file.size > kMostText) throw new Error(`${label} has ${file.size} bytes: at most ${kMostText}.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (is_picture(bytes)) {
    if (bytes.length > kMostPicture) throw new Error(`${label} has ${bytes.length} bytes: a picture may have ${kMostPicture}.`);
    return { input: { image: to_base64(bytes) }, label };
  }
  if (is_npy(bytes)) return { input: { input_data: [read_npy(bytes).data] }, label };
  const text = new TextDecoder().decode(bytes);
  if (/^\s*[[{]/.test(text)) return read_json(text, label);
  throw new Error(`${label} is neither a PNG, a JPEG, a .npy array nor JSON.`);
}

/** Reads {"input_data": [[…], …]}, a list of lists, or one list. Lists within a list are flattened. Throws Error. */
export function read_json(text: string, label = "pasted"): Draft {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${(error as Error).message}`);
  }
  const given: unknown = Array.isArray(value) ? value : (value as { input_data?: unknown } | null)?.input_data;
  if (!Array.isArray(given) || given.length === 0) throw new Error('A list of numbers or {"input_data": [[…]]} is expected.');
  const named = !Array.isArray(value);
  const lists: unknown[] = named || given.every(Array.isArray) ? given : [given];
  return { input: { input_data: lists.map(flatten) }, label };
}

/** What a picture is, by its first bytes. */
export function is_picture(bytes: Uint8Array): boolean {
  const starts = (...head: number[]) => head.every((byte, i) => bytes[i] === byte);
  return starts(0x89, 0x50, 0x4e, 0x47) || starts(0xff, 0xd8, 0xff);
}

function flatten(value: unknown): number[] {
  if (!Array.isArray(value)) throw new Error("Each input must be a list of numbers.");
  return value.flat(16).map((element: unknown) => {
    if (typeof element === "number" && Number.isFinite(element)) return element;
    if (typeof element === "boolean") return element ? 1 : 0;
    throw new Error(`${JSON.stringify(element)} is no number.`);
  });
}

const kChunk = 0x8000;

function to_base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += kChunk) text += String.fromCharCode(...bytes.subarray(at, at + kChunk));
  return btoa(text);
}
