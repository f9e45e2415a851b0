/** What an authenticator told of itself; kept as JSON with its key. */
export interface Authenticator {
  aaguid: string;
  transports: string[];
  /** `multiDevice`: synced; `singleDevice`: bound to its device. */
  device_type: 'singleDevice' | 'multiDevice';
  backed_up: boolean;
}

/** The id of authenticators that do not say what they are. */
const NAMELESS = '00000000-0000-0000-0000-000000000000';

/** What a new key is called until its owner renames it: its model, or how it is reached. */
export function nameOf(authenticator: Authenticator, names: Map<string, string>): string {
  const { aaguid, transports, device_type } = authenticator;
  const known = aaguid === NAMELESS ? undefined : names.get(aaguid);
  if (known) return known;
  if (device_type === 'multiDevice') return 'Synced passkey';
  if (transports.includes('internal')) return 'This device';
  if (transports.includes('hybrid')) return 'Phone or tablet';
  if (transports.includes('nfc')) return 'Security key (NFC)';
  if (transports.includes('usb')) return 'Security key (USB)';
  return 'Security key';
}
