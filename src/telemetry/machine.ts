import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Received and sent bytes are the first and the ninth number after an interface's name. */
const RECEIVED = 0;
const SENT = 8;

/** What the process asks of the disk, and what goes over the network around it. CPU and memory are among prom-client's own. */
export function machineMetrics(registry: Registry): void {
  limitMetrics(registry);
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

/** What this process may use: memory and processors of its container, else of the machine. Alerts are in percent of these. */
function limitMetrics(registry: Registry): void {
  new Gauge({
    name: 'signalbox_memory_limit_bytes',
    help: 'Memory that this process may use: the limit of its container, else all of the machine.',
    registers: [registry],
    collect() {
      this.set(memoryLimit());
    },
  });
  new Gauge({
    name: 'signalbox_cpu_limit_cores',
    help: 'Processors that this process may use: the quota of its container, else all of the machine.',
    registers: [registry],
    collect() {
      this.set(cpuLimit());
    },
  });
}

/** Without a limit the system answers with nothing or with a number beyond all memory. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/** The quota as cgroup v2 and v1 write it: microseconds of each period; `max` or -1 is none. */
export function cpuLimit(read: (file: string) => string = readCgroup): number {
  for (const files of [['cpu.max'], ['cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us']]) {
    const [quota, period] = files.map(read).join(' ').trim().split(/\s+/).map(Number);
    if (quota !== undefined && period !== undefined && quota > 0 && period > 0) return quota / period;
  }
  return availableParallelism();
}

function readCgroup(file: string): string {
  try {
    return readFileSync(`/sys/fs/cgroup/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** How full the disk is. A directory that is not there yet will be on the disk that we run from. */
export function diskMetrics(registry: Registry, directory: string): void {
  new Gauge({
    name: 'signalbox_disk_bytes',
    help: 'The disk that holds the data directory: its size, and what of it is free to this process.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const disk = await statfs(directory).catch(() => statfs('.'));
      this.set({ state: 'size' }, disk.blocks * disk.bsize);
      this.set({ state: 'free' }, disk.bavail * disk.bsize);
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
