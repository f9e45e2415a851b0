/**
 * The `acr` values, which say how strongly the user was authenticated; the weakest first. `pwd` is one factor, `mfa`
 * two. `phr` is phishing-resistant (OpenID Connect Extended Authentication Profile ACR Values 1.0): a passkey, or a
 * password and a security key.
 */
export const ACR_VALUES = ['pwd', 'mfa', 'phr'] as const;

/** @returns 1 for the weakest value; 0 for none, or an unknown one */
export const acrLevel = (acr: string | undefined): number =>
  ACR_VALUES.indexOf(acr as (typeof ACR_VALUES)[number]) + 1;

export const MFA_LEVEL = acrLevel('mfa');

/**
 * Whether another service alone has said who the user is. It may ask nothing of somebody who is signed in there, so it does not
 * show that they are at the browser.
 */
export const isByOtherServiceAlone = (amr: string[]): boolean => amr.includes('fed') && !amr.includes('mfa');

/** @param amr authentication methods (RFC 8176) @returns the `acr` that they amount to */
export function deriveAcr(amr: string[]): string {
  if (!amr.includes('mfa')) return 'pwd';
  return amr.includes('hwk') || amr.includes('swk') ? 'phr' : 'mfa';
}

/** @param values any one of which satisfies the request @returns the lowest of their levels; 0 if all are unknown */
export function requestedAcrLevel(values: string[]): number {
  const known = values.map(acrLevel).filter((level) => level > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}
