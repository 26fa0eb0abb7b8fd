import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate for a day, certified by itself, and its key, in a directory that is there: `tls.crt`, `tls.key`. */
export async function makeCertificate(directory: string, name = 'DNS:localhost'): Promise<{ readonly key: string; readonly crt: string }> {
  const [key, crt] = ['tls.key', 'tls.crt'].map((file) => join(directory, file)) as [string, string];
  const how = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost'.split(' ');
  await run('openssl', ['req', ...how, '-addext', `subjectAltName=${name}`, '-keyout', key, '-out', crt]);
  return { key, crt };
}
