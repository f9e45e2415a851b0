const DAY_MS = 86_400_000;

/** How long an archive can be downloaded, and how long a request for one waits. `views/account/data.ejs` says it in words. */
export const ARCHIVE_LIFETIME_MS = 7 * DAY_MS;
