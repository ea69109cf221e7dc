import { describe, expect, it } from "vitest";
import { read_file, read_json } from "./input";
import { read_npy } from "./npy";

function npy(descr: string, shape: string, data: ArrayBuffer, fortran = "False"): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }\n`;
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set([...header].map((c) => c.charCodeAt(0)), 10);
  bytes.set(new Uint8Array(data), 10 + header.length);
  return bytes;
}

describe("read_npy", () => {
  it("reads floats and integers in C order", () => {
    expect(read_npy(npy("<f4", "2, 2", new Float32Array([1, -2.5, 0, 4]).buffer))).toEqual({ shape: [2, 2], data: [1, -2.5, 0, 4] });
    expect(read_npy(npy("|u1", "3,", new Uint8Array([0, 7, 255]).buffer)).data).toEqual([0, 7, 255]);
    expect(read_npy(npy("<i8", "1,", new BigInt64Array([-5n]).buffer)).data).toEqual([-5]);
  });
  it.each([
    ["cut off", npy("<f4", "4,", new Float32Array(3).buffer), /12 bytes of data: 16 expected/],
    ["big-endian", npy(">f4", "1,", new Float32Array(1).buffer), /big-endian/],
    ["of Fortran order", npy("<f4", "1,", new Float32Array(1).buffer, "True"), /Fortran/],
    ["of complex numbers", npy("<c8", "1,", new Float32Array(2).buffer), /type c8/],
    ["without a shape", npy("<f4", "x", new Float32Array(1).buffer), /header/],
    ["huge", npy("<f4", "99999, 99999", new ArrayBuffer(0)), /at most/],
    ["with a value that is no number", npy("<f4", "1,", new Float32Array([Number.NaN]).buffer), /no finite/],
    ["something else", new Uint8Array(40), /no .npy file/],
  ])("refuses an array %s", (_, bytes, message) => expect(() => read_npy(bytes)).toThrow(message));
  it("refuses every file that is cut off", () => {
    const whole = npy("<f4", "2,", new Float32Array([1, 2]).buffer);
    for (let length = 0; length < whole.length; length += 1) expect(() => read_npy(whole.slice(0, length))).toThrow();
  });
});

describe("read_json", () => {
  it("takes the API's own form, nested lists and one list", () => {
    expect(read_json('{"input_data": [[[1, 2], [3, 4]], [5]]}').input).toEqual({ input_data: [[1, 2, 3, 4], [5]] });
    expect(read_json("[1, 2.5, true]").input).toEqual({ input_data: [[1, 2.5, 1]] });
    expect(read_json("[[1], [2]]").input).toEqual({ input_data: [[1], [2]] });
  });
  it.each([["", /not JSON/], ["{}", /expected/], ["[]", /expected/], ['{"input_data": [["a"]]}', /no number/], ['{"input_data": [3]}', /list of numbers/], ["null", /expected/]])(
    "refuses %s",
    (text, message) => expect(() => read_json(text)).toThrow(message),
  );
});

describe("read_file", () => {
  it("tells pictures by their bytes, not by their name", async () => {
    const png = new File([new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1])], "digit.txt");
    expect(await read_file(png)).toEqual({ input: { image: "iVBORwE=" }, label: "digit.txt" });
  });
  it("reads arrays and JSON", async () => {
    expect((await read_file(new File([npy("<f4", "1,", new Float32Array([3]).buffer) as BlobPart], "a.npy"))).input).toEqual({ input_data: [[3]] });
    expect((await read_file(new File([" [4]"], "a.json"))).input).toEqual({ input_data: [[4]] });
  });
  it("says what it takes when it is something else", async () => {
    await expect(read_file(new File(["GIF89a"], "a.gif"))).rejects.toThrow(/neither a PNG/);
    await expect(read_file(new File([], "a.png"))).rejects.toThrow(/empty/);
  });
});
