// Structures that one can turn: drag, touch or arrow keys; a double click brings them back. No library, no network.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("structures").textContent);
  const modes = [...document.querySelectorAll("input[name=arrows]")];
  const mode = () => modes.find((input) => input.checked)?.value ?? "error";
  const times = (a, b) => [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) =>
    a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j]));
  const about = (axis, angle) => {
    const c = Math.cos(angle), s = Math.sin(angle);
    return axis === 0 ? [1, 0, 0, 0, c, -s, 0, s, c] : [c, 0, s, 0, 1, 0, -s, 0, c];
  };
  const norm = (v) => Math.hypot(...v);

  // Principal axes by power iteration: the structure is first seen from its thinnest side.
  function firstView(points) {
    const moment = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (const p of points) for (let i = 0; i < 9; i++) moment[i] += p[Math.floor(i / 3)] * p[i % 3];
    const apply = (v) => [0, 1, 2].map((i) => moment[3 * i] * v[0] + moment[3 * i + 1] * v[1] + moment[3 * i + 2] * v[2]);
    const unit = (v) => v.map((x) => x / (norm(v) || 1));
    const without = (v, u) => { const d = v[0] * u[0] + v[1] * u[1] + v[2] * u[2]; return v.map((x, i) => x - d * u[i]); };
    let x = [1, 0.3, 0.2], y = [0.1, 1, 0.4];
    for (let k = 0; k < 60; k++) { x = unit(apply(x)); y = unit(without(apply(y), x)); }
    if (!(norm(x) > 0.5) || !(norm(y) > 0.5)) return [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    return times(about(0, 0.35), times(about(1, -0.35), [...x, ...y, ...z]));
  }

  function viewer(figure, structure) {
    const canvas = figure.querySelector("canvas"), longest = figure.querySelector(".longest");
    const pen = canvas.getContext("2d"), count = structure.positions.length;
    const ends = structure.box.flatMap((e) => [e.slice(0, 3), e.slice(3)]);
    const extent = Math.max(1.5, ...[...structure.positions, ...ends].map(norm)) + 0.6;
    const start = firstView(structure.positions);
    let rotation = start;

    function draw() {
      const side = canvas.clientWidth, scale = window.devicePixelRatio || 1;
      if (!side) return;
      if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
      const half = canvas.width / 2, ink = getComputedStyle(canvas).color, m = rotation;
      const turn = (p) => [0, 1, 2].map((r) => m[3 * r] * p[0] + m[3 * r + 1] * p[1] + m[3 * r + 2] * p[2]);
      const near = (z) => 0.92 * half / (extent * (1 - 0.18 * z / extent));
      const flat = (v) => [half + near(v[2]) * v[0], half - near(v[2]) * v[1]];
      const line = (a, b, width, color, alpha) => {
        pen.globalAlpha = alpha; pen.strokeStyle = color; pen.lineWidth = width; pen.lineCap = "round";
        pen.beginPath(); pen.moveTo(...flat(a)); pen.lineTo(...flat(b)); pen.stroke();
      };
      const fade = (z) => 0.55 + 0.45 * Math.min(1, Math.max(0, 0.5 + z / (2 * extent)));
      const points = structure.positions.map(turn), arrows = structure.arrows[mode()];
      const things = [];
      structure.box.forEach((e) => {
        const a = turn(e.slice(0, 3)), b = turn(e.slice(3));
        things.push([(a[2] + b[2]) / 2 - 0.01, () => line(a, b, scale, ink, 0.25)]);
      });
      structure.bonds.forEach(([i, j]) => things.push([(points[i][2] + points[j][2]) / 2,
        () => line(points[i], points[j], 0.13 * near(0), "#8a8f98", fade((points[i][2] + points[j][2]) / 2))]));
      for (let i = 0; i < count; i++) {
        const p = points[i];
        things.push([p[2], () => {
          const [x, y] = flat(p), size = structure.radii[i] * near(p[2]);
          const shade = pen.createRadialGradient(x - size / 3, y - size / 3, size / 8, x, y, size);
          shade.addColorStop(0, `color-mix(in srgb, ${structure.colors[i]} 55%, white)`);
          shade.addColorStop(1, structure.colors[i]);
          pen.globalAlpha = fade(p[2]); pen.fillStyle = shade;
          pen.beginPath(); pen.arc(x, y, size, 0, 7); pen.fill();
          pen.lineWidth = 0.6 * scale; pen.strokeStyle = "#0006"; pen.stroke();
        }]);
        const tip = turn(structure.positions[i].map((value, axis) => value + arrows[i][axis]));
        const length = norm(arrows[i]);
        if (length > 0.05) things.push([(p[2] + tip[2]) / 2 + structure.radii[i], () => {
          const color = mode() === "error" ? "#d1495b" : "#4878d0", width = 0.07 * near(tip[2]);
          const [x, y] = flat(tip), [u, v] = flat(p), d = Math.hypot(x - u, y - v) || 1;
          const head = Math.min(3.2 * width, 0.6 * d), [dx, dy] = [(x - u) / d, (y - v) / d];
          pen.globalAlpha = 0.95; pen.strokeStyle = pen.fillStyle = color; pen.lineWidth = width; pen.lineCap = "butt";
          pen.beginPath(); pen.moveTo(u, v); pen.lineTo(x - head * dx, y - head * dy); pen.stroke();
          pen.beginPath(); pen.moveTo(x, y);
          pen.lineTo(x - head * dx - head * dy / 2, y - head * dy + head * dx / 2);
          pen.lineTo(x - head * dx + head * dy / 2, y - head * dy - head * dx / 2);
          pen.fill();
        }]);
      }
      pen.clearRect(0, 0, canvas.width, canvas.height);
      things.sort((a, b) => a[0] - b[0]).forEach((thing) => thing[1]());
      longest.textContent = `longest arrow ${structure.longest[mode()]} meV/A`;
    }

    const turnBy = (matrix) => { rotation = times(matrix, rotation); draw(); };
    let last = [0, 0];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = [event.clientX, event.clientY];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const [right, down] = [event.clientX - last[0], event.clientY - last[1]].map((d) => 3.5 * d / canvas.clientWidth);
      last = [event.clientX, event.clientY];
      turnBy(times(about(1, right), about(0, down)));
    });
    canvas.addEventListener("dblclick", () => { rotation = start; draw(); });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") { rotation = start; draw(); }
      if (!step) return;
      event.preventDefault();
      turnBy(about(step[0], 0.15 * step[1]));
    });
    new ResizeObserver(draw).observe(canvas);
    return draw;
  }

  const draws = [...document.querySelectorAll("figure.structure")].map((figure, k) => viewer(figure, data.structures[k]));
  modes.forEach((input) => input.addEventListener("change", () => draws.forEach((draw) => draw())));
})();
