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
const WHITE_SPACE = 'data that differs in white space only counts as changed there';
const NOT_A_NUMBER =
  'a generation that is no number is refused with 400 here however it is sent, there with 422 in a patch';

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
  {
    topic: 'workloads/controllerrevision',
    scenario: 'controllerrevision / update / data compares byte by byte',
    at: ['step 5: ', 'step 9: ', 'step 10: '],
    reason: WHITE_SPACE,
  },
  {
    topic: 'workloads/daemonset',
    scenario: 'daemonset / template generation annotation',
    at: ['step 6: body.code', 'step 6: body.details', 'step 6: body.reason', 'step 6: code'],
    reason: NOT_A_NUMBER,
  },
];
