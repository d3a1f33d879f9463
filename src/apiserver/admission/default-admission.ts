import type { Clock } from '#base/clock.ts';
import type { Randomness } from '#base/random.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { resourceQuotaAdmission } from './resource-quota.ts';
import { roleEscalationCheck } from '../authorization/rbac/escalation.ts';
import type { RuleResolver } from '../authorization/rbac/resolver.ts';
import type { Listers } from '../listers.ts';
import type { ServedResource } from '../registry/registry.ts';
import type { AdmissionPlugin } from './admission.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
} from './certificates.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger/limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction/node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { podResizeValidator } from './pod-resize-validator.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { priorityAdmission } from './priority.ts';
import { runtimeClassAdmission } from './runtime-class.ts';
import { serviceAccountAdmission } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface AdmissionOptions {
  readonly listers: Listers;
  /** Asked for rights that a request needs beside its own: to sign, to approve, to give rights away. */
  readonly authorizer: Authorizer;
  readonly resolver: RuleResolver;
  readonly random: Randomness;
  readonly clock: Clock;
  /** Where the usage of quotas is written. */
  readonly quotas: () => ServedResource;
  /** Names of plug-ins to leave out, as `--disable-admission-plugins` has them. */
  readonly disabled?: readonly string[];
}

/** The plug-ins, in upstream's order: those that fill in come before those that look at the whole. */
export function defaultAdmission(options: AdmissionOptions): readonly AdmissionPlugin[] {
  const { listers, authorizer, resolver, random, clock, quotas, disabled = [] } = options;
  const plugins = [
    namespaceLifecycle(listers), // first: nothing else matters in a namespace that is not there
    limitRanger(listers),
    serviceAccountAdmission(listers, random), // before what looks at volumes and secrets
    nodeRestriction(listers, authorizer), // upstream leaves it to be turned on; a cluster without it trusts every node
    taintNodesByCondition,
    podSecurity(listers),
    priorityAdmission(listers),
    defaultTolerationSeconds,
    defaultStorageClass(listers),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(listers),
    runtimeClassAdmission(listers),
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    clusterTrustBundleAttest(authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(listers),
    podTopologyLabels(listers),
    podResizeValidator(listers),
    roleEscalationCheck(resolver, authorizer), // last of those that run before validation: it judges what will be stored
    resourceQuotaAdmission({ listers, clock, quotas }), // last of all: what another refuses is not charged
  ];
  return plugins.filter(({ name }) => !disabled.includes(name));
}
