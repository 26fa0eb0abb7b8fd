import { parse } from 'yaml';
import { type Check, hold } from '../check.js';
import { inside } from '../containers.js';
import type { World } from '../world.js';

interface Route {
  readonly receiver?: string;
  readonly routes?: readonly Route[];
}

interface Config {
  readonly route?: Route;
  readonly receivers?: readonly Readonly<Record<string, unknown>>[];
}

/** By which kind of receiver somebody is told; each with the addresses that it needs. */
const WAYS = {
  mail: { kind: 'email_configs', to: ['to'] },
  chat: { kind: 'slack_configs', to: ['channel', 'api_url', 'api_url_file'] },
  pager: { kind: 'pagerduty_configs', to: ['routing_key', 'routing_key_file', 'service_key', 'service_key_file'] },
} as const;

/** The receivers that a route leads to. */
function ledTo({ receiver, routes = [] }: Route): readonly string[] {
  return [...(receiver === undefined ? [] : [receiver]), ...routes.flatMap(ledTo)];
}

/**
 * By which ways a configuration of Alertmanager tells somebody: of the receivers that a route leads to, those with an address.
 * The words alone say nothing: where no receiver is left, its `global` still names all of them.
 */
function waysIn(config: string): Readonly<Record<keyof typeof WAYS, readonly string[]>> {
  const { route = {}, receivers = [] } = (parse(config, { merge: true }) ?? {}) as Config;
  const led = new Set(ledTo(route));
  const by = ({ kind, to }: (typeof WAYS)[keyof typeof WAYS]): readonly string[] =>
    receivers.flatMap((receiver) => {
      const each = (receiver[kind] ?? []) as readonly Readonly<Record<string, unknown>>[];
      const somewhere = each.some((one) => to.some((name) => typeof one[name] === 'string' && one[name] !== ''));
      return somewhere && led.has(String(receiver['name'])) ? [String(receiver['name'])] : [];
    });
  return { mail: by(WAYS.mail), chat: by(WAYS.chat), pager: by(WAYS.pager) };
}

/** As Alertmanager has it loaded, not as the file is written. */
async function alertmanagerConfig(world: World): Promise<string> {
  const { stdout } = await inside(world, 'alertmanager', ['amtool', 'check-config', '/etc/alertmanager/alertmanager.yml']);
  hold(/SUCCESS/.test(stdout), 'amtool to find no fault', stdout);
  const { body } = await world.expect<{ config?: { original?: string } }>(200, `${world.site.alertmanager}/api/v2/status`);
  const original = body.config?.original ?? '';
  const ways = waysIn(original);
  for (const [way, receivers] of Object.entries(ways)) {
    hold(receivers.length > 0, `a receiver for ${way} that a route leads to`, original);
  }
  const told = Object.entries(ways).map(([way, receivers]) => `${way} by ${receivers.join(' and ')}`);
  return `amtool: no fault; ${told.join(', ')}`;
}

/** Whom Alertmanager tells. */
export const RECEIVERS: readonly Check[] = [
  { id: 'FIL-08', on: ['compose'], elsewhere: 'about the containers: measured with --target compose', run: alertmanagerConfig },
];
