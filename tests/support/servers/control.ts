import { rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { relative, resolve } from 'node:path';

/** What another terminal asks of the servers that run, and what it gets. */
export interface ControlRequest {
  readonly verb: string;
  readonly name: string;
}

export interface ControlAnswer {
  readonly ok: boolean;
  readonly text: string;
}

/** Relative: the path of a socket may be a hundred characters long and no more. */
function socketIn(directory: string): string {
  return relative(process.cwd(), resolve(directory, 'control.sock'));
}

/** Listens on a socket in the directory; whoever may write there may ask. */
export async function listen(
  directory: string,
  obey: (verb: string, name: string) => Promise<ControlAnswer>,
): Promise<{ close(): Promise<void> }> {
  const path = socketIn(directory);
  await rm(path, { force: true });
  const http = createServer((asked, answer) => {
    const [, verb = '', name = ''] = (asked.url ?? '').split('/');
    void obey(verb, name)
      .catch((error: unknown): ControlAnswer => ({ ok: false, text: error instanceof Error ? error.message : String(error) }))
      .then((said) => answer.end(JSON.stringify(said)));
  });
  await new Promise<void>((fulfil, reject) => {
    http.once('error', reject);
    http.listen(path, fulfil);
  });
  return {
    async close() {
      http.closeAllConnections();
      http.close();
      await rm(path, { force: true });
    },
  };
}

/** Asks the servers of that directory; null when none run. */
export function command(directory: string, { verb, name }: ControlRequest): Promise<ControlAnswer | null> {
  return new Promise((fulfil, reject) => {
    const asked = request({ socketPath: socketIn(directory), path: `/${verb}/${name}`, method: 'POST' }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => fulfil(JSON.parse(text) as ControlAnswer));
      answer.on('error', reject);
    });
    asked.on('error', () => fulfil(null));
    asked.end();
  });
}
