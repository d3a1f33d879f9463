import { defineResource } from '#machinery/resource/define.ts';
import { podColumns } from './columns.ts';
import { defaultPod } from './defaults.ts';
import { ephemeralContainers } from './ephemeral-containers.ts';
import { dropDisabledFields, preparePodForCreate } from './prepare.ts';
import { resize } from './resize.ts';
import { podStatus } from './status.ts';
import { validateChangedPod, validateNewPod } from './validation/pod.ts';
import { podWarnings } from './warnings.ts';

/** Seconds that a pod is given to end where nobody says otherwise. */
const DEFAULT_GRACE_SECONDS = 30;

/** Containers that run together on one node. Source: core/v1 API. */
export const pod = defineResource('v1', 'Pod', {
  plural: 'pods',
  returnsDeleted: true,
  scope: 'namespaced',
  metadataChecks: ['changes', 'whole'],
  shortNames: ['po'],
  categories: ['all'],
  hasGeneration: true,
  subresources: { status: podStatus, others: { ephemeralcontainers: ephemeralContainers, resize } },
  allColumns: podColumns,

  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.podIPs': () => '', // may be asked for, and is never anything
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },

  defaults: defaultPod,
  prepareForCreate: preparePodForCreate,
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec, featureOn, old.spec);
  },
  validate: validateNewPod,
  validateUpdate: validateChangedPod,
  warnings: podWarnings,

  /** A pod that runs nowhere goes at once. */
  gracePeriodSeconds(pod, requested) {
    if (!pod.spec.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0;
    const seconds = requested ?? Number(pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS);
    return seconds < 0 ? 1 : seconds;
  },
});
