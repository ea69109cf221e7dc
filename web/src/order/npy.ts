/** An array of a .npy file, its values in C order. */
export interface Npy {
  shape: number[];
  data: number[];
}

const kMagic = "\x93NUMPY";
const kMostElements = 4_000_000;

type Reader = (view: DataView, at: number) => number;
const kReaders: Record<string, [bytes: number, read: Reader]> = {
  f4: [4, (view, at) => view.getFloat32(at, true)],
  f8: [8, (view, at) => view.getFloat64(at, true)],
  i1: [1, (view, at) => view.getInt8(at)],
  i2: [2, (view, at) => view.getInt16(at, true)],
  i4: [4, (view, at) => view.getInt32(at, true)],
  i8: [8, (view, at) => Number(view.getBigInt64(at, true))],
  u1: [1, (view, at) => view.getUint8(at)],
  u2: [2, (view, at) => view.getUint16(at, true)],
  u4: [4, (view, at) => view.getUint32(at, true)],
  b1: [1, (view, at) => (view.getUint8(at) === 0 ? 0 : 1)],
};

export function is_npy(bytes: Uint8Array): boolean {
  return text_of(bytes.subarray(0, kMagic.length)) === kMagic;
}

/** Reads a .npy file (format 1 to 3, little-endian, C order), as the node's own reader does. Throws Error, saying what is wrong. */
export function read_npy(bytes: Uint8Array): Npy {
  if (!is_npy(bytes) || bytes.length < 12) throw new Error("This is no .npy file.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = view.getUint8(6) >= 2;
  const begin = wide ? 12 : 10;
  const end = begin + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end > bytes.length) throw new Error("The .npy file is cut off in its header.");
  const { type, shape } = read_header(text_of(bytes.subarray(begin, end)));
  const [size, read] = kReaders[type] ?? [];
  if (!size || !read) throw new Error(`Elements of type ${type} are not taken: save the array as float32.`);
  const count = shape.reduce((product, side) => product * side, 1);
  if (count > kMostElements) throw new Error(`The array has ${count} elements: at most ${kMostElements}.`);
  if (bytes.length - end !== count * size) throw new Error(`The .npy file holds ${bytes.length - end} bytes of data: ${count * size} expected.`);
  const data = Array.from({ length: count }, (_, i) => read(view, end + i * size));
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new Error(`Element ${wrong} is no finite number.`);
  return { shape, data };
}

function read_header(header: string): { type: string; shape: number[] } {
  const [, order, type] = /'descr':\s*'([<|>=])([a-z]\d+)'/.exec(header) ?? [];
  const [, sides] = /'shape':\s*\(([\d,\s]*)\)/.exec(header) ?? [];
  if (!type || sides === undefined) throw new Error("The header of the .npy file is not understood.");
  if (order === ">") throw new Error("The array is big-endian: save it little-endian.");
  if (/'fortran_order':\s*True/.test(header)) throw new Error("The array is in Fortran order: save numpy.ascontiguousarray of it.");
  return { type, shape: sides.split(",").map((side) => side.trim()).filter(Boolean).map(Number) };
}

function text_of(bytes: Uint8Array): string {
  return [...bytes].map((byte) => String.fromCharCode(byte)).join("");
}
