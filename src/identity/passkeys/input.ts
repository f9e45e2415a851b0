import { visibleText } from '../../kit/text.ts';

/** The name that an owner gives to a passkey or security key. */
export const credentialNameField = visibleText('A name', 100).min(1, 'Enter a name');
