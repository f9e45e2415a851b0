import { CLIENT_REFERENCE, type TableDescription } from './model.ts';

export const audit: Record<string, TableDescription> = {
  T_auth_audit_log: {
    part: 'audit',
    purpose:
      'The audit log. A row is written in the same commit as the change it records, and never contains a secret.',
    columns: {
      account_id: 'The account concerned; NULL if no account is concerned or it was deleted.',
      actor_id: 'The account that acted; NULL for the operator at the command line and for unknown people.',
      action: 'What happened.',
      target: 'The id of the grant, key or invitation concerned, or the identifier of the API.',
      provider: 'Not used yet.',
      client_id: 'The application concerned.',
      ip_address: 'The address the request came from.',
      user_agent: 'The browser, as it identified itself.',
      session_uid: 'The session concerned.',
      success: 'False: the action was refused or failed.',
      error_code: 'The reason as a code: `wrong_password`, `invalid_grant`, …',
      error_message: 'The reason as a sentence that is safe to show.',
      details:
        'JSON: more details. Of a refused request: `parameter`, the name of the parameter at fault, and `description`, the sentence that the application got.',
    },
    values: {
      action: {
        'sign_in.succeeded': 'someone signed in',
        'sign_in.failed': 'a sign-in failed; `error_code` has the reason',
        'second_factor.succeeded': 'a second factor was accepted',
        'second_factor.failed': 'a second factor was rejected',
        'sign_out.succeeded': 'someone signed out',
        'session.ended': 'a session was ended from another browser, or by the operator. `session_uid`: which',
        'backchannel_logout.failed':
          'an application could not be notified of a sign-out (Back-Channel Logout) in nine attempts',
        'consent.granted': 'a user allowed an application access',
        'device.connected':
          'a user connected a device to an application (RFC 8628). `details.device_ip`: the address of the device',
        'sign_in_request.approved':
          'a user approved a sign-in that an application asked for without a browser (CIBA). `target`: the grant',
        'sign_in_request.denied': 'a user denied that',
        'consent.denied': 'a user denied an application access',
        'consent.withdrawn':
          'the access of an application was ended, with its grants and tokens; the user will be asked again',
        'authorization.refused': 'an authorization request was refused',
        'token_request.refused': 'a request to `/token` was refused',
        'introspection.refused': 'a request to `/token/introspection` was refused',
        'revocation.refused': 'a request to `/token/revocation` was refused',
        'registration.refused': 'a request to `/register` was refused',
        'userinfo.refused': 'a request to `/me` was refused',
        'connection_call.refused': 'a call through the proxy of connections had no valid access token',
        'sign_out.refused': 'a request to `/session/end` was refused',
        'grant.revoked': 'a grant was revoked, with all its tokens',
        'access_token.revoked': 'an application revoked an access token',
        'refresh_token.revoked': 'an application revoked a refresh token',
        'client_credentials.revoked': 'an application revoked its own token (client_credentials)',
        'identity_assertion.issued':
          'an application got an identity assertion for a sign-in (ID-JAG). `target`: the server that it is for',
        'identity_assertion.accepted':
          'an application got a token for an identity assertion of a trusted issuer (ID-JAG). `target`: the API; `details.issuer`: whose',
        'connection.created': 'an account at another service was connected. `target`: the connection',
        'connection.renewed': 'it was connected again: its credential was replaced',
        'connection.sign_in_allowed': 'its person can sign in with it from now on. `target`: the connection',
        'connection.sign_in_ended': 'its person can no longer sign in with it',
        'connection.removed': 'it was disconnected, and its credential destroyed',
        'connection.refused':
          'an account was not connected: the service refused, or the return from it was not valid',
        'connection.withdrawn': 'an application may no longer use the accounts of a person at a service',
        'connection.damaged': 'its stored credential did not open, and is not used any more',
        'trusted_issuer.added': 'the identity assertions of a server are accepted. `target`: its issuer',
        'trusted_issuer.removed': 'they are no longer accepted',
        'service.added': 'people can connect accounts of a service. `target`: its name',
        'service.updated': 'a service was changed. `target`: its name; `details.changed`: which columns',
        'service.disabled': 'nobody can connect to a service or use it. `target`: its name',
        'service.enabled': 'a disabled service was enabled again. `target`: its name',
        'token.exchanged':
          'an application got a token to call an API for a user (RFC 8693). `target`: the API; `details`: whose token it used, and the scope',
        'token.handed_out':
          'an application was given the access token of a connection (RFC 8693). `target`: the connection; `details`: the service, and the scope there',
        'code_replay.detected': 'an authorization code was used a second time',
        'refresh_token_reuse.detected': 'a refresh token was used a second time',
        'account.created': 'an account was created',
        'account.updated': 'an account was changed. `details.changed`: which columns',
        'account.disabled': 'an account was disabled',
        'account.enabled': 'an account was enabled again',
        'data.requested': 'a user requested a file with their data',
        'account.closing': 'a user closed their account. `details.closing_at`: when it is deleted',
        'account.kept': 'a user signed in to an account that was closing, which keeps it',
        'account.deleted':
          'an account was deleted. `details.closed_by_owner`: by the job, seven days after its owner closed it',
        'account.role_granted': 'a role was granted',
        'account.role_withdrawn': 'a role was withdrawn',
        'password.changed': 'a password was changed by someone who knew the old one',
        'password.added': 'an account that signs in with passkeys got a password',
        'password.removed': 'a password was removed by its owner, who has a passkey',
        'reset.requested':
          'a password reset link was requested. For an account that only waits for the address, `account_id` is NULL and `target` has its id',
        'reset.done': 'a password was reset with the link',
        'account.taken_over':
          'the reset confirmed the address for the first time: keys, codes, sessions, grants, connections and invitations from before ended. `details`: how many keys, connections and invitations',
        'email.change_requested': 'a change of address was requested',
        'email.changed': 'an address was changed',
        'email.verified': 'an address was confirmed',
        'mail.sent': 'the mail server accepted a message',
        'mail.failed': 'a message could not be sent',
        'invitation.created': 'an invitation was created',
        'invitation.redeemed': 'an invitation was used',
        'invitation.revoked': 'an invitation was revoked',
        'set_up_link.created': 'a link for the first administrator was created',
        'client.created': 'an application was registered',
        'client.updated': 'an application was changed',
        'client.disabled': 'an application was disabled',
        'client.enabled': 'an application was enabled again',
        'client.secret_rotated': 'an application got a new secret',
        'signing_key.rotated':
          'the next signing key began to sign. `target`: its `kid`; `details.previous`: the one it replaced',
        'signing_key.retired': 'the operator retired a signing key as leaked. `target`: its `kid`',
        'client.registered':
          'an application registered itself, or a user first allowed one that describes itself by a document. `details.token`: the id of its token',
        'client.registration_changed': 'an application changed its own registration',
        'client.registration_deleted': 'an application deleted its own registration',
        'registration_token.created':
          'a token was created with which applications register themselves. `target`: its id',
        'registration_token.revoked': 'that token was revoked',
        'resource.created': 'an API was registered. `target`: its identifier',
        'resource.updated': 'an API was changed',
        'resource.disabled': 'an API was disabled',
        'resource.enabled': 'an API was enabled again',
        'scope.described': 'the description of a scope was changed. `target`: the scope',
        'passkey.added': 'a passkey or security key was registered',
        'passkey.signed': 'a key was confirmed by another credential',
        'passkey.renamed': 'a key was renamed',
        'passkey.removed': 'a key was removed',
        'passkey.refused': 'the response of a key was rejected',
        'passkey.counter_regressed': 'the counter of a key decreased: it may have been copied',
        'totp.added': 'an authenticator app was set up',
        'totp.removed': 'an authenticator app was removed',
        'recovery_codes.made': 'ten new recovery codes were made',
        'change.disputed':
          'the owner of a mailbox said that a change was not theirs, and the account was signed out everywhere. `details`: which change, and whether password and key were ended',
        'recovery_code.used':
          'a recovery code of an account without a password opened the creation of a passkey',
        'recovery_code.refused': 'a username and recovery code were refused there; no account is recorded',
        'recovery_link.created': 'an administrator made a link to register a passkey',
        'recovery_link.used': 'that link was used',
      },
    },
    indices: {
      I_auth_audit_log_account_id: 'The history of an account; deleting the account, which sets it to NULL.',
      I_auth_audit_log_created_at: 'The latest events; the clean-up.',
    },
    unenforced: {
      actor_id: { target: 'T_accounts.id', why: 'The log outlives the account of the actor.' },
      client_id: CLIENT_REFERENCE,
      session_uid: { target: 'T_user_sessions.uid', why: 'The log outlives sessions.' },
    },
    security: [
      'At most 30 rows an hour on each server for refusals of one application, action, error and parameter; `details.omitted` counts the rest.',
    ],
    lifetime: 'Two years, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
  T_rate_limits: {
    part: 'audit',
    purpose:
      'How much of a limit an address or mailbox has used; with LATCHKEY_REDIS_URL this is in Redis. One row counts password attempts for unknown and locked accounts, so that they take as long as others.',
    columns: {
      key_hash: 'Digest of the limit’s name and the address (for IPv6 its /64) or mailbox.',
      points: 'Attempts in the current window.',
      expires_at: 'When the window ends.',
    },
    indices: {
      I_rate_limits_key_hash: 'Counting an attempt.',
      I_rate_limits_expires_at: 'The clean-up.',
    },
    secrets: {
      key_hash: {
        stored: 'hashed',
        ifStolen: 'Find addresses and mailboxes by trying all of them. They are personal data, not secrets.',
      },
    },
    security: ['One statement increments the count and returns it.'],
    lifetime: 'Minutes to an hour.',
    initialContent: 'Empty.',
  },
};
