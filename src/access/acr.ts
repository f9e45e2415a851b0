/**
 * How sure it is who signed in, the weakest first: `pwd` one factor; `mfa` two; `phr` two that cannot be phished
 * (OpenID Connect Extended Authentication Profile ACR Values 1.0): a passkey, or a password and a security key.
 */
export const ACR_VALUES = ['pwd', 'mfa', 'phr'] as const;

/** @returns 0 for who is not signed in, or one that we do not know */
export const acrLevel = (acr: string | undefined): number =>
  ACR_VALUES.indexOf(acr as (typeof ACR_VALUES)[number]) + 1;

export const MFA_LEVEL = acrLevel('mfa');

/** What the methods (RFC 8176) come to. */
export function deriveAcr(amr: string[]): string {
  if (!amr.includes('mfa')) return 'pwd';
  return amr.includes('hwk') || amr.includes('swk') ? 'phr' : 'mfa';
}

/** The level that satisfies a request: any of the values that it lists, in our order; 0 when we know none of them. */
export function requestedAcrLevel(values: string[]): number {
  const known = values.map(acrLevel).filter((level) => level > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}
