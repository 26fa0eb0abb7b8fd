import { hold, Unmeasured } from './check.js';
import type { Ran, World } from './world.js';

/** One container of the stack, as the engine tells of it. */
export interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly Config: {
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: { readonly Test?: readonly string[] };
  };
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly HostConfig: { readonly Memory: number; readonly NanoCpus: number; readonly CpuQuota?: number };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, object>>;
  };
  readonly Mounts: readonly { readonly Type: string; readonly Destination: string; readonly Name?: string }[];
}

/** Runs a verb of compose. @throws Unmeasured where the site has no containers */
export function compose(world: World, args: readonly string[], withinMs = 60_000): Promise<Ran> {
  return world.succeed([...composeOf(world), ...args], { env: world.site.environment, withinMs });
}

function composeOf({ site }: World): readonly string[] {
  if (site.compose === null) throw new Unmeasured('there are no containers here');
  return site.compose;
}

/** The file that the stack is made of. */
export function composeFile(world: World): string {
  const argv = composeOf(world);
  return argv[argv.indexOf('-f') + 1] ?? '';
}

/** All containers of the stack that exist. */
export async function containers(world: World): Promise<readonly Container[]> {
  const ids = (await compose(world, ['ps', '-a', '-q'])).stdout.split('\n').filter((id) => id !== '');
  hold(ids.length > 0, 'containers of the stack', 'none');
  const { stdout } = await world.succeed(['docker', 'inspect', ...ids], { env: world.site.environment });
  return JSON.parse(stdout) as readonly Container[];
}

export function serviceOf({ Config }: Container): string {
  return Config.Labels['com.docker.compose.service'] ?? '';
}

/** Runs a command inside of a service's first container. */
export function inside(world: World, service: string, argv: readonly string[]): Promise<Ran> {
  return compose(world, ['exec', '-T', service, ...argv]);
}

/** The first service of this name or one that begins with it. */
export async function serviceNamed(world: World, wanted: RegExp): Promise<string> {
  const names = (await containers(world)).map(serviceOf);
  const found = names.find((name) => wanted.test(name));
  hold(found !== undefined, `a service ${wanted.source}`, names);
  return found;
}
