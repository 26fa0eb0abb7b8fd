import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { buildConnector } from 'undici';

/** Resolves a name to every address it has; rejects when it has none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface ConnectGuardOptions {
  /** Refuse plain http. Default: false. */
  readonly requireHttps?: boolean;
  /**
   * What is allowed although it is not public: `host:port` (the host as it stands in the URL, whatever it resolves
   * to) or a CIDR block (any port). For development and tests; an entry here opens the inside of the network.
   */
  readonly allow?: readonly string[];
  /** Default: the operating system's resolver. */
  readonly resolve?: Resolve;
  /** Milliseconds until the connection stands: name lookup and TLS included. */
  readonly connectTimeoutMs: number;
}

/** The address is not one that we connect to. Says the same of every refused kind: why would be a port scanner's answer. */
export class AddressRefusedError extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor() {
    super('The webhook address is not allowed');
    this.name = 'AddressRefusedError';
  }
}

export interface ConnectGuard {
  /** Parses and checks what can be checked without a lookup. Throws {@link AddressRefusedError}. */
  check(url: string): URL;
  /** Opens connections for undici, only to addresses that were checked after the lookup. undici comes from the caller, who loads it late. */
  connector(build: typeof buildConnector): ReturnType<typeof buildConnector>;
}

type Block = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Public by its number, internal by its use: Azure's host agent answers every virtual machine under it. */
const PROVIDER_INTERNAL: Block = ipaddr.parseCIDR('168.63.129.16/32');
/** The only IPv6 block that is handed out as global unicast; what lies outside has no public hosts. */
const GLOBAL_UNICAST: Block = ipaddr.parseCIDR('2000::/3');

/**
 * Keeps webhooks away from the inside of the network (server-side request forgery).
 *
 * Names are checked after they were resolved, in the lookup of the very connection that is then made to the address
 * that was checked, so that a name which resolves differently the second time (DNS rebinding) gains nothing. Literal
 * addresses never pass a lookup, so the connector checks them itself. Every address of a name must be public.
 */
export function connectGuard(options: ConnectGuardOptions): ConnectGuard {
  const allow = parseAllowList(options.allow ?? []);
  const resolve = options.resolve ?? resolveBySystem;
  return {
    check(text) {
      const url = parse(text);
      if (url.protocol !== 'https:' && (url.protocol !== 'http:' || options.requireHttps === true)) throw new AddressRefusedError();
      if (url.username !== '' || url.password !== '' || url.hostname === '') throw new AddressRefusedError();
      if (!allow.hosts.has(hostAndPort(url)) && isRefusedLiteral(url.hostname, allow.blocks)) throw new AddressRefusedError();
      return url;
    },
    connector(build) {
      const timeout = options.connectTimeoutMs;
      const guarded = build({ timeout, lookup: checkedLookup(resolve, (address) => isAllowed(address, allow.blocks)) });
      const free = build({ timeout, lookup: checkedLookup(resolve, () => true) });
      return (target, callback) => {
        const port = target.port === '' ? defaultPort(target.protocol) : target.port;
        if (allow.hosts.has(`${target.hostname}:${port}`)) return free(target, callback);
        if (isRefusedLiteral(target.hostname, allow.blocks)) return callback(new AddressRefusedError(), null);
        return guarded(target, callback);
      };
    },
  };
}

/** `host:port` of a URL, with the port that its scheme implies. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port === '' ? defaultPort(url.protocol) : url.port}`;
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}

/** WHATWG parsing turns 0x7f.1, 2130706433, fullwidth digits and the like into plain dotted quads. */
function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new AddressRefusedError();
  }
}

function isRefusedLiteral(hostname: string, blocks: readonly Block[]): boolean {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) !== 0 && !isAllowed(bare, blocks);
}

function isAllowed(address: string, blocks: readonly Block[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (blocks.some((block) => isWithin(parsed, block))) return true;
  // Mapped, translated and tunnelled addresses (::ffff:, 64:ff9b::, 6to4, Teredo) have ranges of their own here.
  if (parsed.range() !== 'unicast' || isWithin(parsed, PROVIDER_INTERNAL)) return false;
  return parsed.kind() === 'ipv4' || isWithin(parsed, GLOBAL_UNICAST);
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Block): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

function checkedLookup(resolve: Resolve, isGood: (address: string) => boolean): LookupFunction {
  return (hostname, lookupOptions, callback) => {
    resolve(hostname).then(
      (addresses) => {
        if (!addresses.every(isGood)) return callback(new AddressRefusedError(), '', 0);
        const wanted = lookupOptions.family === 4 || lookupOptions.family === 6 ? lookupOptions.family : 0;
        const found: LookupAddress[] = addresses
          .map((address) => ({ address, family: isIP(address) }))
          .filter(({ family }) => family !== 0 && (wanted === 0 || family === wanted));
        const [first] = found;
        if (first === undefined) return callback(new Error('The name has no address'), '', 0);
        return lookupOptions.all === true ? callback(null, found) : callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, '', 0),
    );
  };
}

const resolveBySystem: Resolve = async (hostname) => (await systemLookup(hostname, { all: true })).map(({ address }) => address);

function parseAllowList(entries: readonly string[]): { readonly hosts: ReadonlySet<string>; readonly blocks: readonly Block[] } {
  const hosts = new Set<string>();
  const blocks: Block[] = [];
  for (const entry of entries) {
    if (ipaddr.isValidCIDR(entry)) blocks.push(ipaddr.parseCIDR(entry));
    else hosts.add(parseHostEntry(entry));
  }
  return { hosts, blocks };
}

function parseHostEntry(entry: string): string {
  // Through the URL parser, so that an entry is spelled as the URLs that it is compared with are.
  const url = /:\d{1,5}$/.test(entry) && !entry.includes('/') && URL.canParse(`http://${entry}`) ? new URL(`http://${entry}`) : null;
  if (url === null || url.username !== '') throw new TypeError('An entry of the allow list must be host:port or a CIDR block');
  return hostAndPort(url);
}
