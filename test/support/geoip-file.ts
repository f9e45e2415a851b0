import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

type Datum = string | number | { [name: string]: Datum };

/** The types of the MaxMind DB format, version 2.0, that a place needs. Every size is below 29. */
function encode(value: Datum): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([Buffer.from([(6 << 5) | 4]), bytes]);
  }
  const entries = Object.entries(value);
  const members = entries.flatMap(([name, member]) => [encode(name), encode(member)]);
  return Buffer.concat([Buffer.from([(7 << 5) | entries.length]), ...members]);
}

const NODES = 32;

/** The search tree with one address: each of its bits leads to the next node, the other bit to nothing. */
function treeOf(ip: string): Buffer {
  const bits = ip
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  const nodes = [...bits].map((bit, index) => {
    const next = index === NODES - 1 ? NODES + 16 : index + 1;
    const records = bit === '0' ? [next, NODES] : [NODES, next];
    return Buffer.from(records.flatMap((record) => [record >> 16, (record >> 8) & 255, record & 255]));
  });
  return Buffer.concat(nodes);
}

/** Writes a GeoIP file that knows one IPv4 address. @returns its path */
export function writeGeoipFile(
  t: Pick<TestContext, 'after'>,
  ip: string,
  city: string,
  country: string,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-geoip-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'places.mmdb');
  const metadata = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 0,
    database_type: 'Test-City',
    ip_version: 4,
    node_count: NODES,
    record_size: 24,
  };
  writeFileSync(
    file,
    Buffer.concat([
      treeOf(ip),
      Buffer.alloc(16),
      encode({ city: { names: { en: city } }, country: { names: { en: country } } }),
      Buffer.from('ABCDEF4D61784D696E642E636F6D', 'hex'),
      encode(metadata),
    ]),
  );
  return file;
}
