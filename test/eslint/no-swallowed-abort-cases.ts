import type { RuleCases } from './cases.ts';

const errors = [{ messageId: 'goesOn' }];

export const noSwallowedAbort: RuleCases = {
  rule: 'no-swallowed-abort',
  js: {
    valid: [
      // It tells errors from each other, passes them on, or leaves.
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { if (signal.aborted) throw error; } await save(); }',
      "async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { if (error.name !== 'AbortError') log(error); } await save(); }",
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch { signal.throwIfAborted(); } await save(); }',
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { throw new LoadError(error); } await save(); }',
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch { return undefined; } await save(); }',
      'async function load(url, { signal }, reject) { try { await fetch(url, { signal }); } catch (error) { reject(error); } await save(); }',
      // Nothing comes behind it.
      'async function load(url, { signal }) { try { await fetch(url, { signal }); await save(); } catch (error) { log(error); } }',
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { log(error); } await file.close(); }',
      'async function load(url, { signal }) { let answer; try { answer = await fetch(url, { signal }); } catch (error) { log(error); } if (answer === undefined) return; await save(); }',
      // What comes has the signal, too.
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { log(error); } await fetch("http://b", { signal }); }',
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } catch (error) { log(error); } signal.throwIfAborted(); await save(); }',
      'async function load(urls, { signal }) { for (const url of urls) { try { await fetch(url, { signal }); } catch (error) { log(error); } } }',
      'async function load(url, { signal }) { while (!signal.aborted) { try { await fetch(url, { signal }); } catch (error) { log(error); } await pause(1000); } }',
      // Nothing of it was given a signal.
      'async function load(url, { signal }) { signal.throwIfAborted(); try { await fetch(url); } catch (error) { log(error); } await save(); }',
      'async function load(url) { try { await fetch(url, { signal: AbortSignal.timeout(100) }); } catch (error) { log(error); } await save(); }',
      'async function load(url, { signal }) { try { await fetch(url, { signal }); } finally { await save(); } }',
    ],
    invalid: [
      {
        code: 'async function load(url, { signal }) { let answer; try { answer = await fetch(url, { signal }); } catch { answer = undefined; } await save("none"); }',
        errors,
      },
      {
        code: 'async function load(url, { signal }) { if (url) { try { await fetch(url, { signal }); } catch (error) { console.error(error); } } await save(); }',
        errors,
      },
      {
        code: 'async function load(url, { signal }) { for (let tries = 0; tries < 3; tries++) { try { return await fetch(url, { signal }); } catch (error) { console.error(error); } await pause(1000); } }',
        errors,
      },
    ],
  },
};
