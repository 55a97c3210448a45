/** The page in Chromium, and how long each of its frames takes while it shows what comes. */
import { setTimeout as delay } from 'node:timers/promises';
import { launchChromium } from '../../test/support/chromium.ts';

const COUNT_FRAMES = `
  window.frames_ = [];
  let last = performance.now();
  const count = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(count); };
  requestAnimationFrame(count);
`;
/** Somebody goes from one view to the next. */
const STAY_MS = 5_000;

export interface WatchedPage {
  /** @returns ms between two frames */
  end(): Promise<number[]>;
}

export async function watchPage(executablePath: string, url: string): Promise<WatchedPage> {
  const browser = await launchChromium(executablePath);
  const page = await browser.newPage();
  await page.goto(url);
  await page.getByRole('status').waitFor();
  await page.evaluate(COUNT_FRAMES);
  let isOver = false;
  const going = (async () => {
    for (let turn = 1; !isOver; turn++) {
      await delay(STAY_MS);
      const name = ['Now', 'Traces', 'Lines', 'Deadlines', 'Findings'][turn % 5] ?? 'Now';
      if (!isOver) await page.getByRole('link', { name, exact: true }).click();
    }
  })();
  return {
    async end() {
      isOver = true;
      const frames = await page.evaluate<number[]>('window.frames_');
      await going.catch(() => {});
      await browser.close();
      return frames;
    },
  };
}
