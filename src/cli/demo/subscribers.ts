import type { Quake } from './quakes.js';

/** West, south, east, north, in degrees. */
type Box = readonly [number, number, number, number];

/** Who wants to hear of what, and how. */
export interface Subscriber {
  readonly id: string;
  readonly area: string;
  readonly box: Box;
  readonly minMagnitude: number;
  readonly channels: readonly ('email' | 'webhook')[];
}

/** One notification that the rules call for. */
export interface Alert {
  /** Subscriber and earthquake: whoever works it out again gets the same key. */
  readonly key: string;
  readonly channels: Subscriber['channels'];
  readonly request: Readonly<Record<string, unknown>>;
}

/** Areas, and the least magnitudes of which three subscribers each want to hear. */
const AREAS: readonly (readonly [name: string, box: Box, magnitudes: readonly [number, number, number]])[] = [
  ['world', [-180, -90, 180, 90], [5, 4, 6]],
  ['california', [-125, 32, -114, 42], [2, 1.5, 3]],
  ['alaska', [-180, 51, -130, 72], [2.5, 2, 4]],
  ['nevada', [-120, 35, -114, 42], [1, 2, 0]],
  ['hawaii', [-161, 18, -154, 23], [2, 1, 3]],
  ['washington', [-125, 45.5, -116.9, 49], [1, 0, 2]],
  ['rockies', [-117, 36, -102, 49], [1, 1.5, 2.5]],
  ['caribbean', [-75, 15, -60, 22], [2.5, 2, 3]],
  ['oklahoma', [-103, 33.6, -94.4, 37], [2, 0, 3]],
  ['japan', [122, 20, 150, 46], [4, 3, 5]],
  ['indonesia', [94, -12, 142, 8], [4, 3, 5]],
  ['andes', [-82, -56, -62, 12], [4, 3, 5]],
];

/** Half by e-mail, half by webhook, every sixth by both. */
export const SUBSCRIBERS: readonly Subscriber[] = AREAS.flatMap(([area, box, magnitudes]) =>
  magnitudes.map((minMagnitude, index) => ({ id: `${area}-${index + 1}`, area, box, minMagnitude })),
).map((subscriber, index) => {
  const one = index % 2 === 0 ? (['email'] as const) : (['webhook'] as const);
  return { ...subscriber, channels: index % 6 === 5 ? (['email', 'webhook'] as const) : one };
});

function wants({ box: [west, south, east, north], minMagnitude }: Subscriber, quake: Quake): boolean {
  const inside = quake.longitude >= west && quake.longitude <= east && quake.latitude >= south && quake.latitude <= north;
  return inside && quake.magnitude >= minMagnitude;
}

/** Every alert that the rules call for, in the order of the earthquakes. `sinkUrl` takes the webhooks. */
export function alertsFor(quakes: readonly Quake[], sinkUrl: string): readonly Alert[] {
  return quakes.flatMap((quake) =>
    SUBSCRIBERS.filter((subscriber) => wants(subscriber, quake)).map((subscriber) => alertOf(subscriber, quake, sinkUrl)),
  );
}

function alertOf({ id, area, channels }: Subscriber, quake: Quake, sinkUrl: string): Alert {
  const addresses = { email: `${id}@demo.example.org`, webhook: `${sinkUrl}/webhook/${id}` };
  const body = `${quake.title}\n\nMagnitude ${quake.magnitude}, ${quake.depthKm} km deep, at ${quake.latitude}, ${quake.longitude} on ${quake.time}.\n${quake.url}`;
  return {
    key: `quake-${id}-${quake.id}`,
    channels,
    request: {
      userId: id,
      channels,
      to: Object.fromEntries(channels.map((channel) => [channel, addresses[channel]])),
      category: 'earthquakes',
      priority: quake.magnitude >= 5 ? 'urgent' : 'normal',
      subject: quake.title,
      body,
      data: { quake: quake.id, area, magnitude: quake.magnitude, place: quake.place, time: quake.time },
    },
  };
}
