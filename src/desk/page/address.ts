/** Where the page is, kept in its address: a link to it shows the same. */
import { useEffect, useState } from 'preact/hooks';

const CHANGED = 'addresschange';

export function useAddress(): URLSearchParams {
  const [search, setSearch] = useState(location.search);
  useEffect(() => {
    const read = () => setSearch(location.search);
    addEventListener('popstate', read);
    addEventListener(CHANGED, read);
    return () => {
      removeEventListener('popstate', read);
      removeEventListener(CHANGED, read);
    };
  }, []);
  return new URLSearchParams(search);
}

/** @param values what is set; undefined or empty is taken out. Everything else stays, but for a `view` that is left. */
export function addressWith(
  values: Readonly<Record<string, string | undefined>>,
  from?: URLSearchParams,
): string {
  const query = new URLSearchParams(from);
  for (const [name, value] of Object.entries(values)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return text === '' ? location.pathname : `?${text}`;
}

/** @param replace no step of its own for the back button: typing in a field, say */
export function go(address: string, replace = false): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  dispatchEvent(new Event(CHANGED));
}

/** For links: those that are opened in another tab stay what they are. */
export function onLink(event: MouseEvent): void {
  const link = (event.target as Element).closest('a');
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const isHere = link?.origin === location.origin && link.pathname === location.pathname && link.hash === '';
  if (!isPlain || !isHere) return;
  event.preventDefault();
  go(link.pathname + link.search);
  scrollTo(0, 0);
}
