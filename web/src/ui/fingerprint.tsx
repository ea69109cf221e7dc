/**
 * A small symmetric picture made from a hash: equal results look equal at a glance. Colour from the first byte, pattern from
 * the next fifteen half-columns.
 */
export function Fingerprint({ hash }: { hash: string }) {
  const nibbles = [...hash.replace(/^0x/, "")].map((digit) => parseInt(digit, 16));
  const hue = Math.round((((nibbles[0] ?? 0) * 16 + (nibbles[1] ?? 0)) / 256) * 360);
  const cells: string[] = [];
  for (let row = 0; row < 5; row += 1) {
    for (let column = 0; column < 3; column += 1) {
      if (((nibbles[2 + row * 3 + column] ?? 0) & 1) === 0) continue;
      cells.push(`M${column} ${row}h1v1h-1z`);
      if (column < 2) cells.push(`M${4 - column} ${row}h1v1h-1z`);
    }
  }
  return (
    <svg class="fingerprint" viewBox="-1 -1 7 7" aria-hidden="true" shape-rendering="crispEdges">
      <path d={cells.join("")} fill={`hsl(${hue} 55% 52%)`} />
    </svg>
  );
}
