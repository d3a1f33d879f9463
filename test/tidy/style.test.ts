import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { overLimit } from './over-limit.ts';
import { isTest, sourceFiles } from './sources.ts';

const MAX_LINES = 500;

const sources = sourceFiles('src').filter((file) => !isTest(file.path));

function linesWith(pattern: RegExp, except: (path: string) => boolean): readonly string[] {
  return sources
    .filter((file) => !except(file.path))
    .flatMap((file) =>
      file.text
        .split('\n')
        .map((line, index) => ({ line, at: `${file.path}:${index + 1}` }))
        .filter(({ line }) => pattern.test(line.replace(/\/\/.*$|^\s*\*.*$|\/\*.*\*\//g, '')))
        .map(({ line, at }) => `${at} ${line.trim()}`),
    );
}

test('tidy: files stay under 500 lines, or are listed with a reason', () => {
  const long = sources.filter((file) => file.text.split('\n').length > MAX_LINES).map((file) => file.path);
  assert.deepEqual(
    long.filter((path) => !overLimit[path]),
    [],
  );
  assert.deepEqual(
    Object.keys(overLimit).filter((path) => !long.includes(path)),
    [],
    'listed, but no longer over the limit',
  );
});

test('tidy: clocks, timers and randomness are taken from src/base', () => {
  const base = (path: string) => path.startsWith('src/base/');
  assert.deepEqual(linesWith(/\bDate\.now\(|\bMath\.random\(|(?<![.\w])set(Timeout|Interval)\(/, base), []);
});

test('tidy: process exit and environment only in src/cmd', () => {
  assert.deepEqual(
    linesWith(/\bprocess\.(exit|env)\b/, (path) => path.startsWith('src/cmd/')),
    [],
  );
});

test('tidy: nothing is left for later in the sources', () => {
  const words = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X'].join(''));
  const wrong = sources.filter((file) => words.test(file.text)).map((file) => file.path);
  assert.deepEqual(wrong, []);
});

test('tidy: file names are kebab-case and say something', () => {
  const vague = /^(utils?|helpers?|common|misc|manager\d*)\.ts$/;
  const wrong = sources
    .map((file) => file.path)
    .filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path)) || vague.test(basename(path)));
  assert.deepEqual(wrong, []);
});
