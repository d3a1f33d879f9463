import type { Answer } from './http/exchange.ts';
import { authenticate } from './layers/authenticate.ts';
import { authorize } from './layers/authorize.ts';
import { containBugs } from './layers/contain-bugs.ts';
import { deadline } from './layers/deadline.ts';
import { flowControl } from './layers/flow-control.ts';
import { handle } from './layers/handle.ts';
import { impersonate } from './layers/impersonate.ts';
import { measure } from './layers/measure.ts';
import { negotiate } from './layers/negotiate.ts';
import { statusAnswers } from './layers/status-answers.ts';
import type { Exchange, Layer } from './request/exchange.ts';
import { readRequestInfo } from './layers/request-info.ts';

/** A request goes down this list and its answer comes back up. Order is meaning: each line says why it stands where it does. */
export const chain: readonly Layer[] = [
  statusAnswers, // whatever is thrown below becomes a Status in the client's media type
  readRequestInfo, // everything below asks "which verb, which resource"
  measure, // counts every outcome of what could be read
  deadline, // nothing below can outlive the client's patience; a watch has none
  containBugs, // a bug answers 500 and is logged once, with the request named
  authenticate, // 401 before anything is read
  impersonate, // everything below asks for the impersonated user
  flowControl, // queued before it costs anything
  authorize, // 403 before a body is decoded, and before 404 tells what exists
  negotiate, // 404 for what is not served, 406 and 415
  handle, // the registry, or whoever serves the path
];

/** Sends an exchange down the chain. Resolves with an answer in every case. */
export function runChain(exchange: Exchange): Promise<Answer> {
  return runFrom(exchange, 0);
}

function runFrom(exchange: Exchange, index: number): Promise<Answer> {
  const layer = chain[index];
  if (!layer) throw new Error('the last layer of the chain must answer');
  return layer(exchange, () => runFrom(exchange, index + 1));
}
