const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A lifetime as people write it: `30m`, `24h`, `7d`, `4w` or `never`. */
export const LIFETIME_PATTERN = /^(never|[1-9]\d{0,4}[mhdw])$/;

/** @param lifetime such as `7d` or `24h`, counted from now, or `never`. @returns when it ends, or null */
export const endOf = (lifetime: string): Date | null =>
  lifetime === 'never'
    ? null
    : new Date(Date.now() + Number(lifetime.slice(0, -1)) * 1000 * (UNITS[lifetime.slice(-1)] ?? 0));
