/** A role name: one word of at most 64 letters, digits, `.`, `_`, `:` and `-` that begins with a letter or a digit. */
export const ROLE_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._:-]{0,63}$/u;
