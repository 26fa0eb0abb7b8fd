import type { Setting } from './setting.js';
import { PROVIDERS } from './settings-channels.js';
import { CLUSTER } from './settings-cluster.js';
import { IDENTITY } from './settings-identity.js';
import { LATER, SERVERS } from './settings-later.js';
import { PEOPLE } from './settings-people.js';
import { CHANNELS, PROCESS, SWITCHES } from './settings-server.js';
import { STREAMS } from './settings-streams.js';
import { STORE, WORK } from './settings-work.js';

/** Every setting by its name in {@link Config}: the only description of the configuration. */
export const SETTINGS = {
  ...PROCESS,
  ...IDENTITY,
  ...STORE,
  ...CLUSTER,
  ...SWITCHES,
  ...WORK,
  ...CHANNELS,
  ...PROVIDERS,
  ...PEOPLE,
  ...STREAMS,
  ...LATER,
  ...SERVERS,
};

export type SettingName = keyof typeof SETTINGS;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The parsed value of every setting, before defaults that depend on other settings are filled in. */
export type Values = { readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };

/** A setting whatever its type, for those who only show it. */
export type AnySetting = (typeof SETTINGS)[SettingName];

/** The settings in the order and under the headings of the template and the reference. */
export const SECTIONS: readonly { readonly title: string; readonly settings: readonly AnySetting[] }[] = [
  { title: 'Process and API', settings: Object.values(PROCESS) },
  { title: 'Identity and limits', settings: Object.values(IDENTITY) },
  { title: 'Store and queue', settings: Object.values(STORE) },
  { title: 'Fleet: roles, MongoDB, RabbitMQ, Redis', settings: Object.values(CLUSTER) },
  { title: 'Switches', settings: Object.values(SWITCHES) },
  { title: 'Claims, retries and breakers', settings: Object.values(WORK) },
  { title: 'Channels and the sink', settings: Object.values(CHANNELS) },
  { title: 'People and their links', settings: Object.values(PEOPLE) },
  { title: 'SMS, push, inbox, and rates', settings: Object.values(PROVIDERS) },
  { title: 'Messages and their log', settings: Object.values(STREAMS) },
  { title: 'Accepted, without effect in this version', settings: Object.values(LATER) },
  { title: 'Refused in this version', settings: Object.values(SERVERS) },
];
