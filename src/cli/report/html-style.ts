/** How the page of a report looks: light and dark, on a phone, on paper. */
export const STYLE = `
:root {
  --back: #fff;
  --front: #1b1b1f;
  --dim: #5f6368;
  --line: #dadce0;
  --raised: #f5f6f8;
  --bad: #b3261e;
  --good: #188038;
  color-scheme: light dark;
  font: 15px / 1.45 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #17181c;
    --front: #e6e7ea;
    --dim: #9aa0a6;
    --line: #3a3d42;
    --raised: #202227;
    --bad: #f2867c;
    --good: #81c995;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--front); }
main { max-width: 80rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { margin: 1rem 0 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 0.4rem; font-size: 1.15rem; }
h3 { margin: 1.2rem 0 0.2rem; font-size: 0.95rem; overflow-wrap: anywhere; }
p { margin: 0.2rem 0 0.6rem; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.92em; }
pre { overflow-x: auto; padding: 0.6rem; background: var(--raised); border: 1px solid var(--line); }
.dim { color: var(--dim); }
.verdict { padding: 0.5rem 0.8rem; border: 1px solid var(--line); border-inline-start: 4px solid var(--good); background: var(--raised); }
.verdict.failed { border-inline-start-color: var(--bad); }
.verdict ul, .verdict p { margin: 0.1rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.6rem; margin: 1rem 0; }
.figures > div { padding: 0.5rem 0.8rem; background: var(--raised); border: 1px solid var(--line); border-radius: 0.4rem; }
.figures dt { color: var(--dim); font-size: 0.85em; }
.figures dd { margin: 0; }
.figures b { display: block; font-size: 1.4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.25rem 0.8rem 0.25rem 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--dim); white-space: nowrap; font-size: 0.9em; }
tbody th { min-width: 14rem; overflow-wrap: anywhere; white-space: pre-wrap; }
td.text { overflow-wrap: anywhere; min-width: 6rem; }
.number { text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
.rows { margin: 0; padding: 0; list-style: none; }
.rows > li { padding: 0.25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.new { color: var(--bad); }
.cells { display: flex; min-width: 20rem; }
.cell { display: inline-block; width: 1.1rem; height: 1.1rem; border-inline-end: 1px solid var(--back); vertical-align: text-bottom; }
.cells .cell { flex: 1; width: auto; }
.heat-0 { background: #d7e8dc; }
.heat-1 { background: #a8d3b5; }
.heat-2 { background: #6fb585; }
.heat-3 { background: #f6c8a0; }
.heat-4 { background: #ee9a60; }
.heat-5 { background: #d85a3a; }
.heat-6 { background: #a11a1a; }
@media (width < 45rem) {
  .wide table { min-width: 42rem; }
  tbody th { min-width: 9rem; }
}
@media print {
  :root { --back: #fff; --front: #000; --dim: #444; --line: #bbb; --raised: #fff; --bad: #b3261e; --good: #188038; color-scheme: light; font-size: 9pt; }
  .cell { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .wide, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  tr, li, .figures > div { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  main { padding: 0; max-width: none; }
}
`;
