import { isDnsSubdomain } from '#machinery/validation/names.ts';

/** Nodes are named like hosts. */
export const isNodeName = isDnsSubdomain;
