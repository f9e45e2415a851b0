import type { CityResponse, Reader } from 'maxmind';
import type { Logger } from '../../kit/log.ts';

export interface Places {
  /** @returns such as "Lisbon, Portugal"; undefined without a GeoIP file, and for addresses that are not in it */
  find(ip: string | null): Promise<string | undefined>;
}

/**
 * Looks up IP addresses in the operator's GeoIP file. Nothing is asked of another server. The file is read at the first
 * use, and again when it is replaced.
 * @param file in the MaxMind DB format; undefined: no place is known
 */
export function createPlaces({ file, log }: { file: string | undefined; log: Logger }): Places {
  let opened: Promise<Reader<CityResponse> | undefined> | undefined;

  async function open(path: string): Promise<Reader<CityResponse> | undefined> {
    try {
      const maxmind = await import('maxmind');
      return await maxmind.open<CityResponse>(path, {
        watchForUpdates: true,
        watchForUpdatesNonPersistent: true,
      });
    } catch (error) {
      log.error({ event: 'geoip', file: path, err: error });
      return undefined;
    }
  }

  return {
    async find(ip) {
      if (file === undefined || ip === null) return undefined;
      opened ??= open(file);
      const found = (await opened)?.get(ip);
      const names = [found?.city?.names?.en, found?.country?.names?.en].filter((name) => name !== undefined);
      return names.length > 0 ? names.join(', ') : undefined;
    },
  };
}
