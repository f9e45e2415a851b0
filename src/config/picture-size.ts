/** The largest file that people can upload as the picture of their account. How many pixels it may have: `identity/accounts/picture-format.ts`. */
export const MAX_PICTURE_MB = 5;
export const MAX_PICTURE_BYTES = MAX_PICTURE_MB * 1024 * 1024;
