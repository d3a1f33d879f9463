import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import type { AppArmorProfile, Container, Pod, SeccompProfile } from '#machinery/types/core-v1.ts';

/** Annotations of pods that were fields before there were fields for them. */

/** With the name of a container behind it: its profile, from before there was a field. */
export const APP_ARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const MAX_INT32 = 2_147_483_647;
const ANNOTATIONS = FieldPath.of('metadata', 'annotations');

function containersOf(pod: Pod): readonly Pick<Container, 'name' | 'securityContext'>[] {
  const { initContainers, containers, ephemeralContainers } = pod.spec;
  return [...(initContainers ?? []), ...(containers ?? []), ...(ephemeralContainers ?? [])];
}

/** The profile that an annotation names; undefined where its text is none. */
function appArmorProfile(text: string): AppArmorProfile | undefined {
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  if (text === 'unconfined') return { type: 'Unconfined' };
  const [kind, ...name] = text.split('/');
  return kind === 'localhost' && name.join('/') ? { type: 'Localhost', localhostProfile: name.join('/') } : undefined;
}

/**
 * Containers get the AppArmor profile of their annotation where they have none themselves. Returns warnings: an
 * annotation that only repeats a field is not worth a word. Source: KEP-24.
 */
export function applyAppArmorAnnotations(pod: Draft<Pod>): readonly string[] {
  const warnings: string[] = [];
  const containers = [
    ...(pod.spec.initContainers ?? []),
    ...(pod.spec.containers ?? []),
    ...(pod.spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) {
    const key = APP_ARMOR_ANNOTATION + container.name;
    const text = pod.metadata.annotations?.[key];
    if (text === undefined || container.securityContext?.appArmorProfile) continue;
    const profile = appArmorProfile(text);
    if (profile && isSameProfile(profile, pod.spec.securityContext?.appArmorProfile)) continue;
    if (profile) container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    warnings.push(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
  }
  return warnings;
}

function isSameProfile(profile: AppArmorProfile, other: AppArmorProfile | undefined): boolean {
  return profile.type === other?.type && profile.localhostProfile === other.localhostProfile;
}

export function validateLegacyAnnotations(pod: Pod): FieldError[] {
  return [...validateAppArmor(pod), ...validateSeccomp(pod), ...validateDeletionCost(pod)];
}

function validateAppArmor(pod: Pod): FieldError[] {
  const names = new Set(containersOf(pod).map(({ name }) => name));
  return Object.entries(pod.metadata.annotations ?? {}).flatMap(([key, text]) => {
    if (!key.startsWith(APP_ARMOR_ANNOTATION)) return [];
    const name = key.slice(APP_ARMOR_ANNOTATION.length);
    const path = ANNOTATIONS.key(key);
    if (!names.has(name)) return [invalid(path, name, 'container not found')];
    const profile = appArmorProfile(text);
    if (!profile && text !== '' && !text.startsWith('localhost/'))
      return [invalid(path, text, 'invalid AppArmor profile')];
    return profile ? validateSameAppArmor(pod, name, profile) : [];
  });
}

function validateSameAppArmor(pod: Pod, name: string, profile: AppArmorProfile): FieldError[] {
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (pod.spec[field] ?? []).entries()) {
      const own = container.securityContext?.appArmorProfile;
      if (container.name !== name || !own) continue;
      const path = FieldPath.of('spec', field).index(index).at('securityContext', 'appArmorProfile');
      if (own.type !== profile.type) {
        return [forbidden(path.at('type'), 'apparmor type in annotation and field must match')];
      }
      if (own.localhostProfile !== profile.localhostProfile) {
        return [forbidden(path.at('localhostProfile'), 'apparmor profile in annotation and field must match')];
      }
    }
  }
  return [];
}

const SECCOMP_TYPES: Readonly<Record<string, string>> = {
  unconfined: 'Unconfined',
  'runtime/default': 'RuntimeDefault',
  'docker/default': 'RuntimeDefault',
};

function validateSeccomp(pod: Pod): FieldError[] {
  const annotations = pod.metadata.annotations ?? {};
  const errors: FieldError[] = [];
  const forPod = annotations[SECCOMP_POD];
  if (forPod !== undefined) {
    const path = FieldPath.of('spec', 'securityContext', 'seccompProfile');
    errors.push(
      ...seccompText(forPod, ANNOTATIONS.at(SECCOMP_POD)),
      ...sameSeccomp(forPod, pod.spec.securityContext?.seccompProfile, path),
    );
  }
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (pod.spec[field] ?? []).entries()) {
      const text = annotations[SECCOMP_CONTAINER + container.name];
      if (text === undefined) continue;
      const path = FieldPath.of('spec', field).index(index).at('securityContext', 'seccompProfile');
      errors.push(...sameSeccomp(text, container.securityContext?.seccompProfile, path));
    }
  }
  for (const [key, text] of Object.entries(annotations)) {
    if (key.startsWith(SECCOMP_CONTAINER)) errors.push(...seccompText(text, ANNOTATIONS.at(key)));
  }
  return errors;
}

function seccompText(text: string, path: FieldPath): FieldError[] {
  if (SECCOMP_TYPES[text]) return [];
  const local = text.startsWith('localhost/') ? text.slice('localhost/'.length) : undefined;
  if (local !== undefined && !local.startsWith('/') && !local.split('/').includes('..')) return [];
  return [invalid(path, text, 'must be a valid seccomp profile')];
}

function sameSeccomp(text: string, profile: SeccompProfile | undefined, path: FieldPath): FieldError[] {
  if (!profile) return [];
  const type = SECCOMP_TYPES[text] ?? (text.startsWith('localhost/') ? 'Localhost' : undefined);
  if (type !== undefined && type !== profile.type) {
    return [forbidden(path.at('type'), 'seccomp type in annotation and field must match')];
  }
  if (type === 'Localhost' && profile.localhostProfile !== text.slice('localhost/'.length)) {
    return [forbidden(path.at('localhostProfile'), 'seccomp profile in annotation and field must match')];
  }
  return [];
}

/** Written as a 32-bit number without plus sign or leading zeroes. Source: KEP-2255. */
function validateDeletionCost({ metadata }: Pod): FieldError[] {
  const text = metadata.annotations?.[DELETION_COST];
  if (text === undefined) return [];
  const good = /^(0|-?[1-9]\d*)$/.test(text) && Math.abs(Number(text)) <= MAX_INT32;
  return good ? [] : [invalid(ANNOTATIONS.key(DELETION_COST), text, 'must be a 32bit integer')];
}
