/** How long the row of an attempt is kept. */
export const TRACE_LIFETIME_MS = 86_400_000;
/** The most rows, each of refused attempts and of others: refused ones are what people look for. */
export const MAX_ROWS = 1000;
/** The most rows of refused attempts of applications that nobody has checked, or that are not registered. */
export const MAX_UNVETTED_ROWS = 500;
