const DAY_MS = 86_400_000;

/** For how long nobody else can take a username that was changed, or whose account was closed. `views/account/profile.ejs` says it in words. */
export const USERNAME_RESERVED_MS = 90 * DAY_MS;

/** How many earlier usernames an account can have reserved, so how often it can be renamed in that time. */
export const MAX_RESERVED_USERNAMES = 5;
