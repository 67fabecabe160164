// Clouds that one can turn: drag, touch or arrow keys; twice clicked they stand as they were. No library, no network.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("clouds").textContent);
  const together = document.getElementById("together");
  const legend = document.querySelectorAll("input[name=coloring]");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const times = (a, b) => [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) =>
    a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j]));
  const turned = (a) => [a[0], a[3], a[6], a[1], a[4], a[7], a[2], a[5], a[8]];
  const about = (axis, angle) => {
    const c = Math.cos(angle), s = Math.sin(angle);
    return axis === 0 ? [1, 0, 0, 0, c, -s, 0, s, c] : [c, 0, s, 0, 1, 0, -s, 0, c];
  };
  const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  // from the axes of the files to the screen: x to the right, y up, z towards the eye
  const upright = { x: [0, 1, 0, 1, 0, 0, 0, 0, -1], y: identity, z: [1, 0, 0, 0, 0, 1, 0, -1, 0] }[data.up];
  const view = times(about(0, 0.35), times(about(1, -0.6), upright));
  const viewers = [];

  function nearest(rotation) {
    let best = 0, largest = -Infinity;
    data.turns.forEach((turn, k) => {
      const trace = turn.reduce((sum, value, i) => sum + value * rotation[i], 0);
      if (trace > largest + 1e-9) [best, largest] = [k, trace];
    });
    return best;
  }

  function viewer(figure, cloud) {
    const canvas = figure.querySelector("canvas"), said = figure.querySelector(".said");
    const marks = figure.querySelectorAll(".marks i"), pen = canvas.getContext("2d");
    const points = new Int16Array(bytes(cloud.points).buffer), count = points.length / 3;
    const truth = cloud.truths && bytes(cloud.truths), parts = cloud.parts && bytes(cloud.parts);
    const order = Array.from({ length: count }, (_, i) => i), screen = new Float32Array(3 * count);
    const self = { rotation: identity, draw, turn };

    function color(i, k, ink) {
      if (!parts) return ink;
      const mode = [...legend].find((input) => input.checked)?.value ?? "said";
      const given = truth[i], found = parts[k * count + i];
      if (mode === "wrong") return given === found ? data.gray : data.red;
      return data.colors[mode === "true" ? given : found];
    }

    function draw() {
      const side = canvas.clientWidth, scale = window.devicePixelRatio || 1;
      if (!side) return;
      if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
      const k = nearest(self.rotation), m = times(view, self.rotation), half = canvas.width / 2;
      for (let i = 0; i < count; i++) {
        const x = points[3 * i] / 32767, y = points[3 * i + 1] / 32767, z = points[3 * i + 2] / 32767;
        for (let r = 0; r < 3; r++) screen[3 * i + r] = m[3 * r] * x + m[3 * r + 1] * y + m[3 * r + 2] * z;
      }
      order.sort((a, b) => screen[3 * a + 2] - screen[3 * b + 2]);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const size = half * Math.min(0.05, 0.55 / Math.sqrt(count));
      for (const i of order) {
        const depth = screen[3 * i + 2], near = 1 / (1 - 0.22 * depth);
        pen.globalAlpha = 0.3 + 0.35 * (depth + 1);
        pen.fillStyle = color(i, k, data.ink);
        pen.beginPath();
        pen.arc(half * (1 + 0.8 * near * screen[3 * i]), half * (1 - 0.8 * near * screen[3 * i + 1]), size * near, 0, 7);
        pen.fill();
      }
      said.textContent = cloud.said[k];
      said.style.color = cloud.inks[k];
      marks.forEach((mark, place) => mark.classList.toggle("here", place === k));
    }

    function turn(rotation) {
      self.rotation = times(turned(view), times(rotation, times(view, self.rotation)));
      draw();
    }

    let last = [0, 0];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = [event.clientX, event.clientY];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const [right, down] = [event.clientX - last[0], event.clientY - last[1]].map((d) => 3.5 * d / canvas.clientWidth);
      last = [event.clientX, event.clientY];
      all(self, times(about(1, right), about(0, down)));
    });
    canvas.addEventListener("dblclick", () => reset(self));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") reset(self);
      if (!step) return;
      event.preventDefault();
      all(self, about(step[0], 0.15 * step[1]));
    });
    new ResizeObserver(draw).observe(canvas);
    marks.forEach((mark, place) => mark.addEventListener("click", () => {
      for (const one of together.checked ? viewers : [self]) { one.rotation = data.turns[place]; one.draw(); }
    }));
    return self;
  }

  const all = (self, rotation) => (together.checked ? viewers : [self]).forEach((one) => one.turn(rotation));
  const reset = (self) => (together.checked ? viewers : [self]).forEach((one) => {
    one.rotation = identity;
    one.draw();
  });
  document.querySelectorAll("figure.cloud").forEach((figure, place) => viewers.push(viewer(figure, data.clouds[place])));
  legend.forEach((input) => input.addEventListener("change", () => {
    document.querySelectorAll(".keys").forEach((keys, place) => {
      keys.hidden = (input.value === "wrong") !== (place === 1);
    });
    viewers.forEach((one) => one.draw());
  }));
})();
