import { readFile } from 'node:fs/promises';
import { CliError } from '../cli-error.js';

/** One earthquake of the feed. */
export interface Quake {
  readonly id: string;
  readonly title: string;
  readonly place: string;
  readonly magnitude: number;
  readonly longitude: number;
  readonly latitude: number;
  readonly depthKm: number;
  /** ISO 8601. */
  readonly time: string;
  readonly url: string;
}

/** GeoJSON as the USGS publishes it, as far as it is used here. */
interface Feed {
  readonly features: readonly {
    readonly id: string;
    readonly properties: {
      readonly mag: number;
      readonly place: string;
      readonly time: number;
      readonly title: string;
      readonly url: string;
    };
    readonly geometry: { readonly coordinates: readonly [number, number, number] };
  }[];
}

const FEED = new URL('../../../node_modules/vega-datasets/data/earthquakes.json', import.meta.url);

/** A week of earthquakes, oldest first. @throws CliError where the data set is not installed */
export async function loadQuakes(): Promise<readonly Quake[]> {
  let text: string;
  try {
    text = await readFile(FEED, 'utf8');
  } catch {
    throw new CliError('the demo needs the data set of the development dependency vega-datasets: run npm ci (without --omit=dev)');
  }
  const { features } = JSON.parse(text) as Feed;
  return features
    .map(({ id, properties, geometry: { coordinates } }) => ({
      id,
      title: properties.title,
      place: properties.place,
      magnitude: properties.mag,
      longitude: coordinates[0],
      latitude: coordinates[1],
      depthKm: coordinates[2],
      time: new Date(properties.time).toISOString(),
      url: properties.url,
    }))
    .sort((a, b) => a.time.localeCompare(b.time));
}
