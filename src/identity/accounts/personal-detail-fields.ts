import { z } from 'zod';
import { visibleText } from '../../kit/text.ts';

/** A web address, with https or http only: an application may show the address as a link. */
const webAddress = (what: string) =>
  visibleText(what, 1000).refine(
    (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
    `${what} begins with https:// or http://`,
  );

function isDate(text: string): boolean {
  const [year = '', month, day] = text.split('-');
  if (month === undefined) return year !== '0000';
  // The year 0000 stands for an unknown year. It has a 29 February.
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

const birthdate = z
  .string()
  .trim()
  .refine(
    (text) => /^\d{4}(-\d\d-\d\d)?$/.test(text) && isDate(text),
    'A birthdate is a date such as 1815-12-10, or a year',
  );

/** E.164 with signs that make it readable, as OpenID Connect Core section 5.1 recommends. */
const phoneNumber = z
  .string()
  .trim()
  .max(50, 'A phone number can have at most 50 characters')
  .regex(
    /^\+\d[\d ().-]{3,}(;ext=\d+)?$/,
    'A phone number begins with + and the country code, such as +351 210 000 000',
  );

/** The empty text removes a value. */
const orNone = <T extends z.ZodType>(field: T) => z.union([z.literal('').transform(() => null), field]);

/** The form of each detail. */
export const detailFields = {
  middle_name: orNone(visibleText('A middle name')),
  nickname: orNone(visibleText('A nickname')),
  profile: orNone(webAddress('The address of a profile page')),
  website: orNone(webAddress('The address of a website')),
  gender: orNone(visibleText('A gender', 100)),
  birthdate: orNone(birthdate),
  phone_number: orNone(phoneNumber),
  street_address: orNone(visibleText('A street address')),
  locality: orNone(visibleText('A city')),
  region: orNone(visibleText('A region')),
  postal_code: orNone(visibleText('A postal code', 50)),
  country: orNone(visibleText('A country')),
};

/** The details as the command names them. Those that are undefined keep their value. */
export const detailOptions = {
  middleName: detailFields.middle_name.optional(),
  nickname: detailFields.nickname.optional(),
  profile: detailFields.profile.optional(),
  website: detailFields.website.optional(),
  gender: detailFields.gender.optional(),
  birthdate: detailFields.birthdate.optional(),
  phoneNumber: detailFields.phone_number.optional(),
  streetAddress: detailFields.street_address.optional(),
  locality: detailFields.locality.optional(),
  region: detailFields.region.optional(),
  postalCode: detailFields.postal_code.optional(),
  country: detailFields.country.optional(),
};

type DetailOptions = z.output<z.ZodObject<typeof detailOptions>>;

/** @returns the columns that the options of a command name; the others are undefined */
export const toDetailColumns = (options: DetailOptions) => ({
  middle_name: options.middleName,
  nickname: options.nickname,
  profile: options.profile,
  website: options.website,
  gender: options.gender,
  birthdate: options.birthdate,
  phone_number: options.phoneNumber,
  street_address: options.streetAddress,
  locality: options.locality,
  region: options.region,
  postal_code: options.postalCode,
  country: options.country,
});
