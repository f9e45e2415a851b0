import { BlockList, isIP } from 'node:net';

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** @returns undefined for a text that is neither an address nor a network such as 10.0.0.0/8 */
function parseNetwork(text: string): { address: string; bits: number } | undefined {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const most = { 4: 32, 6: 128 }[isIP(address)];
  const bits = length === undefined ? most : Number(length);
  return most === undefined || bits === undefined || bits > most ? undefined : { address, bits };
}

/** Whether a text is an IP address, or a network such as 10.0.0.0/8 or fd00::/8. */
export const isNetwork = (text: string) => parseNetwork(text) !== undefined;

/** @returns a function that tells whether an address is in one of the networks */
export function createNetworkList(networks: string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks.map(parseNetwork))
    if (network) list.addSubnet(network.address, network.bits, familyOf(network.address));
  return (address) => list.check(address, familyOf(address));
}
