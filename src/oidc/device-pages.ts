import type { Context } from 'koa';
import { recordEvent } from '../audit/index.ts';
import type { ShowPage } from '../web/respond.ts';
import type { DeviceInfo } from './device-flow.ts';
import { leaveUnstored } from './engine/requests.ts';
import type { EnginePages } from './engine-deps.ts';

/** What to say for each of the engine's errors that end the request of a device. */
const REFUSALS: Record<string, string> = {
  AbortedError: 'Nothing was allowed. You can close this page.',
  NotFoundError: 'The code no longer works. Start again on your device.',
  ExpiredError: 'The code has expired. Start again on your device, and type the new code.',
  AlreadyUsedError: 'The code was used already. If your device is not connected, start again there.',
};

/** The last page of a device's request (RFC 8628): connected, or not connected. The engine decides which. */
export function createDeviceResultPages(
  showPage: ShowPage,
  showEngineError: EnginePages['error'],
): Pick<EnginePages, 'deviceConnected' | 'deviceRefused'> {
  return {
    async deviceRefused(ctx, out, error) {
      leaveUnstored(ctx);
      const lede = REFUSALS[error.name];
      if (lede === undefined) return showEngineError(ctx, out, error);
      const koaContext = ctx as unknown as Context;
      if (error.name !== 'AbortedError') koaContext.status = 400;
      showPage(koaContext, 'devices/not-connected', { title: 'Your device was not connected', lede });
    },

    deviceConnected(ctx) {
      const { client, account, session, entities } = ctx.oidc;
      const { ip } = ((entities.DeviceCode as { deviceInfo?: DeviceInfo } | undefined)?.deviceInfo ??
        {}) as DeviceInfo;
      recordEvent({
        action: 'device.connected',
        accountId: account?.accountId,
        clientId: client?.clientId,
        sessionUid: session?.uid,
        details: { device_ip: ip },
      });
      showPage(ctx as unknown as Context, 'devices/connected', {
        title: 'Your device is connected',
        clientName: client?.clientName ?? client?.clientId,
      });
    },
  };
}
