import { parseFieldSelector, requiredValue } from '#machinery/selectors/fields.ts';
import type { Listers } from '../../listers.ts';
import type { Attributes, Authorizer, Decision } from '../authorizer.ts';
import { ruleAllows } from '../rbac/match.ts';
import { nodeNameOf } from './identity.ts';
import { NODE_RULES } from './node-rules.ts';
import { type Related, Relationships } from './relationships.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const ALLOW: Decision = { decision: 'allow', reason: '' };
const OWN_OBJECT_VERBS = ['get', 'create', 'update', 'patch', 'delete'];

/**
 * Lets kubelets do their work and no more: a node reads what its own pods need. What a node may write is checked again
 * by the NodeRestriction admission, which sees the objects. Source: "Using Node Authorization", KEP-4601.
 */
export function nodeAuthorizer(listers: Listers): Authorizer {
  const relationships = new Relationships(listers);
  return {
    name: 'Node',
    authorize(attributes) {
      const node = nodeNameOf(attributes.user);
      if (node === undefined) return noOpinion('');
      if (!node) return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
      const divided = attributes.isResource ? DIVIDED[`${attributes.group}/${attributes.resource}`] : undefined;
      if (divided) return divided({ node, attributes, relationships });
      return NODE_RULES.some((rule) => ruleAllows(rule, attributes)) ? ALLOW : noOpinion('');
    },
    rulesFor(user) {
      const isNode = nodeNameOf(user) !== undefined;
      const errors = isNode ? ['node authorizer does not support user rule resolution'] : [];
      return { rules: [], incomplete: isNode, errors };
    },
  };
}

interface Question {
  readonly node: string;
  readonly attributes: Attributes;
  readonly relationships: Relationships;
}

/** Resources of which a node sees a part only, by group and name. All others follow the rules of `system:node`. */
const DIVIDED: Readonly<Record<string, (question: Question) => Decision>> = {
  '/secrets': (question) => readNamespaced(question, 'secrets'),
  '/configmaps': (question) => readNamespaced(question, 'configmaps'),
  '/persistentvolumeclaims': claim,
  '/persistentvolumes': (question) => get(question, 'persistentvolumes'),
  '/pods': pod,
  '/nodes': ownNode,
  '/serviceaccounts': serviceAccount,
  'resource.k8s.io/resourceclaims': (question) => get(question, 'resourceclaims'),
  'resource.k8s.io/resourceslices': slice,
  'storage.k8s.io/volumeattachments': (question) => get(question, 'volumeattachments'),
  'storage.k8s.io/csinodes': csiNode,
  'coordination.k8s.io/leases': lease,
};

function noOpinion(reason: string): Decision {
  return { decision: 'noOpinion', reason };
}

function related({ node, attributes, relationships }: Question, kind: Related): Decision {
  const { namespace, name } = attributes;
  if (!name) return noOpinion('No Object name found');
  if (relationships.has(node, kind, namespace, name)) return ALLOW;
  return noOpinion(`no relationship found between node '${node}' and this object`);
}

function get(question: Question, kind: Related): Decision {
  const { verb, subresource } = question.attributes;
  if (verb !== 'get') return noOpinion('can only get individual resources of this type');
  if (subresource) return noOpinion('cannot get subresource');
  return related(question, kind);
}

function readNamespaced(question: Question, kind: Related): Decision {
  const { verb, subresource, namespace } = question.attributes;
  if (!['get', 'list', 'watch'].includes(verb)) return noOpinion('can only read resources of this type');
  if (subresource) return noOpinion('cannot read subresource');
  if (!namespace) return noOpinion('can only read namespaced object of this type');
  return related(question, kind);
}

function claim(question: Question): Decision {
  const { verb, subresource } = question.attributes;
  if (subresource !== 'status') return get(question, 'persistentvolumeclaims');
  if (verb !== 'update' && verb !== 'patch') return noOpinion('can only get/update/patch this type');
  return related(question, 'persistentvolumeclaims');
}

function serviceAccount(question: Question): Decision {
  const { verb, subresource, name } = question.attributes;
  if (!subresource) return get(question, 'serviceaccounts');
  if (verb !== 'create' || !name) return noOpinion('can only create tokens for individual service accounts');
  if (subresource !== 'token') return noOpinion('can only create token subresource of serviceaccount');
  return related(question, 'serviceaccounts');
}

function pod(question: Question): Decision {
  const { node, attributes } = question;
  const { verb, subresource, name } = attributes;
  if (subresource === 'status' && (verb === 'update' || verb === 'patch')) return ALLOW;
  if (subresource === 'eviction' && verb === 'create') return ALLOW;
  if (subresource) return noOpinion('');
  if (verb === 'get') return related(question, 'pods');
  if (verb === 'create' || verb === 'delete') return ALLOW;
  if (verb !== 'list' && verb !== 'watch') return noOpinion('');
  if (selectsNode(attributes, node)) return ALLOW;
  if (name) return related(question, 'pods');
  return noOpinion('can only list/watch pods with spec.nodeName field selector');
}

function ownNode({ node, attributes: { verb, subresource, name } }: Question): Decision {
  const writes = verb === 'update' || verb === 'patch';
  if (subresource === 'status') return writes ? ALLOW : noOpinion('');
  if (subresource) return noOpinion('');
  if (writes || verb === 'create') return ALLOW;
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return noOpinion('');
  if (name === node) return ALLOW;
  const other = name ? `'${name}'` : 'all nodes';
  return noOpinion(`node '${node}' cannot read ${other}, only its own Node object`);
}

function lease({ node, attributes: { verb, namespace, name } }: Question): Decision {
  if (!OWN_OBJECT_VERBS.includes(verb)) {
    return noOpinion('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== LEASE_NAMESPACE) {
    return noOpinion(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
  }
  if (verb !== 'create' && name !== node) {
    return noOpinion('can only access node lease with the same name as the requesting node');
  }
  return ALLOW;
}

function csiNode({ node, attributes: { verb, subresource, name } }: Question): Decision {
  if (!OWN_OBJECT_VERBS.includes(verb)) return noOpinion('can only get, create, update, patch, or delete a CSINode');
  if (subresource) return noOpinion('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node) {
    return noOpinion('can only access CSINode with the same name as the requesting node');
  }
  return ALLOW;
}

function slice(question: Question): Decision {
  const { node, attributes } = question;
  const { verb, subresource } = attributes;
  if (subresource) return noOpinion('cannot authorize ResourceSlice subresources');
  if (verb === 'create') return ALLOW;
  if (['get', 'update', 'patch', 'delete'].includes(verb)) return related(question, 'resourceslices');
  if (['list', 'watch', 'deletecollection'].includes(verb)) {
    if (selectsNode(attributes, node)) return ALLOW;
    return noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector');
  }
  return noOpinion(
    'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
  );
}

/** Whether a collection is narrowed to what is on the node. A selector that cannot be read narrows nothing. */
function selectsNode({ fieldSelector }: Attributes, node: string): boolean {
  if (!fieldSelector) return false;
  try {
    return requiredValue(parseFieldSelector(fieldSelector), 'spec.nodeName') === node;
  } catch {
    return false;
  }
}
