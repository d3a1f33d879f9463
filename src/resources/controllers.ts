import type { Controller } from '#reconciler/controller.ts';
import { deploymentController } from './apps/deployment/controller.ts';
import { replicaSetController } from './apps/replica-set/controller.ts';
import { jobController } from './batch/job/controller.ts';
import { endpointsController } from './core/endpoints/controller.ts';
import { namespaceController } from './core/namespace/controller.ts';
import { volumeProtectionController } from './core/persistent-volume/controller.ts';
import { claimProtectionController } from './core/persistent-volume-claim/controller.ts';
import { replicationControllerController } from './core/replication-controller/controller.ts';
import { resourceQuotaController } from './core/resource-quota/controller.ts';
import { serviceAccountController } from './core/service-account/controller.ts';
import { endpointSliceController } from './discovery/endpoint-slice/controller.ts';
import { clusterRoleAggregationController } from './rbac/cluster-role/controller.ts';

/** The controllers of kinds, one line each. test/tidy compares this list with the folders. */
export const kindControllers: readonly Controller[] = [
  claimProtectionController,
  clusterRoleAggregationController,
  deploymentController,
  endpointsController,
  endpointSliceController,
  jobController,
  namespaceController,
  replicaSetController,
  replicationControllerController,
  resourceQuotaController,
  serviceAccountController,
  volumeProtectionController,
];
