import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from './cli-error.js';

/** What the supervisor writes down for us. */
interface ControlFile {
  readonly url: string;
  readonly token: string;
}

/** One process as the supervisor sees it. */
export interface ClusterProcess {
  readonly name: string;
  readonly kind: 'api' | 'worker' | 'sink';
  readonly state: string;
  readonly pid: number | null;
  readonly port: number | null;
  readonly restarts: number;
  readonly startedAt: string | null;
  readonly lastExit: string | null;
}

export interface ClusterStatus {
  readonly pid: number;
  readonly startedAt: string;
  readonly busy: string | null;
  readonly sink: string | null;
  readonly processes: readonly ClusterProcess[];
}

type Progress = { readonly line: string } | { readonly ok: true } | { readonly ok: false; readonly error: string };

const STATUS_WITHIN_MS = 5_000;

/** The supervisor whose control file is in this directory. */
export class ClusterClient {
  readonly #file: ControlFile;

  /** @throws CliError when no cluster runs there */
  constructor(directory: string) {
    try {
      this.#file = JSON.parse(readFileSync(join(directory, 'control.json'), 'utf8')) as ControlFile;
    } catch {
      throw new CliError(`no cluster runs here (there is no ${join(directory, 'control.json')}): start one with npm run cluster`);
    }
  }

  async status(): Promise<ClusterStatus> {
    const response = await this.#call('GET', '/status', undefined, AbortSignal.timeout(STATUS_WITHIN_MS));
    return (await response.json()) as ClusterStatus;
  }

  /** Does it and tells what goes on, line by line. @throws CliError when it fails */
  async act(path: string, body: object, tell: (line: string) => void): Promise<void> {
    const response = await this.#call('POST', path, body);
    let rest = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const progress = JSON.parse(line) as Progress;
        if ('line' in progress) tell(progress.line);
        else if (progress.ok) return;
        else throw new CliError(progress.error);
      }
    }
    throw new CliError('the supervisor ended before it was done');
  }

  async #call(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#file.token}`, 'content-type': 'application/json' };
    const init = {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await fetch(this.#file.url + path, init).catch(() => {
      throw new CliError('no cluster runs here (its control file was left behind): start one with npm run cluster');
    });
    if (response.ok) return response;
    const { error = `answered ${response.status}` } = (await response.json().catch(() => ({}))) as { readonly error?: string };
    throw new CliError(`the supervisor refuses: ${error}`);
  }
}

/** The processes of the cluster of this directory; null where none runs. */
export async function processesOf(directory: string): Promise<readonly ClusterProcess[] | null> {
  try {
    return (await new ClusterClient(directory).status()).processes;
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}
