import { readFileSync } from 'node:fs';
import { Counter, type Registry } from 'prom-client';

/** Received and sent bytes are the first and the ninth number after an interface's name. */
const RECEIVED = 0;
const SENT = 8;

/** What the process asks of the disk, and what goes over the network around it. CPU and memory are among prom-client's own. */
export function machineMetrics(registry: Registry): void {
  new Counter({
    name: 'signalbox_disk_operations_total',
    help: 'Reads and writes of this process that the disk had to serve.',
    labelNames: ['direction'],
    registers: [registry],
    collect() {
      const { fsRead, fsWrite } = process.resourceUsage();
      this.reset();
      this.inc({ direction: 'read' }, fsRead);
      this.inc({ direction: 'write' }, fsWrite);
    },
  });
  new Counter({
    name: 'signalbox_network_bytes_total',
    help: 'Bytes over all network interfaces of this container or machine; nothing where the system does not say.',
    labelNames: ['direction'],
    registers: [registry],
    collect() {
      const bytes = networkBytes();
      this.reset();
      if (bytes === null) return;
      this.inc({ direction: 'received' }, bytes.received);
      this.inc({ direction: 'sent' }, bytes.sent);
    },
  });
}

/** Linux tells; null elsewhere. */
function networkBytes(): { received: number; sent: number } | null {
  try {
    const interfaces = readFileSync('/proc/self/net/dev', 'utf8').split('\n').slice(2);
    const sum = { received: 0, sent: 0 };
    for (const line of interfaces) {
      const numbers = line
        .slice(line.indexOf(':') + 1)
        .trim()
        .split(/\s+/)
        .map(Number);
      sum.received += numbers[RECEIVED] ?? 0;
      sum.sent += numbers[SENT] ?? 0;
    }
    return sum;
  } catch {
    return null;
  }
}
