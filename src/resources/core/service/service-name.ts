import { isDnsLabel, type NameCheck } from '#machinery/validation/names.ts';

/** Services are named as one label of a DNS name; a digit may stand first. Source: KEP-5311. */
export const isServiceName: NameCheck = isDnsLabel;

export function isDns1123Service(name: string): readonly string[] {
  return isServiceName(name, false);
}
