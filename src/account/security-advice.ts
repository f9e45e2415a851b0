import type { Credential } from '../identity/passkeys/store.ts';

/** Something that the account lacks, and where to change that. */
export interface Advice {
  text: string;
  link: { url: string; label: string };
}

/** What an account has to sign in with, and to be reached by. */
export interface Protection {
  hasPassword: boolean;
  passkeys: Credential[];
  securityKeys: Credential[];
  /** The services whose accounts sign in, by their names. */
  signInServices: string[];
  hasApp: boolean;
  recoveryCodesLeft: number;
  /** When the user last got back into the account with a link or code, ISO 8601. */
  recoveredAt: string | undefined;
  email: { address: string | null; isConfirmed: boolean; sendsMail: boolean };
}

/** The page advises new recovery codes when this number of codes, or fewer, is left. */
const FEW_CODES = 2;

/** For how many days after a recovery the page points at keys that were not used since. */
export const LOST_KEY_DAYS = 90;

/** The key that recovered the account was created in the same transaction as the event. */
const MINUTE_MS = 60_000;

/** Whether the user may have lost a key: they recovered the account, and have not used the key since. */
export function mayBeLost(
  { created_at, last_used_at }: Credential,
  recoveredAt: string | undefined,
): boolean {
  if (recoveredAt === undefined) return false;
  const lastSeen = Math.max(Date.parse(created_at), Date.parse(last_used_at ?? created_at));
  return lastSeen < Date.parse(recoveredAt) - MINUTE_MS;
}

/** How the account is signed in to, as a sentence. Policies of the server are not part of it. */
export function describeSignIn(protection: Protection): string {
  const { hasPassword, passkeys, securityKeys, hasApp, signInServices } = protection;
  const kinds = [...passkeys, ...securityKeys].filter(({ is_signed }) => is_signed).map(({ kind }) => kind);
  const hasPasskey = kinds.includes('passkey');
  // A passkey replaces the password, and is asked for after it only where one of these is.
  const seconds = [
    kinds.includes('security_key') ? 'a security key' : undefined,
    hasApp ? 'a code from your app' : undefined,
  ].filter((one) => one !== undefined);
  const then =
    seconds.length > 0 ? ` and then ${seconds.join(' or ')}` : hasPasskey ? '' : ' and no second factor';
  const ways = [
    hasPasskey ? 'with a passkey' : undefined,
    hasPassword ? `with your password${then}` : undefined,
    ...signInServices.map((name) => `with your account at ${name}`),
  ].filter((way) => way !== undefined);
  const sentence = ways.length > 0 ? ways.join(', or ') : 'with a recovery link only';
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

const CODES = { url: '#recovery-codes', label: 'Create recovery codes' };

function adviseOnKeys({ passkeys, securityKeys, recoveredAt }: Protection): Advice[] {
  const keys = [...passkeys, ...securityKeys];
  return [
    ...keys
      .filter((key) => mayBeLost(key, recoveredAt))
      .map(({ id, name }) => ({
        text: `“${name}” has not been used since you got back into your account. If you lost it, remove it, so that nobody can sign in with it.`,
        link: { url: `#key-${id}`, label: `Go to “${name}”` },
      })),
    ...keys
      .filter(({ is_signed }) => !is_signed)
      .map(({ id, name }) => ({
        text: `“${name}” cannot sign you in until you approve it with a key that you already use.`,
        link: { url: `#key-${id}`, label: `Go to “${name}”` },
      })),
  ];
}

function adviseOnFactors({
  hasPassword,
  passkeys,
  securityKeys,
  signInServices,
  hasApp,
  recoveryCodesLeft,
}: Protection): Advice[] {
  const signed = passkeys.filter(({ is_signed }) => is_signed);
  if (!hasPassword && signed.length === 0 && signInServices.length > 0)
    return [
      {
        text: `You sign in only with your account at ${signInServices.join(' or ')}. If you lose that account, or it is no longer accepted here, you cannot sign in.`,
        link: { url: '#passkeys', label: 'Add a passkey' },
      },
    ];
  if (hasPassword && passkeys.length === 0 && securityKeys.length === 0 && !hasApp)
    return [
      {
        text: 'Only your password protects your account. Somebody who learns it can sign in. A passkey cannot be guessed, and a fake website cannot steal it.',
        link: { url: '#passkeys', label: 'Add a passkey' },
      },
    ];
  if (recoveryCodesLeft > FEW_CODES) return [];
  if (recoveryCodesLeft > 0)
    return [
      {
        text: `You have only ${recoveryCodesLeft} recovery ${recoveryCodesLeft === 1 ? 'code' : 'codes'} left.`,
        link: { ...CODES, label: 'Replace recovery codes' },
      },
    ];
  if (!hasPassword)
    return [
      {
        text:
          signed.length === 1
            ? `If you lose “${signed[0]?.name}”, you cannot get back into your account. Create recovery codes, or add another passkey.`
            : 'If you lose all your passkeys, you cannot get back into your account. Recovery codes let you create a new one.',
        link: CODES,
      },
    ];
  const followsPassword = hasApp || securityKeys.some(({ kind }) => kind === 'security_key');
  return followsPassword
    ? [{ text: 'You have no recovery codes. Without your key or app, you cannot sign in.', link: CODES }]
    : [];
}

function adviseOnEmail({ address, isConfirmed, sendsMail }: Protection['email']): Advice[] {
  if (!sendsMail || (address !== null && isConfirmed)) return [];
  return address === null
    ? [
        {
          text: 'Your account has no e-mail address, so we cannot tell you when somebody changes how it is signed in to.',
          link: { url: '/account/email', label: 'Add an e-mail address' },
        },
      ]
    : [
        {
          text: 'Your e-mail address is not confirmed, and some applications do not accept it.',
          link: { url: '/account/email', label: 'Confirm the address' },
        },
      ];
}

/** What the account lacks, the most urgent first. Advises only what can work for this account. */
export const findMissing = (protection: Protection): Advice[] => [
  ...adviseOnKeys(protection),
  ...adviseOnFactors(protection),
  ...adviseOnEmail(protection.email),
];
