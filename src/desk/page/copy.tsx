/** A text for somewhere else. */
import { useState } from 'preact/hooks';

export function Copy({ text }: { text: () => string }) {
  const [said, setSaid] = useState<string>();
  const [toCopy, setToCopy] = useState<string>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid('copied');
    } catch {
      // A browser gives no clipboard to a page that came over the network, or whose user said no.
      setToCopy(text());
    }
  };
  return (
    <>
      <button type="button" class="plain" onClick={copy}>
        {said ?? 'copy as Markdown'}
      </button>
      {toCopy !== undefined && (
        <textarea
          class="to-copy"
          aria-label="The trace as Markdown, to copy"
          readOnly
          rows={8}
          ref={(area) => area?.select()}
          value={toCopy}
        />
      )}
    </>
  );
}
