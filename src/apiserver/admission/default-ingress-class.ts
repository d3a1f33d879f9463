import type { Draft } from '#machinery/object.ts';
import type { Ingress } from '#machinery/types/networking-v1.ts';
import { ingressClass } from '#resources/networking/ingress-class/ingress-class.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin } from './admission.ts';
import { newestDefault } from './newest-default.ts';

const DEFAULT_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class';
const OLD_CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** Fills in the class of ingresses that name none. Source: "Ingress", default IngressClass. */
export function defaultIngressClass(listers: Listers): AdmissionPlugin {
  const classes = listers(ingressClass);
  return {
    name: 'DefaultIngressClass',
    admit(request) {
      const isIngress = request.group === 'networking.k8s.io' && request.resource === 'ingresses';
      if (!isIngress || request.subresource || request.operation !== 'CREATE' || !request.object) return;
      const ingress = request.object as Draft<Ingress>;
      if (ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata.annotations?.[OLD_CLASS_ANNOTATION] !== undefined) return;
      const name = newestDefault(classes.list(), [DEFAULT_ANNOTATION])?.metadata.name;
      if (name) ingress.spec = { ...ingress.spec, ingressClassName: name };
    },
  };
}
