// Reads policy/testdata/routematcher.json on standard input and writes it with the
// answers of Clerk's own matcher: which of the paths each pattern matches (null: it
// is no pattern), and which paths the matcher refuses as malformed. Patterns of the
// group RegExp are literals of regular expressions. Paths get to the matcher as
// createRouteMatcher hands them to it: as the pathname of a parsed URL.
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const { createPathMatcher, isMalformedURLError } = await import('@clerk/shared/pathMatcher');
const { version } = JSON.parse(readFileSync(new URL('node_modules/@clerk/shared/package.json', import.meta.url)));

const corpus = JSON.parse(await text(process.stdin));
const paths = Object.values(corpus.paths).flat();

function literal(pattern) {
  const end = pattern.lastIndexOf('/');
  return new RegExp(pattern.slice(1, end), pattern.slice(end + 1));
}

function compile(pattern) {
  try {
    return createPathMatcher(pattern);
  } catch {
    return null;
  }
}

// judge returns true, false, or null for a path that is malformed.
function judge(matches, path) {
  const { pathname } = new URL('https://app.acme.com' + path);
  try {
    return matches(pathname);
  } catch (error) {
    if (!isMalformedURLError(error)) throw error;
    return null;
  }
}

// Each pattern has a line of its own, so that changes can be read.
function lines(entries) {
  return entries.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(',\n').replace(/^/gm, '  ');
}

function answers([name, patterns]) {
  const entries = Object.keys(patterns).map(pattern => {
    const matches = compile(name === 'RegExp' ? literal(pattern) : pattern);
    return [pattern, JSON.stringify(matches && paths.filter(path => judge(matches, path)))];
  });
  return [name, `{\n${lines(entries)}\n}`];
}

const lists = Object.entries(corpus.paths).map(([name, list]) => [name, JSON.stringify(list)]);
const output = [
  ['sdk', JSON.stringify(version)],
  ['paths', `{\n${lines(lists)}\n}`],
  ['malformed', JSON.stringify(paths.filter(path => judge(compile('/(.*)'), path) === null))],
  ['patterns', `{\n${lines(Object.entries(corpus.patterns).map(answers))}\n}`],
];
process.stdout.write(`{\n${lines(output)}\n}\n`);
