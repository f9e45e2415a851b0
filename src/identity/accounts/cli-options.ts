import type { Command } from 'commander';

/** What `latchkey account create` and `update` can say about a person. */
const DETAILS: [flags: string, description?: string][] = [
  ['--name <name>'],
  ['--given-name <name>'],
  ['--middle-name <name>'],
  ['--family-name <name>'],
  ['--nickname <name>'],
  ['--locale <locale>', 'a language tag, such as pt-BR'],
  ['--zoneinfo <zone>', 'a time zone, such as Europe/Lisbon'],
  ['--profile <url>', 'the address of a page about the person'],
  ['--website <url>'],
  ['--gender <gender>'],
  ['--birthdate <date>', 'YYYY-MM-DD, 0000-MM-DD or YYYY'],
  ['--phone-number <number>', 'with + and the country code'],
  ['--phone-number-verified', 'you know that the number is theirs'],
  ['--street-address <address>'],
  ['--locality <city>'],
  ['--region <region>'],
  ['--postal-code <code>'],
  ['--country <country>'],
];

/** The options by which commands get them. */
export interface DetailOptions {
  name?: string;
  givenName?: string;
  middleName?: string;
  familyName?: string;
  nickname?: string;
  locale?: string;
  zoneinfo?: string;
  profile?: string;
  website?: string;
  gender?: string;
  birthdate?: string;
  phoneNumber?: string;
  phoneNumberVerified?: boolean;
  streetAddress?: string;
  locality?: string;
  region?: string;
  postalCode?: string;
  country?: string;
}

/** @returns the same command */
export function addDetailOptions(command: Command): Command {
  for (const [flags, description] of DETAILS) command.option(flags, description);
  return command;
}
