/** How long an invitation can be used, unless its creator says otherwise. The command loads this file, so it imports nothing. */
export const DEFAULT_LIFETIME = '7d';
