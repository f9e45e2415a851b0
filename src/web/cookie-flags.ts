/** The flags of every cookie of this server. No page of another site, and no script, can read one. */
export const COOKIE_FLAGS = { httpOnly: true, sameSite: 'lax' } as const;
