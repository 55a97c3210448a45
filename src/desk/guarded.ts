/**
 * Who may ask: whoever sits at this machine, by a page that came from here. A page of a stranger that the same browser shows
 * could otherwise read what is kept, by a name that it makes to be this address (DNS rebinding) or across origins.
 */
import type { MiddlewareHandler } from 'hono';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param host that it listens on; that everybody may reach when it is a name for all addresses */
export function guarded(host: string): MiddlewareHandler {
  const isOpen = host === '0.0.0.0' || host === '::';
  const names = [...LOOPBACK, host.includes(':') ? `[${host}]` : host];
  return async (context, next) => {
    const asked = context.req.header('host') ?? '';
    const name = asked.replace(/:\d+$/, '').toLowerCase();
    if (!isOpen && !names.includes(name)) {
      return context.json(
        { message: `this is ${names.join(', ')}, not ${name || 'a host without a name'}` },
        403,
      );
    }
    const origin = context.req.header('origin');
    if (origin !== undefined && origin !== `http://${asked}`) {
      return context.json({ message: `pages of ${origin} may not ask here` }, 403);
    }
    await next();
    context.header('content-security-policy', POLICY);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    context.header('cross-origin-resource-policy', 'same-origin');
  };
}
