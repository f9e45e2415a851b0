/** A limit: the number of attempts allowed in a number of seconds. */
export interface LimitSize {
  attempts: number;
  seconds: number;
}

/** The limits of one address: an IPv4 address, or the /64 of an IPv6 one. */
export const LIMITS = {
  /** Failed sign-ins: more than a whole office mistypes, and too few to try one password on ten thousand accounts. */
  signIn: { attempts: 50, seconds: 900 },
  /** Unknown invitation codes. */
  invitation: { attempts: 20, seconds: 900 },
  /** Started passkey ceremonies, each of which writes a row. A sign-in page starts one each time it is opened. */
  ceremony: { attempts: 600, seconds: 900 },
  /** Visits of services to connect an account or to sign in. Each writes a row, and asks the service. */
  connect: { attempts: 100, seconds: 900 },
  /** Pushed requests of public applications, whose name anyone can use. Each writes a row. */
  push: { attempts: 100, seconds: 900 },
  /** Requests of devices, the same. */
  deviceRequest: { attempts: 100, seconds: 900 },
  /** Applications that register themselves. Each writes a row. A run of a conformance suite registers some dozens. */
  registration: { attempts: 100, seconds: 3600 },
  /** Documents in the place of a registration, which this server fetches from wherever a request says. */
  metadataDocument: { attempts: 60, seconds: 900 },
  /** Request objects at an address of an application that nobody has checked: this server fetches each. */
  requestObject: { attempts: 60, seconds: 900 },
  /** The same of other applications, whose servers it must not flood. One for each sign-in, also in a large office. */
  checkedRequestObject: { attempts: 600, seconds: 900 },
  /** Codes of devices that do not exist: nobody mistypes so many (RFC 8628 section 5.1). */
  userCode: { attempts: 20, seconds: 900 },
  /** Requests for a mail, to any account: to set a password, recover a passkey or confirm an address. */
  mail: { attempts: 10, seconds: 900 },
} satisfies Record<string, LimitSize>;

/** Messages to one mailbox, from any address, and whether an account has it or not. */
export const MAILBOX = { attempts: 5, seconds: 3600 };

/** Messages about sign-ins that an application started without a browser. Apart, so that they do not use up those of the owner. */
export const REQUEST_MAILBOX = { attempts: 5, seconds: 3600 };
