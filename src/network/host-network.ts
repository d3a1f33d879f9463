import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { command, tryCommand } from '#base/command.ts';

/** The names and ranges of one cluster on one machine. Two clusters have nothing in common. */
export interface ClusterNetwork {
  readonly clusterName: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Address of the cluster DNS, inside the service range. */
  readonly dnsIp: string;
}

/** Interface names have 15 bytes: a longer cluster name becomes a hash of itself. */
const MAX_INTERFACE_NAME = 15;

/** Name of the nftables table of a cluster. */
export function tableName(clusterName: string): string {
  return clusterName === 'dhow' ? 'dhow' : `dhow-${clusterName}`;
}

/** Name of the bridge that holds the service range. */
export function bridgeName(clusterName: string): string {
  const plain = clusterName === 'dhow' ? 'dhow-svc' : `dhow-${clusterName}`;
  if (plain.length <= MAX_INTERFACE_NAME) return plain;
  return `dhow-${createHash('sha256').update(clusterName).digest('hex').slice(0, 8)}`;
}

/**
 * Gives the two ranges a place on the machine: pods' addresses that nobody owns are unreachable, the service range
 * lies on an empty bridge that also holds the DNS address. (An unreachable route for services would refuse the node's
 * own connections, since routing comes before output translation.) Repeatable.
 */
export async function createHostNetwork(network: ClusterNetwork): Promise<void> {
  const bridge = bridgeName(network.clusterName);
  await enableForwarding();
  if ((await tryCommand('ip', ['link', 'show', 'dev', bridge])).code !== 0) {
    await command('ip', ['link', 'add', bridge, 'type', 'bridge']);
  }
  await command('ip', ['address', 'replace', `${network.dnsIp}/32`, 'dev', bridge]);
  await command('ip', ['link', 'set', bridge, 'up']);
  await command('ip', ['route', 'replace', network.serviceCidr, 'dev', bridge]);
  await command('ip', ['route', 'replace', 'unreachable', network.podCidr]);
}

/** Removes all that `createHostNetwork` and the service proxy made. Repeatable; what is not there is no error. */
export async function deleteHostNetwork(network: ClusterNetwork): Promise<void> {
  await tryCommand('nft', ['delete', 'table', 'ip', tableName(network.clusterName)]);
  await tryCommand('ip', ['route', 'del', 'unreachable', network.podCidr]);
  await tryCommand('ip', ['link', 'del', bridgeName(network.clusterName)]);
}

async function enableForwarding(): Promise<void> {
  const file = '/proc/sys/net/ipv4/ip_forward';
  if ((await readFile(file, 'utf8')).trim() !== '1') await writeFile(file, '1');
}
