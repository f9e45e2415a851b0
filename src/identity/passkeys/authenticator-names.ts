/** What an authenticator reported about itself. Stored as JSON with its credential. */
export interface Authenticator {
  /** The id of its model. */
  aaguid: string;
  transports: string[];
  /** `multiDevice`: synced between devices; `singleDevice`: bound to one device. */
  device_type: 'singleDevice' | 'multiDevice';
  backed_up: boolean;
}

/** The AAGUID of authenticators that do not reveal their model. */
const NO_MODEL = '00000000-0000-0000-0000-000000000000';

const DEVICES: [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android device'],
  [/Windows/, 'Windows computer'],
  [/CrOS/, 'Chromebook'],
  [/Macintosh/, 'Mac'],
];

const deviceOf = (userAgent = '') =>
  DEVICES.find(([pattern]) => pattern.test(userAgent))?.[1] ?? 'This device';

/** @returns the name, with a number if the account has a credential of that name already */
export function distinctName(name: string, taken: string[]): string {
  const names = new Set(taken);
  let number = 1;
  while (names.has(number === 1 ? name : `${name} ${number}`)) number += 1;
  return number === 1 ? name : `${name} ${number}`;
}

/**
 * The name of a credential until its owner changes it: its model, or else how it is reached.
 * @param userAgent of the browser that registered it, which names the device that it is a part of
 */
export function defaultName(
  authenticator: Authenticator,
  names: Map<string, string>,
  userAgent?: string,
): string {
  const { aaguid, transports, device_type } = authenticator;
  const model = aaguid === NO_MODEL ? undefined : names.get(aaguid);
  if (model) return model;
  if (device_type === 'multiDevice') return 'Synced passkey';
  if (transports.includes('internal')) return deviceOf(userAgent);
  if (transports.includes('hybrid')) return 'Phone or tablet';
  if (transports.includes('nfc')) return 'Security key (NFC)';
  if (transports.includes('usb')) return 'Security key (USB)';
  return 'Security key';
}
