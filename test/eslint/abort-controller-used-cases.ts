import type { RuleCases } from './cases.ts';

const errors = [{ messageId: 'neverAborted' }];

export const abortControllerUsed: RuleCases = {
  rule: 'abort-controller-used',
  js: {
    valid: [
      // Aborted, somewhere.
      'const controller = new AbortController(); fetch(url, { signal: controller.signal }); controller.abort();',
      'const controller = new AbortController(); fetch(url, { signal: controller.signal }); setTimeout(controller.abort.bind(controller), 100);',
      "const controller = new AbortController(); fetch(url, { signal: controller.signal }); controller['abort']();",
      'const controller = new AbortController(); const { signal, abort } = controller; fetch(url, { signal });',
      // In other hands.
      'const controller = new AbortController(); start(controller, controller.signal);',
      'const controller = new AbortController(); running.add({ controller }); fetch(url, { signal: controller.signal });',
      'function make() { const controller = new AbortController(); watch(controller.signal); return controller; }',
      'export const controller = new AbortController(); watch(controller.signal);',
      'const controller = new AbortController(); watch(controller.signal); export { controller };',
      'const controller = new AbortController(); watch(controller[key]);',
      // A global of a script.
      {
        code: 'var controller = new AbortController(); watch(controller.signal);',
        languageOptions: { sourceType: 'script' },
      },
      // Meant never to abort: nothing has a name that could.
      'fetch(url, { signal: options.signal ?? new AbortController().signal });',
      'const { signal } = new AbortController(); fetch(url, { signal });',
      // Not used at all, which other rules tell.
      'const controller = new AbortController();',
      // Not the one of the platform.
      'class AbortController {} const controller = new AbortController(); fetch(url, { signal: controller.signal });',
    ],
    invalid: [
      {
        code: 'const controller = new AbortController(); fetch(url, { signal: controller.signal });',
        errors,
      },
      {
        code: 'const controller = new globalThis.AbortController(); const { signal } = controller; fetch(url, { signal });',
        errors,
      },
      {
        code: "async function load() { let c = new AbortController(); await fetch(url, { signal: c['signal'] }); }",
        errors,
      },
      { code: 'const controller = new AbortController(); use(controller?.signal);', errors },
      {
        code: 'const controller = new AbortController(); controller.signal.onabort = stop; fetch(url, { signal: controller.signal });',
        errors,
      },
    ],
  },
  ts: {
    valid: [
      'const controller = new AbortController(); (controller as AbortController)!.abort(); watch(controller.signal);',
    ],
    invalid: [
      {
        code: 'const controller = new AbortController() as AbortController; watch(controller!.signal);',
        errors,
      },
    ],
  },
};
