#include "cli/html_style.h"

namespace recast::cli {

const std::string_view html_style = R"css(:root {
  color-scheme: light dark;
  --ink: #1b1b1f;
  --paper: #ffffff;
  --faint: #6b6b76;
  --line: #d8d8de;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --paper: #16161a; --faint: #9a9aa6; --line: #3a3a42; }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  margin: 0; }
main { margin: 0 auto; max-width: 64rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { border-top: 1px solid var(--line); font-size: 1.2rem; margin-top: 2rem; padding-top: 1rem;
  overflow-wrap: anywhere; }
h3 { font-size: 1rem; }
dl { display: grid; gap: .2rem 1rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; }
figcaption { font-weight: 600; }
svg { color: var(--ink); display: block; height: auto; max-width: 100%; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
svg .none { fill: none; stroke: var(--line); stroke-dasharray: 2 2; }
svg .axis { stroke: var(--faint); }
svg .cell, svg .dot { stroke: var(--line); stroke-width: .5; }
table { border-collapse: collapse; font-size: .85rem; margin: .5rem 0; }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .15rem .6rem;
  text-align: left; vertical-align: top; }
.n { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
code { overflow-wrap: anywhere; }
summary { cursor: pointer; }
button { display: none; font: inherit; }
.script button { display: inline-block; }
@media print {
  :root { --ink: #000; --paper: #fff; --faint: #444; --line: #999; }
  main { max-width: none; padding: 0; }
  .script button { display: none; }
  figure, tr { break-inside: avoid; }
  .cell, .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

// A spreadsheet takes a cell that begins with one of =+-@ for a formula: a text gets a quote first.
const std::string_view html_script = R"js('use strict';
document.documentElement.classList.add('script');
function csv(table) {
  return Array.from(table.rows, row => Array.from(row.cells, cell => {
    let text = cell.textContent;
    if (/^[=+\-@]/.test(text) && isNaN(Number(text))) text = "'" + text;
    return '"' + text.replaceAll('"', '""') + '"';
  }).join(',')).join('\r\n') + '\r\n';
}
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
for (const button of document.querySelectorAll('button[data-csv]'))
  button.addEventListener('click', async () => {
    const label = button.textContent;
    try {
      await copy(csv(document.getElementById(button.dataset.csv)));
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'The browser did not allow it';
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
)js";

}  // namespace recast::cli
