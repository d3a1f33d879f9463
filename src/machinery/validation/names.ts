/** Checks of names. Each returns messages, none where the value is good. Source: RFC 1035, RFC 1123, API conventions. */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

const MAX_LABEL = 63;
const MAX_SUBDOMAIN = 253;

/** What a name check is given; `prefix` is true for a generateName, which may end in a dash. */
export type NameCheck = (name: string, prefix: boolean) => readonly string[];

function withoutDash(name: string, prefix: boolean): string {
  return prefix && name.endsWith('-') && name.length > 1 ? `${name.slice(0, -1)}a` : name;
}

export const isDnsSubdomain: NameCheck = (name, prefix) => {
  const value = withoutDash(name, prefix);
  const messages: string[] = [];
  if (value.length > MAX_SUBDOMAIN) messages.push(`must be no more than ${MAX_SUBDOMAIN} bytes`);
  if (!SUBDOMAIN.test(value)) {
    messages.push(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
  }
  return messages;
};

export const isDnsLabel: NameCheck = (name, prefix) => {
  const value = withoutDash(name, prefix);
  const messages: string[] = [];
  if (value.length > MAX_LABEL) messages.push(`must be no more than ${MAX_LABEL} bytes`);
  if (!LABEL.test(value)) {
    messages.push(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    );
  }
  return messages;
};

export const isDns1035Label: NameCheck = (name, prefix) => {
  const value = withoutDash(name, prefix);
  const messages: string[] = [];
  if (value.length > MAX_LABEL) messages.push(`must be no more than ${MAX_LABEL} bytes`);
  if (!LABEL_1035.test(value)) {
    messages.push(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    );
  }
  return messages;
};

/** Names that are one segment of a path and nothing more (RBAC names). */
export const isPathSegment: NameCheck = (name, prefix) => {
  const messages: string[] = [];
  if (!prefix && (name === '.' || name === '..')) messages.push(`may not be '${name}'`);
  for (const part of ['/', '%']) if (name.includes(part)) messages.push(`may not contain '${part}'`);
  return messages;
};
