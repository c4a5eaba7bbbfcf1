// The page of drills: asks for the state once a second, and sends commands.
(function () {
  'use strict';
  const at = (id) => document.getElementById('drill-' + id);
  const base = new URL('.', document.currentScript.src).pathname;

  async function ask(what, body) {
    const options = body === undefined ? {} : {method: 'POST', headers: {'Content-Type': 'application/json', 'Gatefault-Lab': '1'}, body: JSON.stringify(body)};
    const response = await fetch(base + what, options);
    const out = await response.json();
    if (!response.ok) throw new Error(out.error || out.detail || response.statusText);
    return out;
  }

  function trouble(err) { at('trouble').textContent = err ? err.message || err : ''; }

  function draw(failed) {
    const points = (failed || []).map((percent, i, all) => (300 - all.length + i) + ',' + (58 - percent * 0.56));
    document.querySelector('#drill-graph polyline').setAttribute('points', points.join(' '));
  }

  function show(view) {
    const choice = at('gateway');
    if (choice.options.length === 0) view.gateways.forEach((name) => choice.add(new Option(name)));
    at('scene').textContent = view.scene ? view.clock + '  ' + view.scene : '';
    at('status').textContent = view.status || '';
    at('reveal').textContent = view.reveal || '';
    if (view.trouble) trouble(view.trouble);
    draw(view.failed);
  }

  async function look() {
    try { show(await ask('state')); } catch (err) { trouble(err); }
  }

  at('wish').addEventListener('submit', async (event) => {
    event.preventDefault();
    trouble('');
    at('shown').textContent = '';
    const wish = {gateway: at('gateway').value, level: Number(at('level').value)};
    if (at('seed').value.trim() !== '') wish.seed = Number(at('seed').value);
    try { await ask('begin', wish); } catch (err) { trouble(err); }
    look();
  });

  at('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const command = at('command').value.trim();
    if (command === '') return;
    at('command').value = '';
    trouble('');
    try {
      const out = await ask('do', {command});
      at('shown').textContent = '> ' + command + '\n' + out.shown + '\n\n' + at('shown').textContent.slice(0, 20000);
    } catch (err) { trouble(err); }
    look();
  });

  look();
  setInterval(look, 1000);
})();
