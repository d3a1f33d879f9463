/** Where we answer otherwise than the recorded server and mean to. Each is explained in docs/divergences.md. */
export interface KnownDifference {
  /** `AREA/TOPIC`. */
  readonly topic: string;
  readonly scenario: string;
  /** Starts of the lines that the runner prints; every other difference of the scenario is a mistake. */
  readonly at: readonly string[];
  readonly reason: string;
}

const THIRD_CELL = 'rows of IPAddress have a third cell there, the age, that no column describes';
const FRACTION = 'memory beyond 64 bits overflows there and is taken for a fraction of a byte';
const NO_PORTS = 'an empty list of ports is none here, as API conventions have it; there it is told apart';

export const knownDifferences: readonly KnownDifference[] = [
  {
    topic: 'core-network/bootstrap',
    scenario: 'bootstrap / default service CIDR and the address of the kubernetes service',
    at: ['step 4: body.rows[0]'],
    reason: THIRD_CELL,
  },
  {
    topic: 'core-network/ipaddress-servicecidr',
    scenario: 'ip address / minimal and all fields',
    at: ['step 3: body.rows[0]', 'step 5: body.rows[0]'],
    reason: THIRD_CELL,
  },
  {
    topic: 'core-network/ipaddress-servicecidr',
    scenario: 'ip address / the parent reference is immutable',
    at: ['step 8: body.rows[0]'],
    reason: THIRD_CELL,
  },
  {
    topic: 'core-network/service-clusterip',
    scenario: 'service / a chosen cluster IP is reserved, then free again',
    at: ['step 3: body.rows[0]'],
    reason: THIRD_CELL,
  },
  {
    topic: 'pods/pod-ephemeral',
    scenario: 'pod / ephemeral / forbidden fields',
    at: ['step 13: '],
    reason: NO_PORTS,
  },
  {
    topic: 'pods/pod-resources',
    scenario: 'pod / resources / quantities are kept in canonical form',
    at: ['step 8: warnings'],
    reason: FRACTION,
  },
];
