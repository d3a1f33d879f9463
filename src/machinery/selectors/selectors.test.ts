import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesFields, parseFieldSelector, showFieldSelector } from './fields.ts';
import {
  compileLabelSelector,
  matchesLabels,
  NOTHING,
  parseLabelSelector,
  SelectorError,
  showLabelSelector,
} from './labels.ts';

test('labels: a selector is read, matched and shown', () => {
  const cases: readonly (readonly [string, Record<string, string>, boolean])[] = [
    ['', { a: '1' }, true],
    ['a=1', { a: '1' }, true],
    ['a==1,b!=2', { a: '1' }, true],
    ['a in (1, 2),!c', { a: '2' }, true],
    ['a notin (1)', {}, true],
    ['a', {}, false],
    ['a>5', { a: '6' }, true],
    ['a<5', { a: 'x' }, false],
    ['a=', { a: '' }, true],
    ['a in (,)', { a: '' }, true],
  ];
  for (const [text, labels, matches] of cases) {
    assert.equal(matchesLabels(parseLabelSelector(text), labels), matches, text);
  }
  assert.equal(showLabelSelector(parseLabelSelector('z, x in (b,a) ,!y,w!=1')), 'w!=1,x in (a,b),!y,z');
});

test('labels: malformed selectors are refused', () => {
  for (const text of ['a in', 'a in (', 'a=b=c', ',', 'a,', '!', 'a in ()x', 'a>x', '/a', 'a=-', 'a!b']) {
    assert.throws(() => parseLabelSelector(text), SelectorError, text);
  }
});

test('labels: an absent LabelSelector selects nothing, an empty one all', () => {
  assert.equal(compileLabelSelector(undefined), NOTHING);
  assert.equal(matchesLabels(compileLabelSelector({}), undefined), true);
  const selection = compileLabelSelector({
    matchLabels: { a: '1' },
    matchExpressions: [{ key: 'b', operator: 'Exists' }],
  });
  assert.equal(matchesLabels(selection, { a: '1', b: '' }), true);
  assert.equal(showLabelSelector(selection), 'a=1,b');
});

test('fields: escapes, operators and errors', () => {
  const selection = parseFieldSelector('metadata.name=a\\,b,status.phase!=Failed');
  assert.deepEqual(selection[0], { field: 'metadata.name', operator: '=', value: 'a,b' });
  assert.equal(
    matchesFields(selection, (field) => (field === 'metadata.name' ? 'a,b' : 'Running')),
    true,
  );
  assert.equal(showFieldSelector(selection), 'metadata.name=a\\,b,status.phase!=Failed');
  for (const text of ['a', 'a=b=c', 'a=\\x']) assert.throws(() => parseFieldSelector(text), SelectorError, text);
});
