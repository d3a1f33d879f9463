/** Checks of short texts that are not object names. Each returns messages, none where the value is good. */

const CONFIG_MAP_KEY = /^[-._a-zA-Z0-9]+$/;
const C_IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HTTP_HEADER = /^[-A-Za-z0-9]+$/;
const PORT_NAME = /^[-a-z0-9]+$/;
const MAX_PORT_NAME = 15;
const MAX_CONFIG_MAP_KEY = 253;
const MAX_PRINTABLE = 0x7e;

export function isConfigMapKey(key: string): readonly string[] {
  const messages: string[] = [];
  if (key.length > MAX_CONFIG_MAP_KEY) messages.push(`must be no more than ${MAX_CONFIG_MAP_KEY} bytes`);
  if (!CONFIG_MAP_KEY.test(key)) {
    messages.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  return [...messages, ...dotNames(key)];
}

function dotNames(key: string): readonly string[] {
  if (key === '.') return ["must not be '.'"];
  if (key === '..') return ["must not be '..'"];
  return key.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Names of environment variables: printable ASCII without `=`. Source: KEP-4369. */
export function isEnvVarName(name: string): readonly string[] {
  if (name === '') return ['environment variable name must not be empty'];
  for (const letter of name) {
    const code = letter.codePointAt(0) ?? 0;
    if (code < 0x20 || code > MAX_PRINTABLE || letter === '=') {
      return [
        "a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1')",
      ];
    }
  }
  return [];
}

export function isCIdentifier(name: string): readonly string[] {
  if (C_IDENTIFIER.test(name)) return [];
  return [
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
  ];
}

export function isHttpHeaderName(name: string): readonly string[] {
  if (HTTP_HEADER.test(name)) return [];
  return [
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
  ];
}

/** IANA service names, as ports are named. Source: RFC 6335, section 5.1. */
export function isPortName(name: string): readonly string[] {
  const messages: string[] = [];
  if (name.length > MAX_PORT_NAME) messages.push(`must be no more than ${MAX_PORT_NAME} characters`);
  if (!PORT_NAME.test(name)) messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) messages.push('must contain at least one letter (a-z)');
  if (name.includes('--')) messages.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
}

/** `10%`, `0%`. */
export function isPercent(text: string): readonly string[] {
  if (/^[0-9]+%$/.test(text)) return [];
  return [
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
  ];
}
