import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fullUrl, parseAuthority, pathOfTarget, redactQuery } from '../../src/conventions/url.ts';

describe('URLs of HTTP requests', () => {
  it('a default port is left out, and an IPv6 address gets its brackets', () => {
    assert.equal(fullUrl('http:', 'a.test', 80, '/'), 'http://a.test/');
    assert.equal(fullUrl('https:', 'a.test', 443, '/'), 'https://a.test/');
    assert.equal(fullUrl('https:', 'a.test', 80, '/'), 'https://a.test:80/');
    assert.equal(fullUrl('http:', 'a.test', undefined, '/x'), 'http://a.test/x');
    assert.equal(fullUrl('http:', '::1', 8080, '/'), 'http://[::1]:8080/');
    assert.equal(fullUrl('http:', '[::1]', 8080, '/'), 'http://[::1]:8080/');
  });

  it('a URL as the target loses its credentials, wherever there is an @', () => {
    assert.equal(fullUrl('http:', 'proxy.test', 80, 'http://u:p@a.test/x?y=@'), 'http://a.test/x?y=@');
    assert.equal(fullUrl('http:', 'proxy.test', 80, 'http://u:p@a.test'), 'http://a.test');
    assert.equal(fullUrl('http:', 'proxy.test', 80, 'http://a.test/@'), 'http://a.test/@');
    assert.equal(
      fullUrl('http:', 'a.test', 80, '/redirect?to=http://b.test'),
      'http://a.test/redirect?to=http://b.test',
    );
  });

  it('the path of a target', () => {
    assert.equal(pathOfTarget('/a?b'), '/a?b');
    assert.equal(pathOfTarget('*'), '*');
    assert.equal(pathOfTarget('http://u:p@a.test/b?c'), '/b?c');
    assert.equal(pathOfTarget('http://a.test'), '/');
  });

  it('signatures are taken out of a query, and nothing else', () => {
    assert.equal(redactQuery('/a'), '/a');
    assert.equal(
      redactQuery('/a?sig=1&x=2&Signature=3&AWSAccessKeyId=4'),
      '/a?sig=REDACTED&x=2&Signature=REDACTED&AWSAccessKeyId=REDACTED',
    );
    assert.equal(redactQuery('?sig=1'), '?sig=REDACTED');
    assert.equal(redactQuery('/a?design=1&sig='), '/a?design=1&sig=');
    assert.equal(redactQuery('/sig=1?x=2'), '/sig=1?x=2');
  });

  it('a Host header', () => {
    assert.deepEqual(parseAuthority('a.test'), { host: 'a.test', port: undefined });
    assert.deepEqual(parseAuthority('a.test:81'), { host: 'a.test', port: 81 });
    assert.deepEqual(parseAuthority('[::1]'), { host: '[::1]', port: undefined });
    assert.deepEqual(parseAuthority('[::1]:81'), { host: '[::1]', port: 81 });
    assert.deepEqual(parseAuthority('a.test:x'), { host: 'a.test', port: undefined });
  });

  it('is cut after its secrets are taken out', () => {
    const url = fullUrl('http:', 'a.test', 80, `/${'x'.repeat(8_160)}?sig=${'s'.repeat(9_000)}`);
    assert.ok(url.endsWith('?sig=REDACTED'), url.slice(-40));
    assert.equal(fullUrl('http:', 'a.test', 80, `/${'x'.repeat(9_000)}`).length, 8_192);
    assert.equal(parseAuthority(`${'h'.repeat(300)}:80`).host.length, 256);
  });
});
