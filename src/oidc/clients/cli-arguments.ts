import { refuse } from '../../kit/errors.ts';
import { readJsonFile } from '../../kit/json-file.ts';
import type { ClientChange, ClientInput } from './input.ts';
import { readKeySet } from './key-set-file.ts';
import { toClientInput } from './rfc7591.ts';

export interface ClientArguments {
  preset?: string;
  url?: string;
  set?: string[];
  name?: string;
  redirectUri?: string[];
  postLogoutRedirectUri?: string[];
  corsOrigin?: string[];
  clientUri?: string;
  initiateLoginUri?: string;
  policyUri?: string;
  tosUri?: string;
  logoUri?: string;
  applicationType?: ClientInput['applicationType'];
  public?: boolean;
  confidential?: boolean;
  clientId?: string;
  firstParty?: boolean;
  resourceServer?: boolean;
  displayCode?: boolean;
  scope?: string;
  defaultScope?: string;
  /** False: `--no-claim`. */
  claim?: string[] | false;
  grantType?: ClientInput['grantTypes'];
  pkce?: ClientInput['pkce'];
  requirePkce?: boolean;
  requirePar?: boolean;
  requireDpop?: boolean;
  cibaNotificationUri?: string;
  /** False: `--no-assertion-audience`. */
  assertionAudience?: string[] | false;
  /** False: `--no-exchange-resource`. */
  exchangeResource?: string[] | false;
  /** False: `--no-hand-out`. */
  handOut?: string[] | false;
  /** False: `--no-authorization-type`. */
  authorizationType?: string[] | false;
  backchannelLogoutUri?: string;
  authMethod?: ClientInput['authMethod'];
  jwks?: string;
  jwksUri?: string;
  certificateSubject?: string;
  requireMtls?: boolean;
  fapi?: boolean;
  responseType?: string[];
  /** False: `--no-response-mode`. */
  responseMode?: ClientInput['responseModes'] | false;
  accessTokenTtl?: string;
  subjectType?: ClientInput['subjectType'];
  sectorIdentifierUri?: string;
  metadata?: string;
  idTokenAlg?: ClientInput['idTokenSignedResponseAlg'];
  idTokenClaims?: ClientInput['idTokenClaims'];
  userinfoAlg?: string;
  responseAlg?: ClientInput['authorizationSignedResponseAlg'];
  introspectionAlg?: ClientInput['introspectionSignedResponseAlg'];
  requireSignedRequest?: boolean;
  requestAlg?: string;
  /** False: `--no-request-uri`. */
  requestUri?: string[] | false;
  refreshTokenMaxTtl?: string;
  refreshOverlap?: string;
  json?: boolean;
}

/** `default` goes back to the server's own setting; the schema refuses what is no number. */
function toSeconds(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  return text === 'default' ? null : Number(text);
}

/** Reads an option in which one word takes back the earlier value. @returns null for that word */
const orNull = (text: string | undefined, word: string) => (text === word ? null : text);

/** `--require-pkce` and `--no-require-pkce` are earlier names of two levels. */
function toPkceLevel({ pkce, requirePkce }: ClientArguments): ClientChange['pkce'] {
  const named = requirePkce === undefined ? undefined : requirePkce ? 'always' : 'off';
  if (pkce !== undefined && named !== undefined && pkce !== named)
    refuse(
      'pkce_level_contradicted',
      `--pkce ${pkce} contradicts the other option, which means --pkce ${named}.`,
    );
  return pkce ?? named;
}

/** @returns whether the application is to be public; undefined if neither option names its kind */
function toKind(args: ClientArguments): boolean | undefined {
  if (args.public && args.confidential)
    refuse('kind_contradicted', 'An application is either public or confidential. Leave out one of the two.');
  return args.public ? true : args.confidential ? false : undefined;
}

/** Reads the logo that an option names. @returns null for the word "none", undefined without the option */
async function toLogo(logoUri: string | undefined): Promise<string | null | undefined> {
  if (logoUri === undefined || logoUri === 'none') return logoUri && null;
  return (await import('./logo-file.ts')).readLogo(logoUri);
}

/** The members that the options state. The others are undefined, and keep their value or default. */
const toStated = (args: ClientArguments): ClientChange => ({
  name: args.name,
  public: toKind(args),
  grantTypes: args.grantType,
  redirectUris: args.redirectUri,
  postLogoutRedirectUris: args.postLogoutRedirectUri,
  corsOrigins: args.corsOrigin,
  clientUri: args.clientUri,
  initiateLoginUri: args.initiateLoginUri,
  policyUri: args.policyUri,
  tosUri: args.tosUri,
  applicationType: args.applicationType,
  firstParty: args.firstParty,
  resourceServer: args.resourceServer,
  scope: args.scope,
  defaultScope: args.defaultScope,
  claims: args.claim === false ? [] : args.claim,
  pkce: toPkceLevel(args),
  requirePar: args.requirePar,
  requireDpop: args.requireDpop,
  cibaNotificationUri: args.cibaNotificationUri === 'none' ? null : args.cibaNotificationUri,
  assertionAudiences: args.assertionAudience === false ? [] : args.assertionAudience,
  exchangeResources: args.exchangeResource === false ? [] : args.exchangeResource,
  handOutServices: args.handOut === false ? [] : args.handOut,
  authorizationTypes: args.authorizationType === false ? [] : args.authorizationType,
  backchannelLogoutUri: args.backchannelLogoutUri === 'none' ? null : args.backchannelLogoutUri,
  authMethod: args.authMethod,
  jwks: args.jwks === undefined ? undefined : readKeySet(args.jwks),
  jwksUri: args.jwksUri,
  certificateSubject: args.certificateSubject,
  requireMtls: args.requireMtls,
  fapi: args.fapi,
  responseTypes: args.responseType,
  responseModes: args.responseMode === false ? [] : args.responseMode,
  accessTokenTtl: toSeconds(args.accessTokenTtl),
  subjectType: args.subjectType,
  sectorIdentifierUri: args.sectorIdentifierUri,
  idTokenSignedResponseAlg: args.idTokenAlg,
  idTokenClaims: args.idTokenClaims,
  userinfoSignedResponseAlg: orNull(args.userinfoAlg, 'none') as ClientChange['userinfoSignedResponseAlg'],
  authorizationSignedResponseAlg: args.responseAlg,
  introspectionSignedResponseAlg: args.introspectionAlg,
  requireSignedRequest: args.requireSignedRequest,
  requestUris: args.requestUri === false ? [] : args.requestUri,
  requestObjectSigningAlg: orNull(args.requestAlg, 'any') as ClientChange['requestObjectSigningAlg'],
  refreshTokenMaxTtl: toSeconds(args.refreshTokenMaxTtl),
  refreshOverlap: toSeconds(args.refreshOverlap),
});

const readMetadata = ({ metadata }: ClientArguments): Partial<ClientInput> =>
  metadata === undefined ? {} : toClientInput(readJsonFile(metadata));

const isStated = ([, value]: [string, unknown]) => value !== undefined;

/**
 * Options win over the members of `--metadata`, and these over what the preset says.
 * @param preset undefined: everything comes from the options
 */
export async function toInput(
  args: ClientArguments,
  preset: Partial<ClientInput> | undefined,
): Promise<ClientInput> {
  const stated = { ...toStated(args), clientId: args.clientId, displayCode: args.displayCode };
  const base = { name: '', ...preset, ...readMetadata(args) };
  const logoUri = (await toLogo(args.logoUri ?? base.logoUri)) ?? undefined;
  return { ...base, ...Object.fromEntries(Object.entries(stated).filter(isStated)), logoUri };
}

/** The members that are to be changed. */
export async function toChange(clientId: string, args: ClientArguments): Promise<ClientChange> {
  const { clientId: named, displayCode, ...base } = readMetadata(args);
  if (named !== undefined && named !== clientId)
    refuse('client_id_fixed', `The metadata belongs to the client_id ${named}, not to ${clientId}.`);
  if (displayCode !== undefined)
    refuse('display_code_fixed', 'display_code cannot be changed. Remove it from the metadata.');
  const logoUri = await toLogo(args.logoUri ?? base.logoUri);
  return { ...base, ...Object.fromEntries(Object.entries(toStated(args)).filter(isStated)), logoUri };
}

/** @param pairs NAME=VALUE, as the options `--set` have them */
export function toOptions(pairs: string[] = []): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      if (rest.length === 0)
        refuse('preset_option_malformed', `--set ${pair} is not in the form NAME=VALUE.`);
      return [name, rest.join('=')];
    }),
  );
}
