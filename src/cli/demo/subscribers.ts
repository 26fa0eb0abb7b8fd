import type { Life, Rest } from './people.js';
import type { Quake } from './quakes.js';

/** West, south, east, north, in degrees. */
type Box = readonly [number, number, number, number];

export type DemoChannel = 'email' | 'sms' | 'push' | 'webhook' | 'in-app';

/** Who wants to hear of what, and how. */
export interface Subscriber extends Life {
  readonly area: string;
  readonly box: Box;
  readonly minMagnitude: number;
  readonly channels: readonly DemoChannel[];
}

/** One notification that the rules call for. */
export interface Alert {
  /** Subscriber and earthquake: whoever works it out again gets the same key. */
  readonly key: string;
  readonly userId: string;
  /** Passes quiet hours. */
  readonly urgent: boolean;
  readonly channels: readonly DemoChannel[];
  readonly request: Readonly<Record<string, unknown>>;
}

interface Area {
  readonly name: string;
  readonly box: Box;
  /** Three subscribers want to hear of these and stronger ones. */
  readonly magnitudes: readonly [number, number, number];
  /** Where they live, in turn. */
  readonly zones: readonly string[];
}

const AREAS: readonly Area[] = [
  { name: 'world', box: [-180, -90, 180, 90], magnitudes: [5, 4, 6], zones: ['Europe/Lisbon', 'Asia/Kathmandu', 'Australia/Adelaide'] },
  { name: 'california', box: [-125, 32, -114, 42], magnitudes: [2, 1.5, 3], zones: ['America/Los_Angeles'] },
  { name: 'alaska', box: [-180, 51, -130, 72], magnitudes: [2.5, 2, 4], zones: ['America/Anchorage', 'America/Adak'] },
  { name: 'nevada', box: [-120, 35, -114, 42], magnitudes: [1, 2, 0], zones: ['America/Los_Angeles', 'America/Boise'] },
  { name: 'hawaii', box: [-161, 18, -154, 23], magnitudes: [2, 1, 3], zones: ['Pacific/Honolulu'] },
  { name: 'washington', box: [-125, 45.5, -116.9, 49], magnitudes: [1, 0, 2], zones: ['America/Los_Angeles', 'America/Vancouver'] },
  { name: 'rockies', box: [-117, 36, -102, 49], magnitudes: [1, 1.5, 2.5], zones: ['America/Denver', 'America/Phoenix'] },
  { name: 'caribbean', box: [-75, 15, -60, 22], magnitudes: [2.5, 2, 3], zones: ['America/Puerto_Rico', 'America/Santo_Domingo'] },
  { name: 'oklahoma', box: [-103, 33.6, -94.4, 37], magnitudes: [2, 0, 3], zones: ['America/Chicago'] },
  { name: 'japan', box: [122, 20, 150, 46], magnitudes: [4, 3, 5], zones: ['Asia/Tokyo'] },
  { name: 'indonesia', box: [94, -12, 142, 8], magnitudes: [4, 3, 5], zones: ['Asia/Jakarta', 'Asia/Makassar'] },
  { name: 'andes', box: [-82, -56, -62, 12], magnitudes: [4, 3, 5], zones: ['America/Santiago', 'America/Lima', 'America/Caracas'] },
];

/** Below this it is a tremor, a category of its own that one may not care for. */
const FELT = 2.5;
/** From here on it is urgent. */
const STRONG = 5;

interface Habit {
  readonly rest: Rest;
  readonly channels: readonly DemoChannel[];
  readonly channelOff?: DemoChannel;
  readonly categoryOff?: string;
}

/** How people live, in turn. */
const HABITS: readonly Habit[] = [
  { rest: 'awake', channels: ['email'] },
  { rest: 'asleep', channels: ['webhook'] },
  { rest: 'awake', channels: ['email', 'in-app'], categoryOff: 'tremors/email' },
  { rest: 'waking', channels: ['sms'] },
  { rest: 'awake', channels: ['push', 'webhook'] },
  { rest: 'awake', channels: ['email', 'sms'], channelOff: 'sms' },
  { rest: 'asleep', channels: ['email'] },
];

/** Everybody, each in their own zone and with their own habits. */
export const SUBSCRIBERS: readonly Subscriber[] = AREAS.flatMap(({ name, box, magnitudes, zones }) =>
  magnitudes.map((minMagnitude, turn) => ({
    id: `${name}-${turn + 1}`,
    area: name,
    box,
    minMagnitude,
    timeZone: zones[turn % zones.length] ?? 'UTC',
  })),
).map((subscriber, index) => {
  const { rest, channels, channelOff = null, categoryOff = null } = HABITS[index % HABITS.length] ?? { rest: 'awake', channels: ['email'] };
  return { ...subscriber, index, rest, channels, channelOff, categoryOff };
});

function wants({ box: [west, south, east, north], minMagnitude }: Subscriber, quake: Quake): boolean {
  const inside = quake.longitude >= west && quake.longitude <= east && quake.latitude >= south && quake.latitude <= north;
  return inside && quake.magnitude >= minMagnitude;
}

/** Every alert that the rules call for, in the order of the earthquakes. It goes to the contacts that people have given. */
export function alertsFor(quakes: readonly Quake[]): readonly Alert[] {
  return quakes.flatMap((quake) =>
    SUBSCRIBERS.filter((subscriber) => wants(subscriber, quake)).map((subscriber) => alertOf(subscriber, quake)),
  );
}

function alertOf({ id, area, channels }: Subscriber, quake: Quake): Alert {
  const body = `${quake.title}\n\nMagnitude ${quake.magnitude}, ${quake.depthKm} km deep, at ${quake.latitude}, ${quake.longitude} on ${quake.time}.\n${quake.url}`;
  const urgent = quake.magnitude >= STRONG;
  return {
    key: `demo-${id}-${quake.id}`,
    userId: id,
    urgent,
    channels,
    request: {
      userId: id,
      channels,
      category: quake.magnitude >= FELT ? 'earthquakes' : 'tremors',
      priority: urgent ? 'urgent' : 'normal',
      subject: quake.title,
      body,
      data: { quake: quake.id, area, magnitude: quake.magnitude, place: quake.place, time: quake.time },
    },
  };
}
