import { type Command, InvalidArgumentError, Option } from 'commander';
import { clientFor, count, family, id, print, printJson, remark, wantsJson } from './command.js';
import { columns } from './table.js';

const EXAMPLES = `
Examples:
  $ signalbox key create orders --scopes send,read
  $ signalbox key list
  $ signalbox key rotate 6f1c2a9b03d4e857 --overlap 1d       a new one; the old one goes on for a day
  $ signalbox key revoke 6f1c2a9b03d4e857

The key that these commands themselves use is SIGNALBOX_API_KEY; it needs the scope admin (another tenant's keys: operate).`;

interface Key {
  readonly keyId: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly endsAt: string | null;
  readonly endedBy: string | null;
}

interface NewKey extends Key {
  /** Its text, this once. */
  readonly key: string;
  readonly replacedEndsAt?: string | null;
}

interface CreateOptions {
  readonly scopes: readonly string[];
  readonly tenant?: string;
  readonly expires?: number;
}

/** `signalbox key …`: API keys, through the API. */
export function addKey(program: Command): void {
  const key = family(program, 'key', 'API keys: who may call, and what for', EXAMPLES);
  addCreate(key);
  addList(key);
  addRotate(key);
  addRevoke(key);
}

const tenant = (): Option => new Option('--tenant <name>', "another tenant's than one's own; needs the scope operate");
const expires = (): Option => new Option('--expires <days>', 'honoured for so many days (default: until it is revoked)').argParser(count);

function addCreate(key: Command): void {
  key
    .command('create')
    .description('make a key; it is shown once')
    .argument('<name>', 'of the service that uses it; all keys of one name are one principal')
    .addOption(new Option('--scopes <list>', 'send, read, desk, admin, operate, comma-separated').argParser(words).makeOptionMandatory())
    .addOption(tenant())
    .addOption(expires())
    .addHelpText('after', '\nExample:\n  $ signalbox key create orders --scopes send,read --tenant shop --expires 90')
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const body = { name, scopes: options.scopes, ...within(options), ...life(options) };
      const client = await clientFor(command);
      show((await client.send<NewKey>('POST', '/api/v1/keys', body)).body, command);
    });
}

function addList(key: Command): void {
  key
    .command('list')
    .description('the keys of a tenant, the newest first, and those that ended lately; never their secrets')
    .addOption(tenant())
    .option('--limit <n>', 'at most so many', count, 100)
    .addHelpText('after', '\nExample:\n  $ signalbox key list --json')
    .action(async (options: { readonly tenant?: string; readonly limit: number }, command: Command) => {
      const client = await clientFor(command);
      const page = await client.list<Key>('/api/v1/keys', within(options), options.limit);
      if (wantsJson(command)) return printJson(page);
      print(page.data.length === 0 ? 'no keys' : columns([HEADINGS, ...page.data.map(row)]));
    });
}

function addRotate(key: Command): void {
  key
    .command('rotate')
    .description('make a key in the place of another, which goes on for a while: for the same name, with the same scopes')
    .argument('<id>', 'of the old key', id)
    .addOption(
      new Option('--overlap <time>', 'how long the old one goes on, e.g. 0s, 15m, 1h, 7d').argParser(seconds).default(86_400, '1d'),
    )
    .addOption(tenant())
    .addOption(expires())
    .addHelpText('after', '\nExample:\n  $ signalbox key rotate 6f1c2a9b03d4e857 --overlap 1h')
    .action(async (keyId: string, options: CreateOptions & { readonly overlap: number }, command: Command) => {
      const body = { overlapSeconds: options.overlap, ...within(options), ...life(options) };
      const client = await clientFor(command);
      const { body: made } = await client.send<NewKey>('POST', `/api/v1/keys/${encodeURIComponent(keyId)}/rotate`, body);
      show(made, command);
      if (!wantsJson(command)) remark(`${keyId} is honoured until ${made.replacedEndsAt ?? 'it is revoked'}`);
    });
}

function addRevoke(key: Command): void {
  key
    .command('revoke')
    .description('end a key, within 5 s in all processes')
    .argument('<id>', 'of the key', id)
    .addOption(tenant())
    .addHelpText('after', '\nExample:\n  $ signalbox key revoke 6f1c2a9b03d4e857')
    .action(async (keyId: string, options: { readonly tenant?: string }, command: Command) => {
      const query = options.tenant === undefined ? '' : `?tenant=${encodeURIComponent(options.tenant)}`;
      const client = await clientFor(command);
      const { body: ended } = await client.send<Key>('DELETE', `/api/v1/keys/${encodeURIComponent(keyId)}${query}`);
      if (wantsJson(command)) printJson(ended);
      else print(`${ended.keyId} (${ended.name} of ${ended.tenant}) ended at ${ended.endsAt ?? ''}, by ${ended.endedBy ?? ''}`);
    });
}

const HEADINGS = ['id', 'name', 'tenant', 'scopes', 'made', 'by', 'ends', 'by'];

function row({ keyId, name, tenant: of, scopes, createdAt, createdBy, endsAt, endedBy }: Key): readonly string[] {
  return [keyId, name, of, scopes.join(','), createdAt, createdBy, endsAt ?? '-', endedBy ?? ''];
}

/** The text alone on standard output, so that it can be led to where it is kept. */
function show(made: NewKey, command: Command): void {
  if (wantsJson(command)) {
    printJson(made);
    return;
  }
  print(made.key);
  const { keyId, name, tenant: of, scopes, endsAt } = made;
  remark(`key ${keyId}: ${name} of ${of}, for ${scopes.join(', ')}, until ${endsAt ?? 'it is revoked'}; it is not shown again`);
}

function within({ tenant: of }: { readonly tenant?: string }): { readonly tenant?: string } {
  return of === undefined ? {} : { tenant: of };
}

function life({ expires: days }: { readonly expires?: number }): { readonly expiresInDays?: number } {
  return days === undefined ? {} : { expiresInDays: days };
}

function words(text: string): readonly string[] {
  const found = text.split(',').map((word) => word.trim());
  if (found.includes('')) throw new InvalidArgumentError('It must be a list such as send,read.');
  return found;
}

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function seconds(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a time such as 0s, 15m, 1h or 7d.');
  return Number(amount) * (UNIT_S[unit] ?? 1);
}
