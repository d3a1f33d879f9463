import type { Sparse } from '#machinery/object.ts';
import type {
  FlowSchema,
  PolicyRulesWithSubjects as FlowRule,
  Subject as FlowSubject,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '#machinery/types/flowcontrol-v1.ts';

/** The defaults of API priority and fairness. Source: Kubernetes documentation, "API Priority and Fairness". */

const API_VERSION = 'flowcontrol.apiserver.k8s.io/v1';

/** While it is `true` (or absent, for these names) the spec is put back at every start. */
export const FLOW_CONTROL_AUTOUPDATE = 'apf.kubernetes.io/autoupdate-spec';

/** Shares, per cent that may be lent, and queues; without queues whatever is over the limit is rejected. */
interface Level {
  readonly shares: number;
  readonly lendable: number;
  readonly queues?: number;
  readonly handSize?: number;
}

const LIMITED: Readonly<Record<string, Level>> = {
  system: { shares: 30, lendable: 33, queues: 64, handSize: 6 },
  'node-high': { shares: 40, lendable: 25, queues: 64, handSize: 6 },
  'leader-election': { shares: 10, lendable: 0, queues: 16, handSize: 4 },
  'workload-high': { shares: 40, lendable: 50, queues: 128, handSize: 6 },
  'workload-low': { shares: 100, lendable: 90, queues: 128, handSize: 6 },
  'global-default': { shares: 20, lendable: 50, queues: 128, handSize: 6 },
  'catch-all': { shares: 5, lendable: 0 },
};

const QUEUE_LENGTH = 50;

export function defaultPriorityLevels(): readonly Sparse<PriorityLevelConfiguration>[] {
  const exempt: PriorityLevelConfigurationSpec = {
    type: 'Exempt',
    exempt: { lendablePercent: 0, nominalConcurrencyShares: 0 },
  };
  const limited = Object.entries(LIMITED).map(([name, level]) => [name, limitedSpec(level)] as const);
  return [['exempt', exempt] as const, ...limited].map(([name, spec]) => ({
    apiVersion: API_VERSION,
    kind: 'PriorityLevelConfiguration',
    metadata: { name, annotations: { [FLOW_CONTROL_AUTOUPDATE]: 'true' } },
    spec,
  }));
}

function limitedSpec({ shares, lendable, queues, handSize }: Level): PriorityLevelConfigurationSpec {
  return {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent: lendable,
      limitResponse:
        queues && handSize
          ? { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: QUEUE_LENGTH } }
          : { type: 'Reject' },
    },
  };
}

const EVERY_RESOURCE = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }];
const EVERY_PATH = [{ verbs: ['*'], nonResourceURLs: ['*'] }];
const EVERYBODY = [group('system:unauthenticated'), group('system:authenticated')];

/** Name, precedence, level, who is told apart within it (users, namespaces or nobody), rules. */
type Schema = readonly [string, number, string, 'ByUser' | 'ByNamespace' | '', readonly FlowRule[]];

const SCHEMAS: readonly Schema[] = [
  ['exempt', 1, 'exempt', '', [everything([group('system:masters')])]],
  [
    'probes',
    2,
    'exempt',
    '',
    [
      {
        subjects: EVERYBODY,
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
      },
    ],
  ],
  [
    'system-leader-election',
    100,
    'leader-election',
    'ByUser',
    [
      {
        subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), accounts('kube-system')],
        resourceRules: [
          {
            verbs: ['get', 'create', 'update'],
            apiGroups: ['coordination.k8s.io'],
            resources: ['leases'],
            namespaces: ['*'],
          },
        ],
      },
    ],
  ],
  [
    'system-node-high',
    400,
    'node-high',
    'ByUser',
    [
      {
        subjects: [group('system:nodes')],
        resourceRules: [
          {
            verbs: ['*'],
            apiGroups: [''],
            resources: ['nodes', 'nodes/status'],
            clusterScope: true,
            namespaces: ['*'],
          },
          { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
        ],
      },
    ],
  ],
  ['system-nodes', 500, 'system', 'ByUser', [everything([group('system:nodes')])]],
  [
    'kube-controller-manager',
    800,
    'workload-high',
    'ByNamespace',
    [everything([user('system:kube-controller-manager')])],
  ],
  ['kube-scheduler', 800, 'workload-high', 'ByNamespace', [everything([user('system:kube-scheduler')])]],
  ['kube-system-service-accounts', 900, 'workload-high', 'ByNamespace', [everything([accounts('kube-system')])]],
  ['service-accounts', 9000, 'workload-low', 'ByUser', [everything([group('system:serviceaccounts')])]],
  ['global-default', 9900, 'global-default', 'ByUser', [everything(EVERYBODY)]],
  ['catch-all', 10_000, 'catch-all', 'ByUser', [everything(EVERYBODY)]],
];

export function defaultFlowSchemas(): readonly Sparse<FlowSchema>[] {
  return SCHEMAS.map(([name, matchingPrecedence, level, distinguisher, rules]) => ({
    apiVersion: API_VERSION,
    kind: 'FlowSchema',
    metadata: { name, annotations: { [FLOW_CONTROL_AUTOUPDATE]: 'true' } },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      ...(distinguisher ? { distinguisherMethod: { type: distinguisher } } : {}),
      rules,
    },
  }));
}

function everything(subjects: readonly FlowSubject[]): FlowRule {
  return { subjects, resourceRules: EVERY_RESOURCE, nonResourceRules: EVERY_PATH };
}

function group(name: string): FlowSubject {
  return { kind: 'Group', group: { name } };
}

function user(name: string): FlowSubject {
  return { kind: 'User', user: { name } };
}

function accounts(namespace: string): FlowSubject {
  return { kind: 'ServiceAccount', serviceAccount: { namespace, name: '*' } };
}
