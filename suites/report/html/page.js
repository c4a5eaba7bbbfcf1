gf.theme(document.getElementById("theme"));
gf.copy(document);

const matrix = document.getElementById("matrix");
const columns = [...matrix.querySelectorAll("thead th[data-column]")];
const rows = [...matrix.querySelectorAll("tr[data-story]")].map((row) => ({
  row,
  text: row.textContent.toLowerCase(),
  cause: row.parentElement.dataset.cause,
  cells: [...row.cells].slice(1),
}));
const links = new Map();
for (const { cells } of rows) {
  for (const cell of cells) {
    const link = cell.firstElementChild;
    if (link) links.set(decodeURIComponent(link.hash.slice(1)), link);
  }
}

// The filters: a row is shown if its text and cause fit and one of its visible cells has one of the verdicts.
gf.filters(document.getElementById("filters"), (chosen) => {
  const words = chosen.text.split(/\s+/).filter(Boolean);
  const wanted = columns.map((head) => !chosen.column?.length || chosen.column.includes(head.dataset.column));
  columns.forEach((head, i) => (head.hidden = !wanted[i]));
  let shown = 0;
  const groups = new Set();
  for (const { row, text, cause, cells } of rows) {
    let fitting = 0;
    cells.forEach((cell, i) => {
      cell.hidden = !wanted[i];
      const link = cell.firstElementChild;
      if (!link) return;
      const fits = !chosen.verdict?.length || chosen.verdict.includes(link.dataset.verdict);
      link.toggleAttribute("data-away", !fits);
      if (fits && wanted[i]) fitting++;
    });
    row.hidden = !fitting || (chosen.cause && cause !== chosen.cause) || !words.every((word) => text.includes(word));
    if (!row.hidden) {
      shown += fitting;
      groups.add(row.parentElement);
    }
  }
  for (const group of matrix.tBodies) group.hidden = !groups.has(group);
  document.getElementById("nothing").hidden = shown > 0;
  document.getElementById("told").textContent = `${shown} of ${links.size} cells`;
});

// Arrow keys go from cell to cell.
matrix.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const link = event.target.closest("a.gf-cell");
  if (!step || !link) return;
  event.preventDefault();
  neighbour(link, ...step)?.focus();
});

function neighbour(link, down, right) {
  const visible = rows.filter(({ row }) => !row.hidden);
  let y = visible.findIndex(({ row }) => row.contains(link));
  let x = link.parentElement.cellIndex - 1;
  for (;;) {
    y += down;
    x += right;
    const cell = visible[y]?.cells[x];
    if (!cell) return null;
    if (!cell.hidden && cell.firstElementChild) return cell.firstElementChild;
  }
}

// The story of a cell: those of one scenario are compressed together.
const stories = JSON.parse(document.getElementById("stories").textContent);
const dialog = document.getElementById("story");

const columnOf = (link) => columns[link.parentElement.cellIndex - 1].firstChild.textContent;

function sibling(link, current) {
  const out = link.cloneNode(true);
  const name = document.createElement("span");
  name.textContent = columnOf(link);
  out.prepend(name);
  if (link === current) out.setAttribute("aria-current", "true");
  return out;
}

function lead(id, link) {
  const button = document.getElementById(id);
  if (link) button.href = link.hash;
  else button.removeAttribute("href");
  button.setAttribute("aria-disabled", String(!link));
}

gf.addressed(dialog, async (id, current) => {
  const link = links.get(id);
  if (!link) return false;
  const row = link.closest("tr");
  const told = JSON.parse(await gf.inflate(stories[row.dataset.story]));
  if (!current()) return false;
  document.getElementById("story-title").textContent = `${row.cells[0].firstElementChild.textContent} · ${columnOf(link)}`;
  document.getElementById("story-body").innerHTML = told[id];
  const cells = [...row.querySelectorAll("a.gf-cell")];
  document.getElementById("siblings").replaceChildren(...(cells.length > 1 ? cells.map((cell) => sibling(cell, link)) : []));
  lead("before", neighbour(link, 0, -1) ?? neighbour(link, -1, 0));
  lead("after", neighbour(link, 0, 1) ?? neighbour(link, 1, 0));
  return true;
});
