import type { Authorizer } from '../../authorization/authorizer.ts';
import type { Listers } from '../../listers.ts';
import type { AdmissionRequest } from '../admission.ts';

/** One write by a node, and what is needed to judge it. */
export interface NodeWrite {
  readonly node: string;
  readonly request: AdmissionRequest;
  readonly listers: Listers;
  readonly authorizer: Authorizer;
}
