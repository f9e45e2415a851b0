import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { parseScopes } from '../access/scopes.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { limitToApplication } from '../oidc/claims.ts';
import type { EngineClient } from '../oidc/clients/client-document.ts';
import { type DeviceInfo, passDecision } from '../oidc/device-flow.ts';
import { mayRefresh } from '../oidc/refresh-tokens.ts';
import type { CsrfTokens } from '../web/csrf.ts';
import { readForm } from '../web/form-body.ts';
import type { AddressLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { type DeviceAccessDeps, describeDeviceAccess } from './device-access.ts';

export interface DevicePagesDeps extends DeviceAccessDeps {
  provider: Provider;
  showPage: ShowPage;
  forms: CsrfTokens;
  /** The limit on codes that do not exist, of one IP address. */
  unknownCodes: Pick<AddressLimit, 'countAttempt' | 'checkLimit'>;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
  /** The city and country of an address. */
  findPlace(ip: string | null): Promise<string | undefined>;
}

/** The request of a device, as far as its user is asked. */
interface DeviceRequest {
  userCode: string;
  client: EngineClient;
  scopes: string[];
  /** What the device asks for, in words. */
  access: string[];
  device: DeviceInfo;
}

const UNKNOWN_CODE = 'This code is not known, or no longer works. Compare it with the code on your device.';

const OTHER_ACCOUNT = 'This browser has changed to another account. Check that it is the one to connect.';

/** Names the account that the form has shown, for the token of its field `shown`. */
const shownAccount = (accountId = '') => `device of ${accountId}`;

/** Capitals, hyphens and spaces do not matter (RFC 8628 section 6.1). */
const normalize = (typed: string) =>
  typed
    .slice(0, 100)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '');
const asShown = (userCode: string) => userCode.replace(/^(.{4})(?=.)/, '$1-');

/**
 * `/device`, where the user of a device types its code (RFC 8628 section 3.3). Nothing is stored before the user has
 * decided. The decision goes on to the engine, which lets the user sign in and asks for consent.
 */
export function createDevicePages(router: Router, deps: DevicePagesDeps): void {
  const { provider, showPage, forms } = deps;

  /** Stops guessing: only codes that do not exist count. @throws LatchkeyError rate_limited */
  async function findRequest(typed: string): Promise<DeviceRequest | undefined> {
    const userCode = normalize(typed);
    const { ip } = currentUnit().origin;
    await deps.unknownCodes.checkLimit(ip);
    const code = await provider.DeviceCode.findByUserCode(userCode);
    const client = code?.clientId ? await provider.Client.find(code.clientId) : undefined;
    if (!code || !client) {
      await deps.unknownCodes.countAttempt(ip);
      return undefined;
    }
    const engineClient = client as unknown as EngineClient;
    return {
      userCode,
      client: engineClient,
      scopes: limitToApplication(engineClient, parseScopes(String(code.params?.scope ?? ''))),
      access: await describeDeviceAccess(deps, engineClient, code.params ?? {}),
      device: (code.deviceInfo ?? {}) as DeviceInfo,
    };
  }

  function askCode(ctx: Context, { typed = '', alert }: { typed?: string; alert?: string } = {}): void {
    if (alert) ctx.status = 400;
    showPage(ctx, 'devices/enter-code', {
      title: 'Connect a device',
      csrf: forms.issue(ctx, 'device'),
      typed,
      alert,
    });
  }

  /** The account that the engine would connect: it takes the session of the browser as it is. */
  const findAccountId = async (ctx: Context) => (await provider.Session.get(ctx)).accountId;

  /** Shows code, place and account first: whoever gets you to enter their code gets your access (RFC 8628 section 5.4). */
  async function askDecision(
    ctx: Context,
    { userCode, client, scopes, access, device }: DeviceRequest,
    alert?: string,
  ): Promise<void> {
    const accountId = await findAccountId(ctx);
    const account = accountId ? await deps.findAccount(accountId) : undefined;
    showPage(ctx, 'devices/confirm', {
      title: 'Is this the code on your device?',
      csrf: forms.issue(ctx, 'device'),
      shown: forms.issue(ctx, shownAccount(accountId)),
      alert,
      userCode: asShown(userCode),
      clientName: client.clientName ?? client.clientId,
      isUnchecked: !isVetted(client),
      place: await deps.findPlace(device.ip ?? null),
      ip: device.ip,
      accountName: account?.username,
      access,
      isLasting: mayRefresh(client, scopes),
    });
  }

  router.get('/device', async (ctx) => {
    const { user_code: typed } = ctx.query;
    if (typeof typed !== 'string' || typed === '') return askCode(ctx);
    const request = await findRequest(typed);
    if (!request) return askCode(ctx, { typed, alert: UNKNOWN_CODE });
    await askDecision(ctx, request);
  });

  router.post('/device', async (ctx, next) => {
    const { csrf, shown, user_code: typed = '', decision } = await readForm(ctx);
    forms.check(ctx, 'device', csrf);
    if (normalize(typed) === '') return askCode(ctx, { alert: 'Enter the code that your device shows' });
    const request = await findRequest(typed);
    if (!request) return askCode(ctx, { typed, alert: UNKNOWN_CODE });
    const { userCode } = request;
    if (decision === undefined) return seeOther(ctx, `/device?user_code=${asShown(userCode)}`);
    if (decision !== 'allow' && decision !== 'deny' && decision !== 'switch')
      throw new LatchkeyError(
        'invalid_input',
        'device_decision_missing',
        'Choose Connect or Do not connect.',
      );
    const accountId = await findAccountId(ctx);
    // The browser has signed in to another account since, perhaps in another tab.
    if (decision === 'allow' && accountId && !forms.matches(ctx, shownAccount(accountId), shown)) {
      ctx.status = 409;
      return askDecision(ctx, request, OTHER_ACCOUNT);
    }
    passDecision(ctx, { userCode, isAllowed: decision !== 'deny', isSwitching: decision === 'switch' });
    await next();
  });
}
