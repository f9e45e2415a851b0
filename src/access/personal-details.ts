/**
 * What OpenID Connect Core section 5.1 knows of a person beside names, language and time zone. Each member is a column of
 * T_accounts and, except for the parts of the address, the claim of the same name.
 */
export interface PersonalDetails {
  middle_name: string | null;
  nickname: string | null;
  /** The address of a page about the person. */
  profile: string | null;
  website: string | null;
  gender: string | null;
  /** `YYYY-MM-DD`, `0000-MM-DD` without the year, or `YYYY`. */
  birthdate: string | null;
  phone_number: string | null;
  street_address: string | null;
  locality: string | null;
  region: string | null;
  postal_code: string | null;
  country: string | null;
}

export const PERSONAL_DETAILS = [
  'middle_name',
  'nickname',
  'profile',
  'website',
  'gender',
  'birthdate',
  'phone_number',
  'street_address',
  'locality',
  'region',
  'postal_code',
  'country',
] as const satisfies (keyof PersonalDetails)[];

/** @param row of T_accounts, or what was just written there */
export const readPersonalDetails = (
  row: Partial<Record<keyof PersonalDetails, string | null | undefined>>,
): PersonalDetails => ({
  middle_name: row.middle_name ?? null,
  nickname: row.nickname ?? null,
  profile: row.profile ?? null,
  website: row.website ?? null,
  gender: row.gender ?? null,
  birthdate: row.birthdate ?? null,
  phone_number: row.phone_number ?? null,
  street_address: row.street_address ?? null,
  locality: row.locality ?? null,
  region: row.region ?? null,
  postal_code: row.postal_code ?? null,
  country: row.country ?? null,
});

type Address = Pick<PersonalDetails, 'street_address' | 'locality' | 'region' | 'postal_code' | 'country'>;

/** @returns the claim `address` (OpenID Connect Core section 5.1.1); undefined when no part of it is known */
export function toAddressClaim(details: Address): Record<string, string> | undefined {
  const { street_address, locality, region, postal_code, country } = details;
  const parts = { street_address, locality, region, postal_code, country };
  const known = Object.entries(parts).filter((part): part is [string, string] => Boolean(part[1]));
  if (known.length === 0) return undefined;
  const city = [postal_code, locality].filter(Boolean).join(' ');
  const formatted = [street_address, city, region, country].filter(Boolean).join('\n');
  return { formatted, ...Object.fromEntries(known) };
}
