import type { Listers } from '../listers.ts';
import type { AdmissionPlugin } from './admission.ts';

export function nodeRestriction(_listers: Listers): AdmissionPlugin {
  return { name: 'NodeRestriction' };
}
