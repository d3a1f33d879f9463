import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, networkInterfaces, release } from 'node:os';
import { machineArchitecture } from '../images/pause-image.ts';

/** What the machine is and has. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Of the file system under the node's data. */
  readonly diskBytes: number;
  readonly hugepages: Readonly<Record<string, string>>;
  readonly architecture: 'amd64' | 'arm64';
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly swapBytes: number;
}

export async function inspectMachine(dataDir: string): Promise<Machine> {
  const memory = await memoryInfo();
  const disk = await statfs(dataDir);
  const machineId = await firstLine('/etc/machine-id');
  return {
    cpus: availableParallelism(),
    memoryBytes: memory.total,
    diskBytes: disk.blocks * disk.bsize,
    hugepages: { 'hugepages-1Gi': '0', 'hugepages-2Mi': '0' },
    architecture: machineArchitecture(),
    machineId,
    systemUuid: (await firstLine('/sys/class/dmi/id/product_uuid')) || machineId,
    bootId: await firstLine('/proc/sys/kernel/random/boot_id'),
    kernel: release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(await text('/etc/os-release'))?.[1] ?? 'Linux',
    swapBytes: memory.swap,
  };
}

/** Bytes of memory and swap, and of memory that is free for use. */
export async function memoryInfo(): Promise<{
  readonly total: number;
  readonly available: number;
  readonly swap: number;
}> {
  const info = await text('/proc/meminfo');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(info)?.[1] ?? 0) * 1024;
  return { total: field('MemTotal'), available: field('MemAvailable'), swap: field('SwapTotal') };
}

/** Processes that run and that may run. */
export async function processCounts(): Promise<{ readonly running: number; readonly max: number }> {
  const running = Number(/\/(\d+) /.exec(await text('/proc/loadavg'))?.[1] ?? 0);
  const max = Math.min(
    Number(await firstLine('/proc/sys/kernel/pid_max')),
    Number(await firstLine('/proc/sys/kernel/threads-max')),
  );
  return { running, max };
}

/** Bytes of a file system that are free, of all, and the same of inodes. */
export async function diskInfo(folder: string) {
  const info = await statfs(folder);
  return {
    availableBytes: info.bavail * info.bsize,
    totalBytes: info.blocks * info.bsize,
    freeInodes: info.ffree,
    totalInodes: info.files,
  };
}

/** The address of the interface that leads out, else of the first that is not the loopback. */
export async function nodeAddresses(): Promise<readonly string[]> {
  const interfaces = networkInterfaces();
  const route = (await text('/proc/net/route'))
    .split('\n')
    .map((line) => line.split('\t'))
    .find((fields) => fields[1] === '00000000' && fields[7] === '00000000');
  const leading = route?.[0] ? (interfaces[route[0]] ?? []) : [];
  const others = Object.values(interfaces).flatMap((list) => list ?? []);
  const found = [...leading, ...others].find((address) => address.family === 'IPv4' && !address.internal);
  return [found?.address ?? '127.0.0.1'];
}

async function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

async function firstLine(file: string): Promise<string> {
  return (await text(file)).split('\n')[0]?.trim() ?? '';
}
